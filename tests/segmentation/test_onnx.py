"""An ONNX file predicts what its network predicts."""

import builtins
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import ImageSimulator
from hrtem_lab.segmentation import onnx
from hrtem_lab.segmentation.exported import ENGINES, ExportedNet
from hrtem_lab.segmentation.groschner import Groschner2021
from hrtem_lab.segmentation.model_folder import SETTINGS
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.onnx import MAX_DIFFERENCE, write_onnx
from hrtem_lab.segmentation.smp import smp
from tests.segmentation.scenes import PREPROCESSING, DrawnLibrary, Tiny

pytest.importorskip("onnxruntime")
# the exporter's own, to its developers
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch):
    """Otherwise predictions would be in bfloat16, with larger rounding errors."""
    monkeypatch.setattr("hrtem_lab.segmentation.device.has_bfloat16", lambda: False)
    monkeypatch.setattr("hrtem_lab.segmentation.exported.bfloat16_is_switched_off", lambda: True)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A ResNet-18 U-Net with random weights and probabilities from 0 to 1, and the folder of its ONNX file."""
    folder = tmp_path_factory.mktemp("onnx")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = smp.Unet(
            "tu-resnet18",
            encoder_weights=None,
            in_channels=1,
            classes=2,
            encoder_depth=4,
            decoder_channels=(32, 16, 16, 8),
        )
        with torch.no_grad():
            for _ in range(6):  # the statistics of batch norm are those of what it sees
                spread = net(torch.randn(2, 1, 96, 96)).std()
            for values in net.segmentation_head.parameters():
                values *= 3 / spread
    method = NetworkSegmenter(
        net=net.eval(), preprocessing=PREPROCESSING, threshold=0.35, temperature=1.7, tile=128, overlap=64
    )
    assert method.export(folder) < MAX_DIFFERENCE
    return method, folder


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", [(32, 32), (64, 160), (131, 77), (200, 300)])
def test_probabilities_agree_at_any_size(exported, shape, engine):
    pytest.importorskip(engine)
    method, folder = exported
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found, expected = NetworkSegmenter.load(folder, engine).output_maps(image), method.output_maps(image)
    assert expected.shape == (2, *shape)
    assert expected.std() > 0.05
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("index", [0, 1])
def test_probabilities_agree_on_simulated_micrographs(exported, index):
    method, folder = exported
    micrograph = ImageSimulator().simulate(DrawnLibrary(2)[index], np.random.default_rng(index))
    found, expected = (m.segment(micrograph).particle_probability for m in (NetworkSegmenter.load(folder), method))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_an_exported_folder_holds_the_settings_and_no_weights_of_torch(exported):
    method, folder = exported
    assert {file.name for file in folder.iterdir()} == {"model.onnx", SETTINGS}
    again = NetworkSegmenter.load(folder)
    assert isinstance(again.net, ExportedNet)
    for name in ("threshold", "temperature", "tile", "overlap", "stride", "preprocessing"):
        assert getattr(again, name) == getattr(method, name)


def test_the_small_network_of_the_paper_agrees(tmp_path):
    assert write_onnx(Groschner2021().eval(), tmp_path / "model.onnx", 16) < MAX_DIFFERENCE


def test_what_is_onnx_already_is_not_exported_again(exported, tmp_path):
    with pytest.raises(InputError, match="ONNX already"):
        NetworkSegmenter.load(exported[1]).export(tmp_path)


def test_a_damaged_file_is_reported_in_one_line(exported, tmp_path):
    (tmp_path / SETTINGS).write_bytes((exported[1] / SETTINGS).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match="the model cannot be read") as caught:
        NetworkSegmenter.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_file_that_differs_from_the_network_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "OnnxRuntimeNet", lambda file: lambda images: images)
    with pytest.raises(InputError, match="differs from the network"):
        write_onnx(Tiny(), tmp_path / "model.onnx", 32)
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize(("package", "act"), [("openvino", "load"), ("onnxscript", "export")])
def test_a_package_that_is_not_installed_is_named(exported, tmp_path, monkeypatch, package, act):
    real = builtins.__import__

    def failing(name, *arguments, **settings):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named '{package}'", name=package)
        return real(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", failing)
    with pytest.raises(InputError, match=f"takes the package {package}.*pip install"):
        NetworkSegmenter.load(exported[1], package) if act == "load" else exported[0].export(tmp_path)


def test_nothing_is_told_to_the_makers_of_onnx_runtime(tmp_path):
    """It would keep an identifier in the home folder and a session in the temporary one, for its reports."""
    code = "import hrtem_lab.segmentation.exported, onnxruntime"
    variables = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "USERPROFILE": str(tmp_path), "TEMP": str(tmp_path)}
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | variables
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert list(tmp_path.rglob("*")) == []
