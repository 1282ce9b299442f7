"""The study of the paper's claims: which data it takes, and both ways from end to end in small."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.evaluate import evaluate
from tests.segmentation.scenes import dark_discs, discs_elsewhere
from tests.small import SPECIMENS

STUDY = CONF.parent / "experiments" / "groschner2021" / "segmentation.py"
BUDGET = [
    *("data.library.count=6", "data.validation=2", "data.test=2", *SPECIMENS),
    *("data.samples=4", "data.batch_size=2", "data.workers=0", "data.window_nm=6"),
    *("trainer.max_epochs=1", "trainer.log_every_n_steps=1", "methods=[groschner2021,otsu]", "model=null"),
]
"""Settings that override what the study trains on, and how long."""


@pytest.fixture
def study() -> ModuleType:
    spec = importlib.util.spec_from_file_location("segmentation", STUDY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_stack(path: Path, images: list[np.ndarray], masks: list[np.ndarray]) -> None:
    """A file as it is published: images (n, h, w, 1) from 0 to 1, and one-hot maps (n, h, w, 2), particles last."""
    stack = np.stack(images)
    scaled = (stack - stack.min()) / np.ptp(stack)
    with h5py.File(path, "w") as file:
        file["images"] = scaled[..., None].astype(np.float32)
        file["maps"] = np.stack([~np.stack(masks), np.stack(masks)], axis=-1).astype(np.uint8)


def test_the_published_stack_of_gold_is_known_by_its_number_of_images(study: ModuleType, tmp_path: Path):
    assert study.find_gold(tmp_path / "nowhere") is None
    for name, count in (("a.h5", 172), ("b.h5", study.GOLD_IMAGES), ("c.h5", 258)):
        write_stack(tmp_path / name, [np.arange(16.0).reshape(4, 4)] * count, [np.eye(4, dtype=bool)] * count)
    assert study.find_gold(tmp_path) == tmp_path / "b.h5"
    assert study.overrides(None) == []
    assert {f"data.root={tmp_path / 'b.h5'}", "data/splitter=groschner2021"} < set(study.overrides(tmp_path / "b.h5"))


@pytest.mark.slow
@pytest.mark.parametrize("is_published", [True, False], ids=["published", "simulated"])
def test_the_study_scores_the_papers_network(
    study: ModuleType, is_published: bool, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    gold = None
    if is_published:
        gold = tmp_path / "gold.h5"
        drawn = [dark_discs(number, discs_elsewhere(number), contrast=3.0) for number in range(12)]
        write_stack(gold, [each.image for each in drawn], [each.mask for each in drawn])
    words = study.overrides(gold)
    if is_published:  # twelve images in the place of 216
        words += ["data.splitter.train=8", "data.splitter.validation=2", "data.splitter.gap=1"]
        words += ["data.pixel_size_nm=0.05", f"data.cache={tmp_path / 'cache'}"]
    paths = [f"data.library.root={tmp_path / 'waves'}", f"output={tmp_path / 'out'}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        evaluate(compose("evaluate", overrides=["+experiment=groschner2021", *words, *BUDGET, *paths]))
    comparison = pd.read_csv(tmp_path / "out" / "comparison.csv", index_col="method")
    assert set(comparison.index) == {"groschner2021", "otsu"}
    # nobody knows which images of the published stack are of one micrograph: a single group has no interval and no p
    assert np.isnan(comparison.loc["otsu", "lead_p_holm"]) == is_published
    scored = pd.read_csv(tmp_path / "out" / "micrographs.csv")
    assert scored.groupby("method").size().eq(4 if is_published else 2).all()
    assert (tmp_path / "out" / "report.html").is_file()
