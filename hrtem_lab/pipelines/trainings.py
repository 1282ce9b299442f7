"""The pipeline of `train`: a single training, repeated ones, or a matrix of domains."""

from __future__ import annotations

from omegaconf import DictConfig

from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines.matrix import train_matrix
from hrtem_lab.pipelines.repeats import train_repeatedly
from hrtem_lab.pipelines.study import SEVERAL
from hrtem_lab.pipelines.train import train


def run_trainings(config: DictConfig, parent_id: str | None = None) -> dict[str, float]:
    """Train once, or as often as `seeds`, `group_folds` or `matrix` ask for.

    Args:
        config: Configuration of `train`.
        parent_id: Run that the run of all is shown below.

    Returns:
        Metrics of the training; of repeated ones their means with intervals over them, of a matrix those of its cells.

    Raises:
        InputError: More than one of the three is given, or anything that a training refuses.
    """
    asked = [key for key in SEVERAL if config.get(key) is not None]
    if len(asked) > 1:
        raise InputError(f"{' and '.join(asked)} are given; expected one of {', '.join(SEVERAL)} at a time")
    if not asked:
        return train(config, parent_id)
    return (train_matrix if asked == ["matrix"] else train_repeatedly)(config, parent_id)
