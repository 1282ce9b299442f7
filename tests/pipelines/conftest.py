"""What several tests of pipelines need."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hrtem_lab.pipelines import file_analysis
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.preprocessing import Preprocessing
from tests.models import Dark, save_model
from tests.pipelines.test_predict import ReadsHere
from tests.small import train


@pytest.fixture
def dark_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model's network calls dark what is a particle, and files are read in this process."""
    known = NetworkSegmenter(net=Dark(), preprocessing=Preprocessing())
    monkeypatch.setattr(
        NetworkSegmenter,
        "load",
        classmethod(lambda cls, folder, engine="auto", **overruled: replace(known, **overruled)),
    )
    monkeypatch.setattr(file_analysis, "ReaderPool", ReadsHere)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small U-Net with weights by chance, and a forest fitted to noise."""
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """The folder of a small quickstart that has run; `out` in it is what it wrote."""
    folder = tmp_path_factory.mktemp("train")
    shutil.copy(empty_store, folder / "mlflow.db")
    done = train(folder, "+experiment=quickstart", "trainer.max_epochs=2", f"output={folder / 'out'}")
    assert done.returncode == 0, done.stderr[-3000:]
    (folder / "stdout.txt").write_text(done.stdout)
    return folder
