"""Predictions of a forest and its baselines, and how they are scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from omegaconf import DictConfig

from hrtem_lab.defects import Costs, Forest, ForestTrainer, cross_validate, decide, score
from hrtem_lab.evaluation import paired_test
from hrtem_lab.micrograph import UNCERTAIN
from hrtem_lab.pipelines.particle_tables import TRUE_MASKS

BASELINE_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "fault_f1", "ece")
LEAD_SUFFIXES = {"difference": "", "low": "_low", "high": "_high", "p": "_p"}
"""Result of `paired_test` -> suffix of its metric."""


@dataclass(frozen=True)
class Predictions:
    """Particles and the probabilities that a classifier predicts for them.

    Attributes:
        table: Particles, as from `hrtem_lab.defects.tabulate_particles`.
        probabilities: Probabilities of the classes, (particles, classes).
        costs: Costs of missing a class at which the classifier decides.
    """

    table: pd.DataFrame
    probabilities: pd.DataFrame
    costs: Costs

    @property
    def labels(self) -> pd.Series:
        """True classes."""
        return self.table["label"]

    def accuracy_by_specimen(self) -> npt.NDArray[np.float64]:
        """Fraction of right classes of each specimen, (specimens,)."""
        right = decide(self.probabilities, self.costs)["class"].to_numpy() == self.labels.to_numpy()
        return pd.Series(right.astype(float)).groupby(self.table["group"].to_numpy()).mean().to_numpy()


def fit_and_predict(
    trainer: ForestTrainer, train: pd.DataFrame, test: pd.DataFrame, config: DictConfig
) -> tuple[Forest, dict[str, Predictions]]:
    """Fit a classifier, and predict the particles of other specimens.

    Args:
        trainer: Fits the classifier.
        train: Particles to train on.
        test: Particles of other specimens.
        config: Configuration with `folds` and `seed` of the cross-validation.

    Returns:
        The classifier, and predictions: `cv` of the particles to train on, by cross-validation, and `test`.
    """
    cv_probabilities = cross_validate(trainer.fit, train, config.folds, config.seed)
    classifier = trainer.fit(train)
    test_probabilities = classifier.probabilities(test)
    return classifier, {
        "cv": Predictions(train, cv_probabilities, trainer.costs),
        "test": Predictions(test, test_probabilities, trainer.costs),
    }


def score_forest(
    forest: Forest, predictions: dict[str, Predictions], true_particles: pd.DataFrame, classes: pd.Series
) -> dict[str, float]:
    """Score a forest.

    Args:
        forest: Fitted forest.
        predictions: The forest's predictions of the stages `cv` and `test`.
        true_particles: Particles of the test micrographs as if all had been found with their true outlines.
        classes: Class of every test particle, some of which are `uncertain`.

    Returns:
        Scores of `hrtem_lab.defects.score` with `cv/`, `test/`, `true_masks/` or, for test particles that get a class,
        `answered/` before each; `test/coverage`, `confidence_threshold` and `oob_accuracy`.
    """
    test, accepted = predictions["test"], classes != UNCERTAIN
    parts = {
        **predictions,
        TRUE_MASKS: Predictions(true_particles, forest.probabilities(true_particles), forest.costs),
        "answered": Predictions(test.table[accepted], test.probabilities[accepted], forest.costs),
    }
    metrics: dict[str, float] = {}
    for stage, part in parts.items():
        values = score(part.labels, part.probabilities, part.table["group"], part.costs)
        metrics |= {f"{stage}/{name}": value for name, value in values.items()}
    metrics |= {"test/coverage": float(accepted.mean()), "confidence_threshold": forest.confidence_threshold}
    return metrics | {"oob_accuracy": forest.oob_accuracy}


def compare_with_baseline(
    name: str, baseline: dict[str, Predictions], forest: dict[str, Predictions]
) -> dict[str, float]:
    """Score a baseline, and the forest's lead in accuracy over it, paired by specimen.

    Args:
        name: Name of the baseline.
        baseline: The baseline's predictions of the stages `cv` and `test`.
        forest: The forest's predictions of the same particles.

    Returns:
        Metrics, with the stage before each.
    """
    metrics: dict[str, float] = {}
    for stage, part in baseline.items():
        values = score(part.labels, part.probabilities, costs=part.costs)
        metrics |= {f"{stage}/{name}/{key}": value for key, value in values.items() if key in BASELINE_METRICS}
        lead = paired_test(forest[stage].accuracy_by_specimen(), part.accuracy_by_specimen())
        metrics |= {f"{stage}/lead_over_{name}{suffix}": lead[key] for key, suffix in LEAD_SUFFIXES.items()}
    return metrics
