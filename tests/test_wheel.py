"""The wheel: what it holds, and its commands where the checkout is out of sight."""

import json
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hrtem_lab import __version__
from hrtem_lab.cli.commands import list_commands
from tests.environments import Environment

PROJECT = Path(__file__).resolve().parents[1]
MAX_BYTES = 25e6
SHIPPED = {
    "hrtem_lab": "hrtem_lab",
    "conf": "hrtem_lab/conf",
    "models": "hrtem_lab/models",
    "examples": "hrtem_lab/examples",
}
"""Folder of the checkout -> folder of the wheel."""


def build(source: Path, target: Path, kind: str) -> Path:
    """Build a wheel or an sdist of a source tree."""
    target.mkdir(exist_ok=True)
    call = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(target)]
    subprocess.run(call, cwd=source, check=True, capture_output=True)
    (built,) = target.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


def read_wheel(wheel: Path) -> dict[str, bytes]:
    """Name and content of every file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(PROJECT, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("environment") / "venv")
    environment.install(wheel)
    return environment


def test_the_wheel_holds_the_package_the_configuration_and_the_models(wheel: Path):
    expected = {
        f"{folder}/{file.relative_to(PROJECT / source).as_posix()}": file.read_bytes()
        for source, folder in SHIPPED.items()
        for file in (PROJECT / source).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name: data for name, data in read_wheel(wheel).items() if ".dist-info/" not in name} == expected
    assert "hrtem_lab/models/default/README.md" in expected


def test_the_wheel_is_small(wheel: Path):
    assert wheel.stat().st_size < MAX_BYTES


def test_the_metadata_has_the_readme_and_the_command(wheel: Path):
    files = read_wheel(wheel)
    folder = f"hrtem_lab-{__version__}.dist-info"
    metadata = message_from_bytes(files[f"{folder}/METADATA"])
    assert metadata["Version"] == __version__
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload(decode=True) == (PROJECT / "README.md").read_bytes()
    assert "hrtem-lab = hrtem_lab.__main__:main" in files[f"{folder}/entry_points.txt"].decode()


def test_a_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path):
    with tarfile.open(build(PROJECT, tmp_path / "sdist", "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build(tmp_path / f"hrtem_lab-{__version__}", tmp_path / "wheel", "wheel")
    assert read_wheel(again) == read_wheel(wheel)


def test_configuration_and_models_are_found_in_the_package_and_files_go_to_the_working_folder(
    environment: Environment, tmp_path: Path
):
    code = "from hrtem_lab import paths; print(paths.PACKAGE, paths.CONF, paths.MODELS, paths.workspace(), sep='\\n')"
    done = environment.run(tmp_path, "python", "-c", code)
    assert done.returncode == 0, done.stderr
    package = environment.site_packages / "hrtem_lab"
    assert list(map(Path, done.stdout.splitlines())) == [package, package / "conf", package / "models", tmp_path]


@pytest.mark.parametrize("command", list_commands())
def test_every_command_answers_help(command: str, environment: Environment, tmp_path: Path):
    done = environment.run(tmp_path, "hrtem-lab", command, "--help")
    assert done.returncode == 0, done.stderr
    assert "Settings" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_hydra_completes_a_command_line(environment: Environment, tmp_path: Path):
    call = ["python", "-m", "hrtem_lab.train", "--shell-completion", "query=bash"]
    done = environment.run(tmp_path, *call, COMP_LINE="python train.py net=unet_resnet50")
    assert done.stdout.split() == ["net=unet_resnet50_micronet"], done.stderr


@pytest.mark.slow
def test_an_installed_command_writes_into_its_output_alone(environment: Environment, tmp_path: Path):
    folders = [tmp_path / name for name in ("work", "home", "temp")]
    for folder in folders:
        folder.mkdir()
    work, home, temp = folders
    rows, columns = np.mgrid[:128, :128]
    image = np.random.default_rng(0).normal(1000, 30, (128, 128)) - 200 * (np.hypot(rows - 64, columns - 60) < 30)
    size = {"resolution": (1 / 0.05,) * 2, "metadata": {"unit": "nm"}}
    tifffile.imwrite(work / "disc.tif", image.astype(np.float32), imagej=True, **size)
    before = sorted(environment.folder.rglob("*"))

    variables = {"HOME": str(home), "USERPROFILE": str(home), "TMPDIR": str(temp), "TEMP": str(temp)}
    done = environment.run(work, "hrtem-lab", "predict", "input=disc.tif", "output=results", **variables)

    assert done.returncode == 0, done.stderr + done.stdout
    assert {path.name for path in work.iterdir()} == {"disc.tif", "results"}
    summary = json.loads((work / "results" / "summary.json").read_text(encoding="utf-8"))
    assert summary["model"]["folder"] == str(environment.site_packages / "hrtem_lab" / "models" / "default")
    assert [row["micrograph"] for row in summary["per_micrograph"]] == ["disc"]
    assert sorted(environment.folder.rglob("*")) == before
    assert [path for path in temp.rglob("*") if path.is_file()] == []
    caches = {"matplotlib", "networks"}  # of fonts, and of the network as ONNX, which is converted once
    assert [path for path in home.rglob("*") if path.is_file() and path.parent.name not in caches] == []
