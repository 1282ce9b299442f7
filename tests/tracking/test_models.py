"""Where a model is found."""

import os
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF, MODELS
from hrtem_lab.tracking import models
from hrtem_lab.tracking.runs import start_run
from hrtem_lab.tracking.store import connect
from tests.models import save_model


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without any model."""
    monkeypatch.setattr(models, "workspace", lambda: tmp_path)
    monkeypatch.setattr(models, "SHIPPED", tmp_path / "models" / "default")
    return tmp_path


def placed(folder: Path, time: int) -> Path:
    """What marks a folder as a model, saved at this time."""
    folder.mkdir(parents=True)
    (folder / models.SETTINGS).write_text("{}")
    os.utime(folder / models.SETTINGS, (time, time))
    return folder


def test_the_shipped_model_is_the_default_and_the_newest_one_has_a_name(project: Path):
    older = placed(project / "outputs" / "quickstart" / "b_older" / "model", 1)
    newer = placed(project / "outputs" / "quickstart" / "a_newer" / "model", 3)
    assert models.find_model(None) == models.find_model("newest") == newer
    shipped = placed(project / "models" / "default", 2)
    assert models.find_model(None) == shipped
    assert models.find_model("newest") == newer
    assert models.find_model(str(older)) == older


@pytest.mark.parametrize("model", [None, "newest"])
def test_without_any_model_the_way_to_one_is_said(model: str | None, project: Path):
    (project / "models" / "default").mkdir(parents=True)  # a folder alone is no model
    with pytest.raises(InputError, match=r"train \+experiment=quickstart"):
        models.find_model(model)


def test_a_shipped_model_does_not_stand_in_for_one_trained_here(project: Path):
    placed(project / "models" / "default", 1)
    with pytest.raises(InputError, match="no model has been trained here"):
        models.find_model("newest")


@pytest.mark.parametrize("name", ["models/default", "./models/default"])
def test_a_shipped_model_is_found_from_any_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert models.find_model(name) == MODELS / "default"
    for elsewhere in ("default", "other/models/default", str(tmp_path / "models" / "default")):
        with pytest.raises(InputError, match="nothing there"):
            models.find_model(elsewhere)
    with pytest.raises(InputError, match="model=models/defualt: nothing there"):
        models.find_model("models/defualt")
    nearer = placed(tmp_path / "models" / "default", 1)
    assert models.find_model(name).absolute() == nearer


def test_every_model_that_an_experiment_begins_with_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    files = sorted((CONF / "experiment").glob("*.yaml"))
    starts = {OmegaConf.load(file).get("start") for file in files} - {None}
    assert "models/default" in starts
    assert all(models.find_model(start).is_relative_to(MODELS) for start in starts)


@pytest.mark.parametrize("model", ["runs:/0a/model", "models:/particles/1", "mlflow-artifacts:/1/a", "s3://bucket/a"])
def test_an_mlflow_uri_is_told_from_a_path(model: str):
    assert models.URI.match(model)


@pytest.mark.parametrize("model", ["C:/models/default", "/models/default", "models/default", "C:\\models"])
def test_a_path_is_told_from_an_mlflow_uri(model: str):
    assert not models.URI.match(model)


def test_a_folder_above_a_model_serves(tmp_path: Path):
    save_model(tmp_path / "run" / "model", forest=False)
    assert models.find_model(str(tmp_path / "run")) == tmp_path / "run" / "model"


def test_two_models_or_none_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no model there"):
        models.find_model(str(tmp_path))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / models.SETTINGS).write_text("{}")
    with pytest.raises(InputError, match="2 models there"):
        models.find_model(str(tmp_path))


def test_an_mlflow_uri_is_fetched(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    folder = save_model(tmp_path / "model", forest=False)
    connect("models")
    with start_run("one") as run:
        run.log_folder(folder)
    found = models.find_model(f"runs:/{run.id}/model")
    assert (found / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="MLflow at sqlite"):
        models.find_model("runs:/0123456789abcdef0123456789abcdef/model")
