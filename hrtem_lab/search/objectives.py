"""What a trial does: a configuration in, validation metrics out. Nothing here looks at a test micrograph."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Protocol, TypeVar

import pandas as pd
import pytorch_lightning as pl
from filelock import FileLock
from omegaconf import DictConfig
from optuna import TrialPruned

from hrtem_lab.cli.build import build
from hrtem_lab.cli.build import to_plain as plain
from hrtem_lab.cli.config_keys import validation_settings
from hrtem_lab.defects import cross_validate, particle_table, score
from hrtem_lab.evaluation import score_masks, summarise
from hrtem_lab.fingerprint import fingerprint as digest
from hrtem_lab.micrograph import CLASSES, FloatArray, InputError, IntArray, LabelledMicrograph
from hrtem_lab.pipelines.fit_network import fit_network
from hrtem_lab.pipelines.method_scores import score_method
from hrtem_lab.progress import ProgressCallback, no_progress
from hrtem_lab.segmentation.data import SimulatedData
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.segmenter import Segmenter
from hrtem_lab.tracking.callbacks import EpochCallback, EpochMetrics
from hrtem_lab.tracking.models import find_model
from hrtem_lab.tracking.runs import Run

Value = TypeVar("Value")
MASKS = tuple(f"val/{name}" for name in summarise(score_masks([], [])))
"""Metrics of predicted masks, as training logs them."""
FOREST = tuple(f"cv/{name}" for name in score(pd.Series(dtype=str), pd.DataFrame(columns=list(CLASSES), dtype=float)))


class Objective(Protocol):
    """Made once per worker, called once per trial; what it keeps between two calls it need not make again."""

    metrics: tuple[str, ...]

    def prepare(self, config: DictConfig, progress: ProgressCallback) -> None:
        """Make what is on disk and all trials share."""

    def __call__(self, config: DictConfig, run: Run, tell: EpochCallback) -> dict[str, float]:
        """Validation metrics of a configuration.

        Raises:
            TrialPruned: `tell` has answered that it is not worth going on.
        """


class Latest:
    """Keeps the last thing of each kind that was made, for as long as it is asked for by the same key."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Hashable, Any]] = {}

    def __call__(self, kind: str, key: Hashable, make: Callable[[], Value]) -> Value:
        """The kept one, or a new one."""
        if kind not in self._kept or self._kept[kind][0] != key:
            self._kept[kind] = key, make()
        return self._kept[kind][1]


class OnSimulation:
    """What all objectives share: data and validation micrographs, kept while their settings stay the same."""

    def __init__(self) -> None:
        self.latest = Latest()

    def prepare(self, config: DictConfig, progress: ProgressCallback = no_progress) -> None:
        """Simulate the exit waves that are missing."""
        self._simulated(config, progress)

    def data(self, config: DictConfig) -> SimulatedData:
        """The data of a trial."""
        return self.latest("data", digest(plain(config.data)), lambda: self._simulated(config))

    def validation(self, config: DictConfig, views: int) -> list[LabelledMicrograph]:
        """The validation micrographs of a trial, `views` of each specimen."""
        return self.latest(
            "validation", self.decisive(config, views), lambda: self.data(config).views("validation", views)
        )

    def decisive(self, config: DictConfig, views: int) -> str:
        """Digest of what the validation micrographs depend on."""
        return digest([views, validation_settings(plain(config.data))])

    def _simulated(self, config: DictConfig, progress: ProgressCallback = no_progress) -> SimulatedData:
        data: SimulatedData = build(config.data)
        if data.library.missing():
            data.library.folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{data.library.folder}.lock"):  # else each worker would simulate all of it
                data.simulate(progress)
        return data


class UNetObjective(OnSimulation):
    """Trains a U-Net, tunes it and scores it on the validation micrographs.

    Args:
        keep_models: Whether the run of a trial keeps its model: `predict model=runs:/ID/model`.
    """

    metrics: ClassVar = (*MASKS, "best/val/dice", "parameters", "train_seconds", "val/seconds_per_micrograph")

    def __init__(self, keep_models: bool = False) -> None:
        super().__init__()
        self.keep_models = keep_models

    def __call__(self, config: DictConfig, run: Run, tell: EpochCallback) -> dict[str, float]:
        """Metrics of `val/`, and what the training itself tells; see `Objective`."""
        pl.seed_everything(config.seed, verbose=False)
        told = EpochMetrics(tell)
        with TemporaryDirectory(prefix="hrtem_lab_") as folder:
            unet, facts = fit_network(config, self.data(config), Path(folder), run, [told])
            if told.ended:
                raise TrialPruned
            validation = self.validation(config, config.tuning_views)
            tuned = unet.tune(validation)
            if self.keep_models:
                tuned.save(Path(folder) / "model")
                run.log_folder(Path(folder) / "model")
        return facts | masks(tuned, validation)


class ClassicalObjective(OnSimulation):
    """Scores a classical method, with the settings it is given, on the validation micrographs.

    Args:
        method: Its name in `config.methods`.
    """

    metrics: ClassVar = (*MASKS, "val/seconds_per_micrograph")

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method

    def __call__(self, config: DictConfig, run: Run, tell: EpochCallback) -> dict[str, float]:
        """Metrics of `val/`; see `Objective`."""
        methods = config.get("methods", {})
        if self.method not in methods:
            raise InputError(f"methods are {', '.join(methods) or 'none'}; the sweep needs {self.method} among them")
        return masks(build(methods[self.method]), self.validation(config, config.tuning_views))


class ForestObjective(OnSimulation):
    """Cross-validates a forest on the particles that a trained U-Net finds in the validation micrographs."""

    metrics: ClassVar = FOREST

    def __call__(self, config: DictConfig, run: Run, tell: EpochCallback) -> dict[str, float]:
        """Metrics of `cv/`; see `Objective`."""
        found = self._table(config)
        recipe = build(config.forest)
        crossed = cross_validate(recipe.fit, found, config.folds, config.seed)
        values = score(found["label"], crossed, costs=recipe.costs)
        return {f"cv/{name}": value for name, value in values.items()}

    def _table(self, config: DictConfig) -> pd.DataFrame:
        """Features and classes of the particles, made again only when the micrographs or the features change."""
        micrographs = self.validation(config, config.views)
        seen = self.decisive(config, config.views), config.start

        def cut() -> list[tuple[IntArray, FloatArray]]:
            unet = NetworkSegmenter.load(find_model(config.start))
            return [(found.instances, found.probabilities) for found in map(unet.segment, micrographs)]

        def make() -> pd.DataFrame:
            return particle_table(micrographs, self.latest("masks", seen, cut), build(config.features))

        return self.latest("table", (seen, digest(plain(config.features))), make)


def masks(method: Segmenter, validation: list[LabelledMicrograph]) -> dict[str, float]:
    """Metrics of what a method finds in the validation micrographs, under the names that training logs them by."""
    # particles of one least size for all trials: one that leaves small ones out is to pay for it
    scores = score_method(method, validation, Segmenter.min_diameter_nm)
    metrics = {**scores.summary, "seconds_per_micrograph": scores.seconds_per_micrograph}
    return {f"val/{name}": value for name, value in metrics.items()}
