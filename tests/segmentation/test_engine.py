"""The engine is the fastest that can run the network, and says why it was taken."""

from pathlib import Path

import numpy as np
import pytest

from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation import engine as engines
from hrtem_lab.segmentation.engine import open_network
from hrtem_lab.segmentation.exported import ENGINES, ExportedNet, bfloat16_is_switched_off
from hrtem_lab.segmentation.groschner import Groschner2021
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from tests.segmentation.scenes import noise, unet

# the exporter's own, to its developers
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small network: the exporter takes ten seconds for a large one."""
    path = tmp_path_factory.mktemp("saved")
    unet(Groschner2021(filters=(2, 4)).eval(), stride=16).save(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of the test's own, as XDG, macOS and Windows have it."""
    path = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "user_cache_path", lambda name: path / name)
        yield path


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_gives_what_torch_gives(folder, name, monkeypatch, full_precision):
    pytest.importorskip(name)
    monkeypatch.setattr("hrtem_lab.segmentation.exported.bfloat16_is_switched_off", lambda: True)
    image = noise(90, 130)
    found = NetworkSegmenter.load(folder, name).score_map(image)
    np.testing.assert_allclose(found, NetworkSegmenter.load(folder).score_map(image), atol=1e-3)
    assert NetworkSegmenter.load(folder, name).engine.startswith(f"{name} in float32")


def test_the_converted_file_is_made_once(folder, cache, monkeypatch):
    pytest.importorskip("openvino")
    open_network(folder, 16, "openvino")
    (file,) = cache.rglob("*.onnx")
    made = file.stat().st_mtime_ns
    monkeypatch.setattr(engines, "read_network", lambda folder: pytest.fail("the network was read again"))
    assert isinstance(open_network(folder, 16, "openvino").net, ExportedNet)
    assert file.stat().st_mtime_ns == made


def test_without_an_engine_torch_runs_the_network(folder, monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    opened = open_network(folder, 16, "auto")
    assert not isinstance(opened.net, ExportedNet)
    assert "installed" in opened.reason


def test_a_gpu_is_for_torch(folder, monkeypatch):
    monkeypatch.setattr(engines, "_has_gpu", lambda: True)
    opened = open_network(folder, 16, "auto")
    assert not isinstance(opened.net, ExportedNet)
    assert "GPU" in opened.reason


def test_where_a_network_cannot_be_converted_torch_runs_it(folder, monkeypatch):
    pytest.importorskip("openvino")

    def refuse(folder: Path, stride: int) -> Path:
        raise InputError("the disk is full")

    monkeypatch.setattr(engines, "_converted", refuse)
    opened = open_network(folder, 16, "auto")
    assert not isinstance(opened.net, ExportedNet)
    assert "the disk is full" in opened.reason
    with pytest.raises(InputError, match="the disk is full"):
        open_network(folder, 16, "openvino")


def test_an_engine_that_does_not_exist_is_refused(folder):
    with pytest.raises(InputError, match="engine=tensorrt: expected one of auto, torch"):
        open_network(folder, 16, "tensorrt")


@pytest.mark.parametrize(
    ("environment", "off"),
    [
        ({}, False),
        ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, True),
        ({"DNNL_MAX_CPU_ISA": "avx512_core"}, True),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}, False),
        ({"ATEN_CPU_CAPABILITY": "avx2"}, True),
    ],
)
def test_bfloat16_is_off_where_the_environment_says_so(environment, off, monkeypatch):
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert bfloat16_is_switched_off() is off
