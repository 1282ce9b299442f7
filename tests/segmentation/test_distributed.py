"""One training in two processes: who sees which sample, what the metrics are of, and what is recorded."""

import os
import shutil
from functools import partial
from pathlib import Path

import mlflow
import pytest
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from torch import nn

from hrtem_lab.cli.build import build
from hrtem_lab.paths import CONF
from hrtem_lab.physics import ImageSimulator
from hrtem_lab.segmentation.data import SimulatedData
from hrtem_lab.segmentation.datasets import SimulatedDataset
from hrtem_lab.segmentation.fit import best_checkpoint, best_score, fit
from hrtem_lab.segmentation.module import SegmentationModule
from hrtem_lab.tracking.callbacks import ValidationImages
from hrtem_lab.tracking.lightning import RunLogger
from hrtem_lab.tracking.runs import Run, start_run
from hrtem_lab.tracking.store import connect
from tests.segmentation.scenes import PREPROCESSING, DrawnLibrary, Tiny, dihedral

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
]
SAMPLES, EPOCHS = 12, 2


class NotedDataset(SimulatedDataset):
    """Writes the number of every sample into a file of the process that makes it."""

    folder: Path

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        with (self.folder / f"{os.getpid()}.txt").open("a") as file:
            file.write(f"{number}\n")
        return super().__getitem__(number)


class NotedData(SimulatedData):
    """Drawn data whose training samples are noted in a folder."""

    folder: Path

    def dataset(self, stage):
        dataset = super().dataset(stage)
        if stage == "train":
            dataset.__class__, dataset.folder = NotedDataset, self.folder
        return dataset


def train(folder: Path, run: Run, trainer: str) -> pl.Trainer:
    """Train without learning, so that every metric is that of the same weights."""
    folder.mkdir()
    settings = {"window_nm": 3.0, "samples": SAMPLES, "batch_size": 3, "workers": 0}
    data = NotedData(DrawnLibrary(6), ImageSimulator(), PREPROCESSING, dihedral(32), 3, 1, **settings)
    data.folder = folder
    torch.manual_seed(0)
    module = SegmentationModule(Tiny(), nn.BCEWithLogitsLoss(), partial(torch.optim.SGD, lr=0.0))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(
            "train", overrides=[f"trainer={trainer}", f"trainer.max_epochs={EPOCHS}", "trainer.log_every_n_steps=1"]
        )
    made = build(config.trainer)(
        accelerator="cpu",
        precision="32-true",
        logger=RunLogger(run),
        callbacks=[best_checkpoint(folder), ValidationImages(run, fields=1)],
        enable_progress_bar=False,
        default_root_dir=folder,
    )
    fit(made, module, data, folder)
    return made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, empty_store: Path):
    folder = tmp_path_factory.mktemp("distributed")
    shutil.copy(empty_store, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        connect("study")
        yield folder


@pytest.fixture(scope="module")
def alone_and_together(store: Path) -> tuple[Path, pl.Trainer, pl.Trainer]:
    with start_run("alone") as run:
        alone = train(store / "alone", run, "default")
    with start_run("together") as run:
        together = train(store / "together", run, "ddp")
    return store, alone, together


def test_every_sample_is_seen_once_an_epoch(alone_and_together):
    folder = alone_and_together[0] / "together"
    seen = [[int(line) for line in path.read_text().split()] for path in folder.glob("*.txt")]
    half = SAMPLES // 2
    assert [len(numbers) for numbers in seen] == [EPOCHS * half] * 2
    for epoch in range(EPOCHS):
        numbers = [number for process in seen for number in process[epoch * half : (epoch + 1) * half]]
        assert sorted(numbers) == list(range(epoch * SAMPLES, (epoch + 1) * SAMPLES))


def test_metrics_are_those_of_one_process(alone_and_together):
    folder, alone, together = alone_and_together
    assert {"train/loss", "train/dice", "val/loss", "val/dice"} <= set(alone.callback_metrics)
    for name, value in alone.callback_metrics.items():
        assert float(together.callback_metrics[name]) == pytest.approx(float(value), rel=1e-5), name
    assert best_score(folder / "together") == pytest.approx(best_score(folder / "alone"), rel=1e-5)


def test_two_processes_are_one_run(alone_and_together):
    client = mlflow.MlflowClient()
    runs = client.search_runs([client.get_experiment_by_name("study").experiment_id])
    assert sorted(run.info.run_name for run in runs) == ["alone", "together"]
    for run in runs:
        assert run.info.status == "FINISHED"
        assert len(client.get_metric_history(run.info.run_id, "train/loss")) == EPOCHS
        pictures = client.list_artifacts(run.info.run_id, "images")
        assert sum(picture.path.endswith(".png") for picture in pictures) == EPOCHS
