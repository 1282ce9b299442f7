"""The folder and the MLflow run of a command that trains."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig

from hrtem_lab.cli.build import to_plain
from hrtem_lab.cli.multirun import multirun_folder
from hrtem_lab.cli.progress import quiet
from hrtem_lab.files import make_folder, write_json
from hrtem_lab.paths import workspace
from hrtem_lab.tracking.provenance import provenance
from hrtem_lab.tracking.runs import Run, group_run, has_run, start_run
from hrtem_lab.tracking.store import connect

RUN_NOTE = "mlflow.json"
"""File of a run's folder that says which run of which store it is, so that a second call goes on with it."""


@contextmanager
def open_run(config: DictConfig) -> Iterator[tuple[Run, Path, str]]:
    """The parent run of a command with its configuration logged, its folder, and the URI of the store.

    A folder that was begun by an earlier call goes on with its run. Settings that have changed since then become the
    tag `config.drift`: a parameter in MLflow keeps its first value.

    Args:
        config: Configuration with `name` (of the experiment) and `output`.
    """
    quiet()
    folder = make_run_folder(config)
    uri = connect(config.name)
    group = multirun_folder()
    tags = provenance() | {"folder": str(folder)}
    with start_run(folder.name, group_run(group) if group else None, tags, find_run(folder, uri)) as run:
        write_json(folder / RUN_NOTE, {"store": uri, "run": run.id})
        run.log_config(to_plain(config), folder)
        yield run, folder, uri


def find_run(folder: Path, uri: str) -> str | None:
    """Identifier of the run that this folder was begun with in a store; None where it is new there."""
    note = folder / RUN_NOTE
    if not note.is_file():
        return None
    known = json.loads(note.read_text(encoding="utf-8"))
    return known["run"] if known["store"] == uri and has_run(known["run"]) else None


def make_run_folder(config: DictConfig) -> Path:
    """Make the folder of a run: `output`, which an interrupted run goes on in, or a new one in `outputs/`."""
    if config.output:
        return make_folder(Path(config.output).absolute())
    first = workspace() / "outputs" / config.name / time.strftime("%Y-%m-%d_%H-%M-%S")
    others = (first.with_name(f"{first.name}_{number}") for number in itertools.count(2))
    return next(folder for folder in itertools.chain([first], others) if _make_new(folder))


def _make_new(folder: Path) -> bool:
    """Make a folder; False where another run, begun in the same second, was first."""
    make_folder(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True
