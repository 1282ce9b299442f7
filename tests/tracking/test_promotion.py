"""The champion, and a view of a comparison, in a store of their own."""

import json
import shutil
from pathlib import Path

import mlflow
import pytest

from hrtem_lab.micrograph import InputError
from hrtem_lab.tracking.comparison_view import newest_view, store_comparison_view, view_state
from hrtem_lab.tracking.promotion import promote
from hrtem_lab.tracking.runs import start_run
from hrtem_lab.tracking.store import connect


@pytest.fixture
def store(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    connect("study")
    return mlflow.MlflowClient()


class Nothing(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input


def test_the_champion_is_the_model_of_the_run_that_was_chosen(store: mlflow.MlflowClient):
    runs = []
    for name in ("one", "two"):
        with start_run(name) as run:
            mlflow.pyfunc.log_model(name="model", python_model=Nothing(), pip_requirements=[])
            runs.append(run.id)
    assert [promote(runs[0]), promote(runs[1]), promote(runs[0])] == ["1", "2", "1"]
    assert store.get_model_version_by_alias("hrtem-segmenter", "champion").tags["run"] == runs[0]
    with pytest.raises(InputError, match="holds no such run"):
        promote("0" * 32)
    with start_run("bare") as bare:
        pass
    with pytest.raises(InputError, match="logged no model"):
        promote(bare.id)


def test_a_view_is_stored_with_its_experiment(store: mlflow.MlflowClient):
    assert newest_view() is None
    with start_run("parent") as run:
        place = store_comparison_view(run)
    experiment = store.get_experiment_by_name("study")
    report = f"#/experiments/{experiment.experiment_id}/runs/{run.id}/artifacts/report.html"
    assert newest_view() == (place, report)
    assert place.startswith(f"#/experiments/{experiment.experiment_id}/runs?viewStateShareKey=")
    tag = experiment.tags[f"mlflow.sharedViewState.{place.partition('=')[2]}"]
    assert json.loads(tag) == view_state(run.id, "test")


def test_a_child_and_its_settings_are_gone_on_with(store: mlflow.MlflowClient):
    with start_run("parent") as parent, parent.child("unet") as first:
        first.log_params({"lr": 0.1, "epochs": 3})
    with start_run("parent", run_id=parent.id) as again, again.child("unet") as second:
        second.log_params({"lr": 0.2, "epochs": 3, "new": 1})
    assert (again.id, second.id) == (parent.id, first.id)
    data = store.get_run(first.id).data
    assert data.params == {"lr": "0.1", "epochs": "3", "new": "1"}
    assert data.tags["config.drift"] == "lr: 0.1 -> 0.2"
