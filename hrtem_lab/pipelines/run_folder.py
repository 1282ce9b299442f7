"""The folder and the MLflow run of a command that trains."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from hrtem_lab.cli.build import to_plain
from hrtem_lab.cli.multirun import multirun_folder
from hrtem_lab.cli.progress import console, quiet
from hrtem_lab.files import make_folder, write_json
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import workspace
from hrtem_lab.tracking.outbox import Outbox
from hrtem_lab.tracking.provenance import provenance
from hrtem_lab.tracking.runs import Run, group_run, start_run
from hrtem_lab.tracking.store import connect
from hrtem_lab.tracking.sync import RUN_NOTE, bring_in, find_run

CONFIG, METRICS = "config.yaml", "metrics.json"
"""Files of a run's folder: its configuration, and its metrics, which are written when all else is done."""


@contextmanager
def open_run(config: DictConfig, command: str, parent_id: str | None = None) -> Iterator[tuple[Run, Path, str]]:
    """The run of a command with its configuration logged, its folder, and the URI of the store.

    A folder that was begun by an earlier call goes on with its run. Settings that have changed since then become the
    tag `config.drift`: a parameter in MLflow keeps its first value.

    Args:
        config: Configuration with `name` (of the experiment) and `output`.
        command: Name of the command, which becomes a tag.
        parent_id: Run that this one is shown below.
    """
    quiet()
    folder = make_run_folder(config)
    uri = connect(config.name)
    group = multirun_folder()
    tags = provenance() | {"folder": str(folder), "command": command}
    bring_in(folder)
    parent, outbox = parent_id or (group_run(group) if group else None), Outbox(folder)
    with start_run(folder.name, parent, tags, find_run(folder, uri)) as started:
        run = replace(started, outbox=outbox)
        write_json(folder / RUN_NOTE, {"store": uri, "run": run.id})
        run.log_config(to_plain(config), folder)
        try:
            yield run, folder, uri
        except BaseException as stop:
            if parent_id is None and not isinstance(stop, InputError):
                console.print(f"Stopped; the same command with output='{folder}' goes on from there", soft_wrap=True)
            raise
        if not outbox.is_empty:
            run.send("status", status="FINISHED")
            text = f"The tracking server {uri} went away; python -m hrtem_lab.sync folder='{folder}' brings in the rest"
            console.print(text, soft_wrap=True, highlight=False)


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
