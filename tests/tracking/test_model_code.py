"""A logged model is loaded and runs where the package is not installed."""

import ast
import importlib.metadata
import json
import shutil
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest

import hrtem_lab
from hrtem_lab.micrograph import Micrograph
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.model_code import LIBRARIES, copy_code
from hrtem_lab.tracking.models import find_model, log_model
from hrtem_lab.tracking.runs import start_run
from hrtem_lab.tracking.store import connect
from tests.environments import Environment
from tests.models import save_model

PACKAGE = Path(hrtem_lab.__file__).parent
MAX_BYTES = 3e6
PIXEL_NM = 0.05
LOAD = """
import json, sys
import mlflow, numpy

model = mlflow.pyfunc.load_model(sys.argv[1])
numpy.save("probability.npy", model.predict(numpy.load("image.npy"), params={"pixel_size_nm": float(sys.argv[2])}))
package = {name: module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "hrtem_lab"}
print(json.dumps(package))
"""


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).normal(1000, 30, (1, 96, 96)).astype(np.float32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("saved") / "model", forest=False)


@pytest.fixture(scope="module")
def logged(saved: Path, image: np.ndarray, tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> str:
    """URI of a logged model, in a store of its own."""
    folder = tmp_path_factory.mktemp("store")
    shutil.copy(empty_store, folder / "mlflow.db")
    before = list(sys.path)  # new processes inherit it; they must not find the copy
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        connect("models")
        with start_run("one") as run:
            log_model(saved, Micrograph(image=image[0], pixel_size_nm=PIXEL_NM, name="noise"), run)
        assert sys.path == before
        return mlflow.artifacts.download_artifacts(f"runs:/{run.id}/model", dst_path=str(folder / "logged"))


def imported(file: Path) -> set[str]:
    """Top-level names of what a module imports when it is itself imported."""
    names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module).partition(".")[0])
    return names


def required(logged: str) -> set[str]:
    """Names of the distributions that a logged model requires, each pinned to a release that any index may have."""
    lines = (Path(logged) / "requirements.txt").read_text(encoding="utf-8").split()
    assert all("==" in line and "+" not in line and "hrtem" not in line for line in lines)
    return {line.partition("==")[0] for line in lines}


def test_it_runs_elsewhere_from_its_own_code_and_with_its_requirements_alone(
    logged: str, saved: Path, image: np.ndarray, tmp_path: Path
):
    environment = Environment(tmp_path / "venv")
    np.save(tmp_path / "image.npy", image)
    variables = {"MLFLOW_DISABLE_TELEMETRY": "true"}
    done = environment.run(tmp_path, "python", "-W", "error:::mlflow", "-c", LOAD, logged, str(PIXEL_NM), **variables)
    assert done.returncode == 0, done.stderr

    segmenter = NetworkSegmenter.load(saved)
    expected = segmenter.segment(Micrograph(image=image[0], pixel_size_nm=PIXEL_NM, name="noise"))
    probability = np.load(tmp_path / "probability.npy")
    assert probability[0] == pytest.approx(expected.particle_probability, abs=1e-3)

    modules = [Path(file) for file in json.loads(done.stdout.splitlines()[-1]).values()]
    assert all(file.is_relative_to(Path(logged) / "code") for file in modules)
    distributions = importlib.metadata.packages_distributions()
    names = set().union(*map(imported, modules)) - {"hrtem_lab"}
    libraries = {name: distributions[name] for name in names if name in distributions}
    assert "torch" in libraries
    for name, owners in libraries.items():
        assert required(logged) & {owner.replace("_", "-").lower() for owner in owners}, f"{name} is not required"


def test_it_requires_mlflow_and_the_libraries(logged: str):
    assert required(logged) == {"mlflow", *LIBRARIES}


def test_its_code_is_the_python_files_of_the_package(logged: str):
    files = {path.relative_to(Path(logged) / "code") for path in (Path(logged) / "code").rglob("*") if path.is_file()}
    assert {file for file in files if "__pycache__" not in file.parts} == {
        path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py")
    }
    assert sum((Path(logged) / "code" / file).stat().st_size for file in files) < MAX_BYTES


def test_configuration_and_models_of_an_installed_package_are_left_out(tmp_path: Path):
    package = tmp_path / "installed" / "hrtem_lab"
    for name in ("__init__.py", "files/read.py", "conf/train.yaml", "models/default/segmenter.json"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("", encoding="utf-8")
    copy = copy_code(tmp_path / "copy", package)
    assert {path.relative_to(copy).as_posix() for path in copy.rglob("*.*")} == {"__init__.py", "files/read.py"}


def test_a_logged_model_serves_the_commands(logged: str):
    assert find_model(logged) == Path(logged) / "artifacts" / "model"
