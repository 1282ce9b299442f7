"""The command that writes ONNX: what it leaves is a model that predict takes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from hrtem_lab.defects import Forest
from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines.export import export
from hrtem_lab.segmentation.exported import ExportedNet
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import find_model
from tests.models import save_model

pytest.importorskip("onnxruntime")


def test_the_forest_of_an_older_model_goes(tmp_path: Path):
    save_model(tmp_path / "onnx")
    export(OmegaConf.create({"model": str(save_model(tmp_path / "bare", forest=False)), "output": f"{tmp_path}/onnx"}))
    assert Forest.load_if_present(tmp_path / "onnx") is None


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file: cannot be made"):
        export(OmegaConf.create({"model": str(save_model(tmp_path / "model")), "output": str(tmp_path / "file")}))


def test_a_saved_model_becomes_one_of_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hrtem_lab.segmentation.device.has_bfloat16", lambda: False)
    monkeypatch.setattr("hrtem_lab.segmentation.exported.bfloat16_is_switched_off", lambda: True)
    folder = save_model(tmp_path / "model")
    call = [sys.executable, "-m", "hrtem_lab.export", f"model={folder}", f"output={tmp_path / 'onnx'}"]
    done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "in probability at most" in done.stdout
    found = find_model(str(tmp_path / "onnx"))
    assert not list(found.glob("*.safetensors"))
    assert Forest.load_if_present(found) is not None
    unet = NetworkSegmenter.load(found)
    assert isinstance(unet.net, ExportedNet)
    image = np.random.default_rng(0).normal(size=(90, 130)).astype(np.float32)
    np.testing.assert_allclose(unet.score_map(image), NetworkSegmenter.load(folder).score_map(image), atol=1e-3)
