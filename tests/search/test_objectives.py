"""Objectives: validation metrics under the usual names, nothing computed twice, no test micrograph used."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from omegaconf import DictConfig
from optuna import TrialPruned

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import quiet
from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import ExitWaveLibrary
from hrtem_lab.search.objectives import ClassicalObjective, ForestObjective, UNetObjective, validation_metrics
from hrtem_lab.search.space import compose_trial_config
from hrtem_lab.segmentation.data import SimulatedData
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.segmenter import Segmentation
from hrtem_lab.tracking.models import find_model
from hrtem_lab.tracking.runs import Run, start_run
from hrtem_lab.tracking.store import connect
from tests.models import save_model
from tests.small import TRAINING

GO_ON = lambda epoch, n_epochs, epoch_metrics: False  # noqa: E731
RUN = Run("not used")


@pytest.fixture(scope="module")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("waves")


@pytest.fixture
def config(waves: Path):
    def make(*overrides: str, **params: Any) -> DictConfig:
        space = {path: {} for path in params}
        base = ["+sweep=unet", *TRAINING, f"data.library.root={waves}"]
        return compose_trial_config([*base, *overrides], params, space)

    return make


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Stages whose micrographs are taken; reading a test specimen, in whatever way, is an error."""
    taken: list[str] = []
    take, read = SimulatedData.micrographs, ExitWaveLibrary.__getitem__

    def micrographs(self: SimulatedData, stage: Any, repeat: int = 0) -> Any:
        taken.append(stage)
        assert stage != "test"
        return take(self, stage, repeat)

    def item(self: ExitWaveLibrary, index: Any) -> Any:
        assert index not in range(3), "the first three specimens of TRAINING are those of the test"
        return read(self, index)

    monkeypatch.setattr(SimulatedData, "micrographs", micrographs)
    monkeypatch.setattr(ExitWaveLibrary, "__getitem__", item)
    return taken


def test_the_watch_sees_a_test_specimen(config, watched: list[str]):
    data = build(config().data)
    data.simulate()
    with pytest.raises(AssertionError):
        data.library[2]
    with pytest.raises(AssertionError):
        data.micrographs("test")


def test_a_classical_method_is_scored_on_validation_alone(config, watched: list[str]):
    objective = ClassicalObjective("watershed")
    objective.prepare(config())
    dark = objective(config(**{"methods.watershed.cue": "dark"}), RUN, GO_ON)
    bright = objective(config(**{"methods.watershed.cue": "bright"}), RUN, GO_ON)
    assert set(dark) == set(objective.metrics)
    assert 0 <= dark["val/dice"] <= 1
    assert dark["val/dice"] != bright["val/dice"]
    assert watched == ["validation"]  # taken once
    objective(config("data.batch_size=1"), RUN, GO_ON)
    assert watched == ["validation"]  # micrographs do not depend on how a network is trained
    objective(config("seed=1", "data.library.count=9"), RUN, GO_ON)
    assert watched == ["validation"] * 2
    with pytest.raises(InputError, match="the sweep needs watershed among them"):
        objective(config("methods=[otsu]"), RUN, GO_ON)


def test_a_unet_is_trained_and_scored_on_validation_alone(config, watched: list[str], tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quiet()
    connect("objectives")
    objective, reports = UNetObjective(keep_models=True), []

    def report(*arguments: Any) -> bool:
        reports.append(arguments)
        return False

    with start_run("one") as run:
        metrics = objective(config("trainer.max_epochs=2"), run, report)
    assert set(metrics) == set(objective.metrics)
    assert [(step, total) for step, total, _ in reports] == [(1, 2), (2, 2)]
    assert metrics["best/val/dice"] == pytest.approx(max(reported["val/dice"] for *_, reported in reports))
    assert set(watched) == {"validation"}
    assert len(mlflow.MlflowClient().get_metric_history(run.id, "val/dice")) == 2  # its curve
    kept = NetworkSegmenter.load(find_model(f"runs:/{run.id}/model"))  # as it was scored
    validation = objective.validation_micrographs(config("trainer.max_epochs=2"), 1)
    assert validation_metrics(kept, validation)["val/dice"] == pytest.approx(metrics["val/dice"], abs=0.01)
    with pytest.raises(TrialPruned), start_run("two") as run:
        objective(config("trainer.max_epochs=9"), run, lambda *arguments: reports.append(arguments) or True)
    assert len(reports) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_forest_is_cross_validated_on_predicted_particles(
    config, watched: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cut = []

    class Knowing:
        def segment(self, micrograph):
            cut.append(micrograph)
            return Segmentation(micrograph.mask[None].astype(np.float32), micrograph.instances)

    monkeypatch.setattr(NetworkSegmenter, "load", lambda folder: Knowing())
    model = f"start={save_model(tmp_path / 'model', forest=False)}"
    objective = ForestObjective()
    metrics = objective(config(model), RUN, GO_ON)
    assert set(metrics) == set(objective.metrics)
    assert metrics["cv/particles"] == sum(m.instances.max() for m in cut)
    assert 0 < metrics["cv/accuracy"] <= 1
    other = objective(config(model, **{"forest.classifier.max_depth": 1}), RUN, GO_ON)
    assert other["cv/particles"] == metrics["cv/particles"]
    assert len(cut) == 15  # three views of five specimens, cut once
    assert watched == ["validation"] * 3
    with pytest.raises(InputError, match="nothing there"):
        objective(config(f"start={tmp_path / 'none'}"), RUN, GO_ON)
