"""MLflow runs: store, hierarchy, status, what is recorded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import mlflow
import pytest
from omegaconf import OmegaConf

import hrtem_lab
from hrtem_lab.cli.build import to_plain
from hrtem_lab.cli.multirun import multirun_folder
from hrtem_lab.fingerprint import fingerprint
from hrtem_lab.tracking.provenance import provenance
from hrtem_lab.tracking.runs import group_run, start_run
from hrtem_lab.tracking.store import connect, use_store


@pytest.fixture
def store(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    (tmp_path / "store").mkdir()
    shutil.copy(empty_store, tmp_path / "store" / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'store' / 'mlflow.db'}")
    connect("study")
    return mlflow.MlflowClient()


def test_children_hang_under_their_parent(store: mlflow.MlflowClient):
    with start_run("parent") as parent, parent.child("child") as child:
        pass
    assert store.get_run(child.id).data.tags["mlflow.parentRunId"] == parent.id
    assert store.get_run(parent.id).info.status == "FINISHED"


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_the_status_says_how_a_run_ended(store: mlflow.MlflowClient, error: type[BaseException], status: str):
    ids: list[str] = []

    def interrupted() -> None:
        with start_run("parent") as parent, parent.child("child") as child:
            ids.extend([parent.id, child.id])
            raise error

    with pytest.raises(error):
        interrupted()
    assert [store.get_run(i).info.status for i in ids] == [status, status]
    assert mlflow.active_run() is None


def test_an_exit_that_answers_ctrl_c_is_no_failure(store: mlflow.MlflowClient):
    """Lightning makes one of the other."""
    ids: list[str] = []

    def interrupted() -> None:
        with start_run("alone") as alone:
            ids.append(alone.id)
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt:
                sys.exit(1)

    with pytest.raises(SystemExit):
        interrupted()
    assert store.get_run(ids[0]).info.status == "KILLED"


def test_artifacts_of_a_sqlite_store_lie_beside_it(store: mlflow.MlflowClient, tmp_path: Path):
    with start_run("one") as run:
        run.log_text("words", "note.txt")
    assert [p.read_text() for p in (tmp_path / "store" / "mlartifacts").rglob("note.txt")] == ["words"]
    assert not (tmp_path / "mlruns").exists()


def test_the_config_is_there_whole_and_by_its_leaves(store: mlflow.MlflowClient, tmp_path: Path):
    leaves = {f"key{i}": i for i in range(250)}
    config = OmegaConf.create(
        {"seed": 3, "data": {"seed": "${seed}", "split": [1, 2]}, "many": leaves, "text": "x" * 900}
    )
    with start_run("one") as run:
        run.log_config(to_plain(config), tmp_path)
    params = store.get_run(run.id).data.params
    assert params["data.seed"] == "3"
    assert params["data.split"] == "[1, 2]"
    assert params["many.key249"] == "249"
    assert len(params["text"]) == 900
    assert OmegaConf.load(tmp_path / "config.yaml").data.seed == 3


def test_the_jobs_of_a_grid_hang_under_one_parent(call, tracking_store: Path):
    def act(config) -> None:
        connect("grid")
        group = multirun_folder()
        with start_run(f"seed {config.seed}", group_run(group) if group else None, {"of": "train"}):
            pass

    assert call("seed=1,2", "-m", act=act).code == 0
    assert call("seed=3", act=act).code == 0
    found = {run.info.run_name: run for run in mlflow.search_runs(experiment_names=["grid"], output_format="list")}
    parents = {run.info.run_id for name, run in found.items() if name.startswith("multirun")}
    assert len(parents) == 1
    assert {found[f"seed {seed}"].data.tags["mlflow.parentRunId"] for seed in (1, 2)} == parents
    assert "mlflow.parentRunId" not in found["seed 3"].data.tags


def test_a_run_that_was_called_a_failure_stays_one(store: mlflow.MlflowClient):
    with start_run("parent") as parent, parent.child("child") as child:
        child.fail()
    assert store.get_run(child.id).info.status == "FAILED"
    assert store.get_run(parent.id).info.status == "FINISHED"


def test_undefined_metrics_are_left_out(store: mlflow.MlflowClient):
    with start_run("one") as run:
        run.log_metrics({"dice": 0.5, "iou": float("nan")}, "test")
    assert store.get_run(run.id).data.metrics == {"test/dice": 0.5}


def test_the_data_has_our_digest(store: mlflow.MlflowClient):
    recipe, split = {"seed": 1}, {"train": [0], "test": [1]}
    with start_run("one") as started:
        started.log_data("simulated", recipe, split)
    run = store.get_run(started.id)
    assert run.inputs.dataset_inputs[0].dataset.digest == fingerprint(recipe) == run.data.tags["data.digest"]
    assert run.data.tags["split.digest"] != fingerprint({"train": [1], "test": [0]})


def test_provenance_names_commit_versions_and_machine():
    facts = provenance()
    assert {"git.commit", "git.dirty", "machine", "python", "version.torch"} <= set(facts)


def test_an_installed_package_does_not_ask_the_repository_around_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hrtem_lab.tracking.provenance.checkout", lambda: None)
    facts = provenance()
    assert facts["git.commit"] == facts["git.dirty"] == "unknown"
    assert facts["version.hrtem_lab"] == hrtem_lab.__version__


def test_the_default_store_is_in_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = mlflow.get_tracking_uri()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setattr("hrtem_lab.tracking.store.workspace", lambda: PureWindowsPath("C:\\lab data"))
    try:
        assert use_store() == "sqlite:///C:/lab data/mlflow.db"
    finally:
        mlflow.set_tracking_uri(before)


@pytest.mark.parametrize("chosen", [{}, {"DO_NOT_TRACK": "false"}, {"MLFLOW_DISABLE_TELEMETRY": "false"}])
def test_mlflow_sends_statistics_only_where_the_user_says_so(chosen: dict[str, str]):
    names = ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY")
    code = f"import os, hrtem_lab.tracking; print({{name: os.environ[name] for name in {names} if name in os.environ}})"
    variables = {name: value for name, value in os.environ.items() if name not in names} | chosen
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables)
    assert done.stdout.strip() == str(chosen or {"MLFLOW_DISABLE_TELEMETRY": "true"})


def test_nothing_imports_mlflow_before_its_statistics_are_off():
    code = "import sys, hrtem_lab.cli.progress, hrtem_lab.segmentation.module; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_four_processes_may_open_a_fresh_store_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    code = (
        "from hrtem_lab.tracking.runs import start_run\n"
        "from hrtem_lab.tracking.store import connect\n"
        "connect('study')\n"
        "with start_run('one') as run: run.log_metrics({'dice': 1.0}, 'test')"
    )
    started = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]
    ended = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * 4, ended
    connect("study")
    assert len(mlflow.search_runs(experiment_names=["study"])) == 4
