"""Several trainings that belong together: each in a folder and a child run of its own, and none done twice."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from omegaconf import DictConfig, OmegaConf

from hrtem_lab.cli.build import to_plain
from hrtem_lab.cli.config_keys import MUTABLE_KEYS, drop_machine_keys
from hrtem_lab.cli.progress import console
from hrtem_lab.files import write_json
from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines.run_folder import CONFIG, METRICS
from hrtem_lab.pipelines.run_report import write_run_report
from hrtem_lab.pipelines.train import train
from hrtem_lab.saved_settings import describe_differences
from hrtem_lab.tracking.runs import Run

SEVERAL = ("seeds", "group_folds", "matrix")
"""Keys of `train` that ask for several trainings."""


def copy_config(config: DictConfig, changes: dict[str, Any]) -> DictConfig:
    """Copy a configuration for one of the trainings that it asks for.

    Args:
        config: Configuration of `train`.
        changes: Dotted key -> value, which takes the place of a whole section, too.
    """
    copy = deepcopy(config)
    for key, value in {**{key: None for key in SEVERAL if key in config}, **changes}.items():
        OmegaConf.update(copy, key, value, merge=False, force_add=True)
    return copy


def train_members(configs: dict[str, DictConfig], folder: Path, run: Run) -> dict[str, dict[str, float]]:
    """Train with each configuration in a subfolder of its name; one that has ended there is not trained again.

    Args:
        configs: Name of a training -> its configuration.
        folder: Folder of all.
        run: Run that the runs of the trainings are shown below.

    Returns:
        Name of a training -> its metrics.

    Raises:
        InputError: A subfolder holds a training with other settings.
    """
    metrics = {}
    for name, config in configs.items():
        config.output = str(folder / name)
        ended = read_ended(config, folder / name)
        console.rule(f"{name}: it has ended before" if ended is not None else name)
        metrics[name] = train(config, run.id) if ended is None else ended
    return metrics


def end_study(config: DictConfig, folder: Path, run: Run, metrics: dict[str, float], reference: str = "") -> None:
    """Write the report and the metrics of all trainings, and log the figures; the metrics say that the study has ended.

    Args:
        config: Configuration of `train`.
        folder: Folder of all.
        run: Parent run.
        metrics: Metrics of all trainings together.
        reference: Method that the others are compared with; empty where none is.
    """
    write_run_report(config, folder, run, reference, metrics)
    write_json(folder / METRICS, metrics)
    run.log_folder(folder / "figures")


def read_ended(config: DictConfig, folder: Path) -> dict[str, float] | None:
    """Metrics of what has ended in a folder; None where nothing has.

    Raises:
        InputError: It had other settings.
    """
    if not (folder / METRICS).is_file():
        return None
    saved = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
    if changed := describe_differences(_decisive(saved), _decisive(to_plain(config))):
        raise InputError(f"{folder} holds a run with other settings: {changed}; give another output=")
    metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    return {name: np.nan if value is None else value for name, value in metrics.items()}


def _decisive(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a plain configuration that can affect a result."""
    return {key: value for key, value in drop_machine_keys(config).items() if key not in MUTABLE_KEYS}
