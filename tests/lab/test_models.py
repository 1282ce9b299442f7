"""Where a model is found."""

import os
import shutil
from pathlib import Path

import mlflow
import pytest

from hrtem_lab.lab import models
from hrtem_lab.lab.tracking import connect, run
from hrtem_lab.micrograph import InputError
from tests.lab.models import save_model


def test_the_newest_model_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models, "PROJECT", tmp_path)
    with pytest.raises(InputError, match=r"train \+experiment=quickstart"):
        models.find_model(None)
    for number, name in enumerate(["b_older", "a_newer"]):
        settings = tmp_path / "outputs" / "quickstart" / name / "model" / models.SETTINGS
        settings.parent.mkdir(parents=True)
        settings.write_text("{}")
        os.utime(settings, (number, number))
    assert models.find_model(None).parent.name == "a_newer"


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
    with run("one") as run_id:
        mlflow.log_artifacts(str(folder), "model")
    found = models.find_model(f"runs:/{run_id}/model")
    assert (found / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="MLflow at sqlite"):
        models.find_model("runs:/0123456789abcdef0123456789abcdef/model")
