"""A tracking server that goes away in the middle: nothing is lost, and it is brought in once."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import mlflow
import numpy as np
import pandas as pd
import pytest

from hrtem_lab.tracking import runs
from hrtem_lab.tracking.outbox import UNSENT, Outbox
from hrtem_lab.tracking.runs import start_run
from hrtem_lab.tracking.store import connect
from hrtem_lab.tracking.sync import RUN_NOTE, bring_in


class Server:
    """An MLflow server that can be stopped and started."""

    def __init__(self, folder: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.uri, self.folder, self.process = f"http://127.0.0.1:{port}", folder, None
        store = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--artifacts-destination", str(folder)]
        self.call = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *store]

    def start(self) -> None:
        with (self.folder / "server.log").open("w") as log:
            self.process = subprocess.Popen(self.call, stdout=log, stderr=log, cwd=self.folder, env=dict(os.environ))
        for _ in range(600):
            try:
                urlopen(f"{self.uri}/health", timeout=1).close()
                return
            except OSError:
                time.sleep(0.2)
        raise AssertionError((self.folder / "server.log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


def log_first(run) -> None:
    run.log_metrics({"dice": 0.5}, "val", step=1)


def log_rest(run, folder: Path) -> None:
    """Everything that a run may be given."""
    run.log_metrics({"dice": 0.7}, "val", step=2)
    run.log_params({"lr": 0.1})
    run.log_csv(folder / "table.csv", pd.DataFrame({"a": [1]}))
    run.log_table(pd.DataFrame({"a": ["x"]}), "table.json")
    run.log_image(np.zeros((4, 6), dtype=np.uint8), "field", 3)


@pytest.mark.slow
def test_a_server_that_goes_away_misses_nothing(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch):
    before = mlflow.get_tracking_uri()
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server")
    server.start()
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        connect("away")
        outbox = Outbox(tmp_path)
        with start_run("parent", outbox=outbox) as started:
            (tmp_path / RUN_NOTE).write_text(json.dumps({"store": server.uri, "run": started.id}))
            with started.child("early") as early:
                log_first(early)
                server.stop()
                log_rest(early, tmp_path)
            with started.child("late") as late:
                log_first(late)
            started.log_metrics({"dice": 0.9}, "test")
        assert not outbox.is_empty
        server.start()
        assert bring_in(tmp_path) == 5 + 1 + 1 + 3  # what was logged, and three runs that have ended
        assert bring_in(tmp_path) == 0
        assert not (tmp_path / UNSENT).exists()
        client = mlflow.MlflowClient()
        found = {
            run.info.run_name: run for run in client.search_runs([client.get_experiment_by_name("away").experiment_id])
        }
        assert set(found) == {"parent", "early", "late"}
        assert {run.info.status for run in found.values()} == {"FINISHED"}
        assert {found[name].data.tags["mlflow.parentRunId"] for name in ("early", "late")} == {
            found["parent"].info.run_id
        }
        history = client.get_metric_history(found["early"].info.run_id, "val/dice")
        assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.7)]
        assert found["parent"].data.metrics == {"test/dice": 0.9}
        names = {file.path for file in client.list_artifacts(found["early"].info.run_id)}
        assert {"table.csv", "table.json", "images"} <= names
    finally:
        server.stop()
        mlflow.set_tracking_uri(before)


def test_calls_leave_the_outbox_one_by_one(tmp_path: Path):
    outbox = Outbox(tmp_path)
    for number in range(3):
        outbox.keep("child", "metrics", {"number": number})
    taken = outbox.take()
    assert next(taken)["arguments"] == {"number": 0}
    assert next(taken)["arguments"] == {"number": 1}
    taken.close()  # the second one was not sent: it failed
    assert [call["arguments"]["number"] for call in Outbox(tmp_path).take()] == [1, 2]
    assert outbox.is_empty


def test_a_server_that_is_there_makes_an_error_an_error(tmp_path: Path, tracking_store: Path):
    connect("there")
    with pytest.raises(mlflow.MlflowException), start_run("one", outbox=Outbox(tmp_path)) as run:
        run.log_params({"not/a|name:$": 1})
    assert Outbox(tmp_path).is_empty


@pytest.mark.parametrize("is_away", [True, False])
def test_the_end_of_a_run_fails_for_no_server_that_is_away(is_away: bool, monkeypatch: pytest.MonkeyPatch):
    active = SimpleNamespace(info=SimpleNamespace(run_id="r"))

    def end_run(status: str) -> None:
        raise mlflow.MlflowException("no answer")

    monkeypatch.setattr(mlflow, "active_run", lambda: active)
    monkeypatch.setattr(mlflow, "start_run", lambda **_: active)
    monkeypatch.setattr(mlflow, "end_run", end_run)
    monkeypatch.setattr(runs, "server_is_away", lambda: is_away)
    with nullcontext() if is_away else pytest.raises(mlflow.MlflowException), start_run("run") as run:
        assert run.id == "r"
