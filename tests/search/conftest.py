"""A sweep that costs nothing, and a store for its runs."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest

from hrtem_lab.search.messages import STOP, TrialEnded, WorkerMessage
from hrtem_lab.search.spec import StudySpec
from hrtem_lab.search.study import SharedStudy
from hrtem_lab.search.worker import Worker, WorkerTask
from hrtem_lab.tracking.runs import start_run
from hrtem_lab.tracking.store import connect, use_store
from tests.search.studies import open_study
from tests.search.toy import OVERRIDES

WorkerMaker = Callable[..., Worker]


class FakeConnection:
    """The pipe of a worker: keeps its messages, and says stop after a number of trials."""

    def __init__(self, stop_after: int = 1000) -> None:
        self.messages: list[WorkerMessage] = []
        self.stop_after = stop_after

    def send(self, message: WorkerMessage) -> None:
        self.messages.append(message)

    def poll(self) -> bool:
        return sum(isinstance(message, TrialEnded) for message in self.messages) >= self.stop_after

    def recv(self) -> str:
        return STOP


@pytest.fixture
def study(tmp_path: Path) -> SharedStudy:
    return open_study(tmp_path / "study.journal")


@pytest.fixture
def store(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    """An MLflow store for one test."""
    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    use_store()
    return mlflow.MlflowClient()


@pytest.fixture
def make_worker(tmp_path: Path, store: mlflow.MlflowClient) -> WorkerMaker:
    """Make a worker of a toy sweep, with more overrides; the run of its study exists."""

    def make(*overrides: str, **connection: Any) -> Worker:
        spec = StudySpec((*OVERRIDES, "name=toy", *overrides), str(tmp_path / "study.journal"), "toy")
        connect("toy")
        with start_run("toy") as run:
            return Worker(WorkerTask(spec, run.id), FakeConnection(**connection))

    return make


@pytest.fixture
def call_sweep(tmp_path: Path, store: mlflow.MlflowClient, monkeypatch: pytest.MonkeyPatch):
    """Call the command as a shell would, with the output folder `out`, and return its exit code."""
    from hrtem_lab.sweep import main

    monkeypatch.setenv("COLUMNS", "200")

    def call(*overrides: str) -> int:
        monkeypatch.setattr(sys, "argv", ["sweep", *overrides, f"output={tmp_path / 'out'}"])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return call
