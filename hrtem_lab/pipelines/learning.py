"""Methods made ready for use: they learn from training micrographs, are tuned on validation ones, and are saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hrtem_lab.cli.progress import console
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.pipelines.scoring import score_method
from hrtem_lab.segmentation.classical import save_method
from hrtem_lab.segmentation.data import TrainingData
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.segmenter import Segmenter
from hrtem_lab.tracking.runs import Run


def learn_and_tune(
    method: Segmenter,
    name: str,
    data: TrainingData,
    validation: Sequence[LabelledMicrograph],
    folder: Path,
    run: Run,
    keep: bool = False,
) -> Segmenter:
    """Let a method learn from the training side, tune it, and save it in `methods/NAME`.

    Args:
        method: The method, as the configuration has it.
        name: Name of the method.
        data: Data with the training side.
        validation: Micrographs to tune it on.
        folder: Folder of the run.
        run: Run of the method.
        keep: Whether its settings stay as they are, as for `tune`.
    """
    with console.status(f"Training {name}"):
        learned = method.learn(data, folder / "methods" / name / "checkpoints")
    tuned = tune(learned, validation, run, keep)
    save_tuned(tuned, folder / "methods" / name)
    return tuned


def tune(method: Segmenter, validation: Sequence[LabelledMicrograph], run: Run, keep: bool = False) -> Segmenter:
    """Tune a method on validation micrographs, and log the chosen settings and the scores there as `val/`.

    Every method is tuned by this function.

    Args:
        method: The method.
        validation: Micrographs to tune it on.
        run: Run of the method.
        keep: Whether its settings stay as they are: then the scores alone are those of the validation micrographs.
    """
    with console.status(f"Tuning {method.name} on {len(validation)} validation micrographs"):
        tuned = method if keep else method.tune(validation)
    run.log_metrics(score_method(tuned, validation).summary, "val")
    run.log_params({f"tuned.{key}": getattr(tuned, key) for key in next(iter(tuned.candidates()))})
    return tuned


def save_tuned(method: Segmenter, folder: Path) -> None:
    """Save a tuned method, as `hrtem_lab.pipelines.open_method.open_method` reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(method, NetworkSegmenter):
        method.save(folder)
    else:
        save_method(method, folder)
