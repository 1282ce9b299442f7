"""What a call imports: libraries that take seconds are there only for those who need them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from sklearn.ensemble import RandomForestClassifier

from hrtem_lab.defects import Forest
from tests.models import noise_table, save_onnx_model

HEAVY = {
    *("torch", "torchvision", "timm", "segmentation_models_pytorch", "pytorch_lightning", "albumentations"),
    *("mlflow", "optuna", "abtem", "ase", "distributed", "dask", "sklearn", "skops", "scipy.stats"),
    *("matplotlib.pyplot", "plotly", "huggingface_hub"),
}
"""Modules that take long to import, and that finding, measuring and classifying particles does without."""
FOR_HELP = {*HEAVY, "numpy", "pandas", "scipy", "skimage", "matplotlib", "cv2", "openvino", "onnxruntime"}
FOR_PYTHON = {*HEAVY, "hydra", "omegaconf"}

REPORT = "import sys, atexit; atexit.register(lambda: print('MODULES', *sys.modules)); "


def imported(code: str, *arguments: str) -> set[str]:
    """Modules that a process has imported at its end."""
    call = [sys.executable, "-c", REPORT + code, *arguments]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return set(done.stdout.rpartition("MODULES")[2].split())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network as ONNX and a forest of trees."""
    folder = save_onnx_model(tmp_path_factory.mktemp("model"))
    Forest.fit(RandomForestClassifier(5, random_state=0), noise_table()).save(folder)
    return folder


@pytest.fixture
def tile(tmp_path: Path) -> Path:
    """An image of one dark particle."""
    row, column = np.mgrid[:132, :132] - 66
    image = np.random.default_rng(0).normal(100, 3, (132, 132)) - 40 * (np.hypot(row, column) < 30)
    tifffile.imwrite(tmp_path / "tile.tif", image.astype(np.float32))
    return tmp_path / "tile.tif"


def test_help_needs_no_library_but_its_own() -> None:
    found = imported("from hrtem_lab.predict import main; main()", "--help")
    assert found & FOR_HELP == set()


def test_predict_imports_what_finds_measures_and_classifies(model: Path, tile: Path) -> None:
    pytest.importorskip("openvino")
    arguments = [f"input={tile}", f"output={tile.parent / 'out'}", f"model={model}", "pixel_size_nm=0.05"]
    found = imported("from hrtem_lab.predict import main; main()", *arguments)
    assert (tile.parent / "out" / "particles.csv").read_text(encoding="utf-8").count("\n") == 2
    assert found & HEAVY == set()


def test_the_python_interface_needs_no_command_line(model: Path, tile: Path) -> None:
    pytest.importorskip("openvino")
    code = """
import numpy as np, hrtem_lab
analyser = hrtem_lab.load(sys.argv[1])
analysis = analyser(sys.argv[2], 0.05)
hrtem_lab.figures.overlay(analysis)
assert len(analysis.table) == 1
"""
    assert imported(code, str(model), str(tile)) & FOR_PYTHON == set()
