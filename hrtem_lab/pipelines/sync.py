"""The pipeline of `sync`: what a tracking server missed while it was away is brought in."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from hrtem_lab.cli.progress import console, quiet
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import workspace
from hrtem_lab.tracking.outbox import UNSENT
from hrtem_lab.tracking.sync import RUN_NOTE, bring_in


def sync(config: DictConfig) -> int:
    """Bring in what waits in the folder of a run, or in all folders of `outputs/`.

    Returns:
        The number of folders in which something waited.

    Raises:
        InputError: The folder is not of a run, or a server does not answer.
    """
    quiet()
    if config.folder and not (Path(config.folder) / RUN_NOTE).is_file():
        raise InputError(f"folder={config.folder} holds no {RUN_NOTE}; expected the folder of a run")
    unsent = [Path(config.folder) / UNSENT] if config.folder else sorted(workspace().glob(f"outputs/**/{UNSENT}"))
    waiting = 0
    for folder in (path.parent for path in unsent):
        if sent := bring_in(folder):
            waiting += 1
            console.print(f"{folder}: {sent} records were brought in", soft_wrap=True, highlight=False)
    if not waiting:
        console.print("Nothing waits: every run is whole in its store")
    return waiting
