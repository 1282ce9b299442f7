"""Objectives of trials: from a configuration to validation metrics. Nothing here uses a test micrograph."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Protocol, TypeVar

import pandas as pd
import pytorch_lightning as pl
from filelock import FileLock
from omegaconf import DictConfig
from optuna import TrialPruned

from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.config_keys import validation_settings
from hrtem_lab.defects import SCORE_METRICS, cross_validate, score, tabulate_particles
from hrtem_lab.evaluation import SUMMARY_METRICS
from hrtem_lab.fingerprint import fingerprint
from hrtem_lab.micrograph import FloatArray, InputError, IntArray, LabelledMicrograph
from hrtem_lab.pipelines.fit_network import fit_network
from hrtem_lab.pipelines.scoring import score_method
from hrtem_lab.progress import ProgressCallback, no_progress
from hrtem_lab.segmentation.data import TrainingData
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.segmenter import Segmenter
from hrtem_lab.tracking.callbacks import EpochCallback, EpochMetrics
from hrtem_lab.tracking.models import find_model
from hrtem_lab.tracking.runs import Run

Value = TypeVar("Value")
MASK_METRICS = tuple(f"val/{name}" for name in SUMMARY_METRICS)
"""Metrics of predicted masks, under the names that training logs."""
FOREST_METRICS = tuple(f"cv/{name}" for name in SCORE_METRICS)
"""Metrics of a cross-validated forest."""


class Objective(Protocol):
    """Computes the metrics of trials. A worker creates one and calls it once per trial, so it may cache results.

    Attributes:
        metrics: Names of all metrics.
    """

    metrics: tuple[str, ...]

    def prepare(self, config: DictConfig, progress: ProgressCallback) -> None:
        """Write to disk what all trials share."""

    def __call__(self, config: DictConfig, run: Run, report: EpochCallback) -> dict[str, float]:
        """Compute the validation metrics of a configuration.

        Args:
            config: Configuration of a trial.
            run: MLflow run of the trial.
            report: Called after every epoch; True ends the trial.

        Raises:
            TrialPruned: `report` has ended the trial.
        """


class LastValueCache:
    """Keeps the last value of each kind, for as long as it is requested with the same key."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[Hashable, Any]] = {}

    def get(self, kind: str, key: Hashable, compute: Callable[[], Value]) -> Value:
        """Return the kept value of a kind, or compute it if the last key was another one."""
        if kind not in self._values or self._values[kind][0] != key:
            self._values[kind] = key, compute()
        return self._values[kind][1]


class SimulatedDataObjective:
    """Base of the objectives: data and validation micrographs, cached while their settings stay the same."""

    def __init__(self) -> None:
        self.cache = LastValueCache()

    def prepare(self, config: DictConfig, progress: ProgressCallback = no_progress) -> None:
        """Simulate the exit waves that are missing."""
        self._make_data(config, progress)

    def data(self, config: DictConfig) -> TrainingData:
        """Return the data of a trial."""
        return self.cache.get("data", fingerprint(to_plain(config.data)), lambda: self._make_data(config))

    def validation_micrographs(self, config: DictConfig, views: int) -> Sequence[LabelledMicrograph]:
        """Return the validation micrographs of a trial.

        Args:
            config: Configuration of the trial.
            views: Number of micrographs of each specimen.
        """
        key = self.validation_fingerprint(config, views)
        return self.cache.get("validation", key, lambda: self.data(config).views("validation", views))

    def validation_fingerprint(self, config: DictConfig, views: int) -> str:
        """Fingerprint of everything that the validation micrographs depend on."""
        return fingerprint({"views": views, "data": validation_settings(to_plain(config.data))})

    def _make_data(self, config: DictConfig, progress: ProgressCallback = no_progress) -> TrainingData:
        data: TrainingData = build(config.data)
        if data.library.missing():
            data.library.folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{data.library.folder}.lock"):  # else each worker would simulate all of it
                data.simulate(progress)
        return data


class UNetObjective(SimulatedDataObjective):
    """Trains a U-Net, tunes its threshold and scores it on the validation micrographs.

    Args:
        keep_models: Whether the model is logged to the run of the trial, for `predict model=runs:/ID/model`.
    """

    metrics: ClassVar = (*MASK_METRICS, "best/val/dice", "parameters", "train_seconds", "val/seconds_per_micrograph")

    def __init__(self, keep_models: bool = False) -> None:
        super().__init__()
        self.keep_models = keep_models

    def __call__(self, config: DictConfig, run: Run, report: EpochCallback) -> dict[str, float]:
        """Compute `val/` metrics and those of the training itself; see `Objective`."""
        pl.seed_everything(config.seed, verbose=False)
        epoch_metrics = EpochMetrics(report)
        with TemporaryDirectory(prefix="hrtem_lab_") as name:
            folder = Path(name)
            network, fit_metrics = fit_network(config, self.data(config), folder, run, [epoch_metrics])
            if epoch_metrics.ended:
                raise TrialPruned
            validation = self.validation_micrographs(config, config.tuning_views)
            tuned = network.tune(validation)
            if self.keep_models:
                tuned.save(folder / "model")
                run.log_folder(folder / "model")
        return fit_metrics | validation_metrics(tuned, validation)


class ClassicalObjective(SimulatedDataObjective):
    """Scores a classical method, with the settings of the configuration, on the validation micrographs.

    Args:
        method: Name of the method in `config.methods`.
    """

    metrics: ClassVar = (*MASK_METRICS, "val/seconds_per_micrograph")

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method

    def __call__(self, config: DictConfig, run: Run, report: EpochCallback) -> dict[str, float]:
        """Compute `val/` metrics; see `Objective`."""
        methods = config.get("methods", {})
        if self.method not in methods:
            raise InputError(f"methods are {', '.join(methods) or 'none'}; the sweep needs {self.method} among them")
        return validation_metrics(build(methods[self.method]), self.validation_micrographs(config, config.tuning_views))


class ForestObjective(SimulatedDataObjective):
    """Cross-validates a forest on the particles that a trained U-Net segments in the validation micrographs."""

    metrics: ClassVar = FOREST_METRICS

    def __call__(self, config: DictConfig, run: Run, report: EpochCallback) -> dict[str, float]:
        """Compute `cv/` metrics; see `Objective`."""
        table = self._particle_table(config)
        trainer = build(config.forest)
        probabilities = cross_validate(trainer.fit, table, config.folds, config.seed)
        scores = score(table["label"], probabilities, costs=trainer.costs)
        return {f"cv/{name}": value for name, value in scores.items()}

    def _particle_table(self, config: DictConfig) -> pd.DataFrame:
        """Features and classes of the particles, cached while micrographs, segmenter and features stay the same."""
        micrographs = self.validation_micrographs(config, config.views)
        masks_key = self.validation_fingerprint(config, config.views), config.start

        def segment() -> list[tuple[IntArray, FloatArray]]:
            segmenter = NetworkSegmenter.load(find_model(config.start))
            segmentations = map(segmenter.segment, micrographs)
            return [(segmentation.instances, segmentation.probabilities) for segmentation in segmentations]

        def measure() -> pd.DataFrame:
            masks = self.cache.get("masks", masks_key, segment)
            return tabulate_particles(micrographs, masks, build(config.features))

        return self.cache.get("table", (masks_key, fingerprint(to_plain(config.features))), measure)


def validation_metrics(segmenter: Segmenter, validation: Sequence[LabelledMicrograph]) -> dict[str, float]:
    """Score a segmenter on the validation micrographs, under the metric names that training logs."""
    scores = score_method(segmenter, validation)
    metrics = {**scores.summary, "seconds_per_micrograph": scores.seconds_per_micrograph}
    return {f"val/{name}": value for name, value in metrics.items()}
