"""Bringing in of the calls that a tracking server missed."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow

from hrtem_lab.tracking.outbox import Outbox
from hrtem_lab.tracking.runs import find_child, has_run
from hrtem_lab.tracking.sending import SENDERS
from hrtem_lab.tracking.store import check_server

RUN_NOTE = "mlflow.json"
"""File of a run's folder that says which run of which store it is, so that a second call goes on with it."""


def bring_in(folder: Path) -> int:
    """Send what waits in the folder of a run. Called again, it sends what the call before did not.

    Args:
        folder: Folder of a run.

    Returns:
        The number of calls that were sent; 0 where nothing waits.

    Raises:
        InputError: The server does not answer.
    """
    outbox = Outbox(folder)
    if outbox.is_empty:
        return 0
    note = json.loads((folder / RUN_NOTE).read_text(encoding="utf-8"))
    mlflow.set_tracking_uri(note["store"])
    check_server(note["store"])
    sent = 0
    for call in outbox.take():
        sent += 1
        run_id = _make_child(note["run"], call["child"]) if call["child"] else note["run"]
        SENDERS[call["kind"]](run_id, **call["arguments"])
    return sent


def find_run(folder: Path, uri: str) -> str | None:
    """Identifier of the run that this folder was begun with in a store; None where it is new there."""
    note = folder / RUN_NOTE
    if not note.is_file():
        return None
    known = json.loads(note.read_text(encoding="utf-8"))
    return known["run"] if known["store"] == uri and has_run(known["run"]) else None


def _make_child(parent_id: str, name: str) -> str:
    """Identifier of the child run of this name, which is made where there is none."""
    if known := find_child(parent_id, name):
        return known
    client = mlflow.MlflowClient()
    experiment = client.get_run(parent_id).info.experiment_id
    made: str = client.create_run(experiment, run_name=name, tags={"mlflow.parentRunId": parent_id}).info.run_id
    return made
