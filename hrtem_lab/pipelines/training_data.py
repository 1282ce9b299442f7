"""The data of a configuration: made, completed and logged in the same way by every command that uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.markup import escape

from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.config_keys import drop_machine_keys
from hrtem_lab.cli.progress import console, progress_bar
from hrtem_lab.figures import tables
from hrtem_lab.files import write_json
from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.data import TrainingData
from hrtem_lab.segmentation.split import STAGES
from hrtem_lab.tracking.runs import Run

DATA_NOTE = "data.json"
"""File of a run's folder with the name of its data, their digests, and how many are on each side of the split."""


def simulate_missing(config: DictConfig) -> TrainingData:
    """The data of a configuration, their exit waves simulated where they are missing."""
    data: TrainingData = build(config.data)
    if not data.split["train"]:
        raise InputError("the split leaves nothing to train on; choose another data/splitter, or use evaluate")
    for line in tables.note_lines(data.notes()):
        console.print(f"[yellow]note[/yellow] {escape(line)}", highlight=False, soft_wrap=True)
    simulate_waves(data)
    return data


def simulate_waves(data: TrainingData) -> None:
    """Simulate the exit waves that are missing, with a progress bar."""
    with progress_bar("Simulating exit waves") as advance:
        data.simulate(advance)


def log_data(config: DictConfig, data: TrainingData, folder: Path, run: Run) -> None:
    """Log everything that decides the data, and what is on which side of the split.

    It is written to the folder as well: `DATA_NOTE`, and `split.json` of labelled micrographs.
    """
    name, recipe = type(data).__name__, data_recipe(config, data)
    sides = {stage: len(data.split[stage]) for stage in STAGES}
    write_json(folder / DATA_NOTE, {"name": name, "sides": sides} | run.log_data(name, recipe, data.split))
    data.save_split(folder)


def data_recipe(config: DictConfig, data: TrainingData) -> dict[str, Any]:
    """Everything that decides the data."""
    return data.fingerprint_inputs | {"data": drop_machine_keys(to_plain(config.data), "data")}
