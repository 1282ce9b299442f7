"""A sweep that costs nothing, and a store for its runs."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest

from hrtem_lab.search.worker import Plan
from hrtem_lab.tracking.runs import start_run
from hrtem_lab.tracking.store import connect, use_store
from tests.search.toy import WORDS

PlanMaker = Callable[..., Plan]


@pytest.fixture
def store(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    """An MLflow store of the test's own."""
    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    use_store()
    return mlflow.MlflowClient()


@pytest.fixture
def planned(tmp_path: Path, store: mlflow.MlflowClient) -> PlanMaker:
    """Make the plan of a toy sweep, with more words; its parent run is there."""

    def made(*words: str) -> Plan:
        plan = Plan((*WORDS, "name=toy", *words), str(tmp_path / "study.journal"), "toy")
        connect("toy")
        with start_run("toy") as parent:
            return replace(plan, parent=parent.id)

    return made


@pytest.fixture
def called(tmp_path: Path, store: mlflow.MlflowClient, monkeypatch: pytest.MonkeyPatch):
    """Call the command as a shell would, with the output folder `out`; its exit code and what it printed."""
    from hrtem_lab.sweep import main

    monkeypatch.setenv("COLUMNS", "200")

    def ended(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["sweep", *words, f"output={tmp_path / 'out'}"])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return ended
