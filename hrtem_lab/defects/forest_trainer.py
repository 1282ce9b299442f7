"""Training of a forest, whose settings, calibration and confidence threshold are chosen on held-out specimens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hrtem_lab.defects.cross_validation import FittedClassifier, cross_validate
from hrtem_lab.defects.curves import choose_confidence_threshold
from hrtem_lab.defects.decision import Costs, class_indices
from hrtem_lab.defects.forest import Forest
from hrtem_lab.defects.probability_calibration import Kind, ProbabilityCalibration
from hrtem_lab.defects.table import Features
from hrtem_lab.evaluation.fault_share import BaseRates
from hrtem_lab.evaluation.populations import DIAMETER, NON_PARTICLE
from hrtem_lab.micrograph import CLASSES, InputError

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

LOG_LOSS_CLIP = 1e-3
"""Smallest probability in the log loss, so that a single confident error does not decide."""


@dataclass(frozen=True, kw_only=True)
class ForestTrainer:
    """Fits forests.

    Attributes:
        classifier: Classifier that is not fitted yet. It has to accept `nan`, as trees do; for one that does not, take
            a scikit-learn `Pipeline` with an imputer.
        candidates: Name of a setting of the classifier -> values, of which the combination with the lowest log loss is
            chosen.
        calibration: Kind of calibration, see `ProbabilityCalibration.fit`.
        costs: Costs of missing a class, see `hrtem_lab.defects.decide`.
        target_accuracy: Accuracy to reach among the particles that get a class; the others are `uncertain`.
        folds: Number of folds of specimens for these three choices.
        seed: Seed of the folds.

    Raises:
        InputError: A cost is of an unknown class or not positive.
    """

    classifier: ClassifierMixin
    candidates: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    calibration: Kind | None = None
    costs: Costs = field(default_factory=dict)
    target_accuracy: float = 0.0
    folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, cost in self.costs.items():
            if name not in CLASSES or not 0 < cost < np.inf:
                raise InputError(f"costs has {name}: {cost}; expected one of {', '.join(CLASSES)} and a number above 0")

    def fit(self, table: pd.DataFrame) -> Forest:
        """Fit a forest to all particles of a table, with choices made on specimens that its trees were not fitted to.

        Raises:
            InputError: The table holds fewer than two classes.
        """
        has_choices = self.candidates or self.calibration or self.target_accuracy
        if not has_choices or table[["group", "label"]].nunique().min() < 2:
            return replace(Forest.fit(self._classifier_with({}), table), costs=self.costs)
        settings, held_out = self._choose_settings(table)
        calibration = ProbabilityCalibration.fit(table["label"], held_out, self.calibration)
        calibrated = calibration(held_out)
        threshold = choose_confidence_threshold(table["label"], calibrated, self.target_accuracy, self.costs)
        forest = Forest.fit(self._classifier_with(settings), table)
        forest = replace(forest, costs=self.costs, calibration=calibration, confidence_threshold=threshold)
        return replace(forest, base_rates=_base_rates(table, forest.classes(calibrated)))

    def _choose_settings(self, table: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
        """The candidate with the lowest log loss, and its cross-validated probabilities."""
        from sklearn.model_selection import ParameterGrid

        trials = []
        for settings in ParameterGrid(dict(self.candidates)):
            fit = partial(_fit_to_fold, self._classifier_with(settings))
            probabilities = cross_validate(fit, table, self.folds, self.seed)
            trials.append((_log_loss(table["label"], probabilities), settings, probabilities))
        _, settings, probabilities = min(trials, key=lambda trial: trial[0])
        return settings, probabilities

    def _classifier_with(self, settings: Mapping[str, Any]) -> ClassifierMixin:
        """A copy of the classifier with other settings."""
        from sklearn.base import clone

        return clone(self.classifier).set_params(**settings)


@dataclass(frozen=True, kw_only=True)
class BaselineClassifier:
    """A classifier that the forest is compared with, on the same particles and in the same folds.

    Attributes:
        recipe: Trainer of the classifier.
        features: Features that it reads; None for those of the forest.
    """

    recipe: ForestTrainer
    features: Features | None = None


def _base_rates(table: pd.DataFrame, classes: pd.Series) -> BaseRates | None:
    """Base rates of the particles that a population would count; None where the table has no diameters.

    Args:
        table: Particles to train on.
        classes: Class of each as a forest gives it that did not see its specimen.
    """
    counted = table[~classes.isin(NON_PARTICLE)]
    return BaseRates.of_training(counted["label"], counted[DIAMETER]) if DIAMETER in table and len(counted) else None


def _log_loss(labels: pd.Series, probabilities: pd.DataFrame) -> float:
    """Mean of -ln of the probability of the true class, which is clipped at `LOG_LOSS_CLIP`."""
    of_truth = probabilities.to_numpy()[np.arange(len(labels)), class_indices(labels)]
    return float(-np.log(np.maximum(of_truth, LOG_LOSS_CLIP)).mean())


def _fit_to_fold(classifier: ClassifierMixin, table: pd.DataFrame) -> FittedClassifier:
    """Fit a forest to a fold, in which there may be a single class; then that class is certain."""
    names = table["label"].unique()
    return Forest.fit(classifier, table) if len(names) > 1 else _SingleClass(str(names[0]))


@dataclass(frozen=True)
class _SingleClass:
    """Predicts one class with certainty."""

    name: str

    def probabilities(self, table: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({c: float(c == self.name) for c in CLASSES}, index=table.index, columns=list(CLASSES))
