"""MLflow runs: one parent per command, one child per method, the same metric names in all of them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from hrtem_lab.atomic_write import write_text
from hrtem_lab.files import write_table
from hrtem_lab.fingerprint import fingerprint
from hrtem_lab.interrupts import is_interrupt
from hrtem_lab.tracking.outbox import Outbox
from hrtem_lab.tracking.sending import MAX_TAG_CHARACTERS, SENDERS
from hrtem_lab.tracking.store import server_is_away

MAX_PARAM_CHARACTERS = 6000
"""Length to which the value of a parameter is cut; MLflow refuses longer ones."""


@dataclass(frozen=True)
class Run:
    """An MLflow run that is in progress. What it is given is in the store when the call returns.

    With an outbox, it waits there instead where the tracking server has gone away.

    Attributes:
        id: MLflow's identifier; empty for a child run that could not be made.
        name: Name of a child run; empty for a run of its own.
        outbox: Calls that wait until the server is back; without one, a server that has gone away is an error.
    """

    id: str
    name: str = ""
    outbox: Outbox | None = None

    @contextmanager
    def child(self, name: str) -> Iterator[Run]:
        """A run below this one, as from `start_run`; one of this name that is there already goes on."""
        with start_run(name, self.id, outbox=self.outbox, resume=True) as run:
            yield run

    def send(self, kind: str, **arguments: Any) -> None:
        """Send something to the store, or keep it where its server has gone away.

        Args:
            kind: Key of `hrtem_lab.tracking.sending.SENDERS`.
            arguments: Arguments of that function besides the identifier of the run.
        """
        if self.outbox is not None and not self.outbox.is_empty:
            self.outbox.keep(self.name, kind, arguments)
            return
        try:
            SENDERS[kind](self.id, **arguments)
        except Exception:
            if self.outbox is None or not server_is_away():
                raise
            self.outbox.keep(self.name, kind, arguments)

    def log_metrics(self, values: Mapping[str, float], prefix: str = "", step: int = 0) -> None:
        """Log metrics, under `prefix/` if any. Undefined values (`nan`) are left out: MLflow has no such value."""
        start = f"{prefix}/" if prefix else ""
        defined = {f"{start}{key}": float(value) for key, value in values.items() if not np.isnan(value)}
        self.send("metrics", values=defined, step=step, timestamp=_now_ms())

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Log parameters, each cut to the length that MLflow takes.

        A parameter keeps the value that it was first given; others are listed in the tag `config.drift`.
        """
        self.send("params", values={key: str(value)[:MAX_PARAM_CHARACTERS] for key, value in values.items()})

    def set_tags(self, values: Mapping[str, Any]) -> None:
        """Set tags, each cut to the length that MLflow takes. Unlike a parameter, a tag can be changed later."""
        self.send("tags", values={key: str(value)[:MAX_TAG_CHARACTERS] for key, value in values.items()})

    def log_config(self, config: Mapping[str, Any], folder: Path) -> None:
        """Log a resolved configuration: whole as `config.yaml`, also in `folder`, and its leaves as parameters."""
        text = to_yaml(config)
        write_text(folder / "config.yaml", text)
        self.log_text(text, "config.yaml")
        self.log_params(dict(_leaves(config)))

    def log_data(self, name: str, inputs: Mapping[str, Any], split: Mapping[Any, list[int]]) -> dict[str, str]:
        """Log the data as an MLflow dataset under our own fingerprint, and both fingerprints as tags.

        Args:
            name: Name of the dataset.
            inputs: Everything that decides the data.
            split: Stage -> what belongs to it.

        Returns:
            The tags: fingerprints of the data and of the split.
        """
        tags = {"data.digest": fingerprint(dict(inputs)), "split.digest": fingerprint(dict(split))}
        source = json.dumps({"inputs": inputs}, sort_keys=True)
        self.send("dataset", name=name, digest=tags["data.digest"], source=source)
        self.set_tags(tags)
        self.log_text(json.dumps(dict(split), indent=1), "split.json")
        return tags

    def log_table(self, table: pd.DataFrame, name: str) -> None:
        """Log a table that MLflow's user interface shows."""
        self.send("table", table=table.to_json(orient="split", index=False), name=name)

    def log_csv(self, path: Path, table: pd.DataFrame) -> None:
        """Write a table to a CSV file and log the file."""
        write_table(path, table)
        self.log_file(path)

    def log_text(self, text: str, name: str) -> None:
        """Log a text as an artifact."""
        self.send("text", content=text, name=name)

    def log_file(self, path: Path) -> None:
        """Log a file as an artifact of its name."""
        self.send("file", path=str(path.absolute()))

    def log_folder(self, path: Path) -> None:
        """Log a folder as an artifact folder of its name."""
        self.send("folder", path=str(path.absolute()))

    def fail(self) -> None:
        """End the run as FAILED, now; the context that it was started by then leaves it so."""
        _leave(self, "FAILED")

    def log_image(self, image: npt.NDArray[np.uint8], key: str, step: int) -> None:
        """Log an image (rows, columns) of a series that the user interface steps through."""
        self.send("image", pixels=image.tolist(), key=key, step=step, timestamp=_now_ms())


@contextmanager
def start_run(
    name: str,
    parent_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    run_id: str | None = None,
    outbox: Outbox | None = None,
    resume: bool = False,
) -> Iterator[Run]:
    """An MLflow run that ends FINISHED, FAILED or, after Ctrl-C, KILLED.

    While it lasts it is MLflow's active run, too.

    Args:
        name: Name of the run.
        parent_id: Run that it is shown below.
        tags: Tags of the run. A run with tags or without a parent records the machine's load, too.
        run_id: A run to go on with, in place of a new one.
        outbox: Calls that wait where the tracking server has gone away.
        resume: Whether a run of this name below the parent is gone on with.
    """
    run = _start(name, parent_id, tags, run_id, outbox, resume)
    status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    except BaseException as stop:
        if is_interrupt(stop):
            status = "KILLED"
        raise
    finally:
        _leave(run, status)


def _start(
    name: str,
    parent_id: str | None,
    tags: Mapping[str, str] | None,
    run_id: str | None,
    outbox: Outbox | None,
    resume: bool,
) -> Run:
    """Start a run as for `start_run`; one that is below another, and cannot be made, is made when it is brought in."""
    child = name if parent_id is not None and outbox is not None else ""
    if child and outbox is not None and not outbox.is_empty:
        return Run("", child, outbox)
    try:
        active = mlflow.start_run(
            run_id=run_id or (find_child(parent_id, name) if parent_id and resume else None),
            run_name=name,
            nested=parent_id is not None,
            parent_run_id=parent_id,
            tags=dict(tags or {}),
            log_system_metrics=parent_id is None or tags is not None,
        )
    except Exception:
        if not child or not server_is_away():
            raise
        return Run("", child, outbox)
    return Run(active.info.run_id, child, outbox)


def find_child(parent_id: str, name: str) -> str | None:
    """Identifier of the run of a name below another run; None if there is none."""
    client = mlflow.MlflowClient()
    experiment = client.get_run(parent_id).info.experiment_id
    query = f"tags.`mlflow.parentRunId` = '{parent_id}' and attributes.run_name = '{name}'"
    found = client.search_runs([experiment], query, max_results=1)
    return found[0].info.run_id if found else None


def _leave(run: Run, status: str) -> None:
    """End a run where it is still MLflow's active run, or where it was never that for want of a server."""
    active = mlflow.active_run()
    is_active = active is not None and active.info.run_id == run.id
    if not is_active and run.id:
        return
    try:
        if is_active:
            mlflow.end_run(status)
    except mlflow.MlflowException:
        if not server_is_away():
            raise
    if run.outbox is not None and (not run.outbox.is_empty or server_is_away()):
        run.outbox.keep(run.name, "status", {"status": status})


def _now_ms() -> int:
    """The time as MLflow counts it, in milliseconds."""
    return int(time.time() * 1000)


def create_run(experiment: str, name: str, tags: Mapping[str, str]) -> str:
    """Create a run that several processes go on with, and return its identifier."""
    client = mlflow.MlflowClient()
    there = client.get_experiment_by_name(experiment)
    assert there is not None, "connect makes the experiment"
    run_id: str = client.create_run(there.experiment_id, run_name=name, tags=dict(tags)).info.run_id
    return run_id


@cache
def group_run(folder: str) -> str:
    """Identifier of the run that the jobs of a multirun are shown below; made once.

    Args:
        folder: Scratch folder of the multirun, which no other multirun has.
    """
    with start_run(time.strftime("multirun %Y-%m-%d %H:%M:%S")) as run:
        return run.id


def has_run(run_id: str) -> bool:
    """Whether the current store holds a run that was not deleted."""
    try:
        return bool(mlflow.MlflowClient().get_run(run_id).info.lifecycle_stage == "active")
    except mlflow.MlflowException:
        return False


def mark_killed(run_id: str) -> None:
    """Mark the run of a process that died; no error where this store does not hold it."""
    with contextlib.suppress(mlflow.MlflowException):
        mlflow.MlflowClient().set_terminated(run_id, "KILLED")


def to_yaml(config: Mapping[str, Any]) -> str:
    """A plain configuration as YAML, in the order of its keys."""
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of every leaf; lists and empty mappings are leaves."""
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, node
