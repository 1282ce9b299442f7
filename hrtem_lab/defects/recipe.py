"""How a forest is made: settings chosen, probabilities calibrated and the doubtful named, all on specimens held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import ClassifierMixin, clone
from sklearn.model_selection import ParameterGrid, StratifiedGroupKFold

from hrtem_lab.defects.calibration import Calibration, Kind
from hrtem_lab.defects.forest import Forest
from hrtem_lab.defects.scores import Costs, codes, least_confidence
from hrtem_lab.defects.table import Features
from hrtem_lab.micrograph import CLASSES, InputError


class Fitted(Protocol):
    """What cross-validation asks of a fitted classifier."""

    def probabilities(self, table: pd.DataFrame) -> pd.DataFrame:
        """Of `CLASSES`, one row per particle."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A forest before it is fitted.

    Attributes:
        classifier: Not fitted; it has to take `nan`, as trees do. A `Pipeline` will do where one does not.
        candidates: Name of a setting of the classifier -> values to choose from by their log loss.
        calibration: See `Calibration.fit`.
        costs: What it costs to miss a class, see `hrtem_lab.defects.decide`.
        accuracy: Wanted among the particles that get an answer; the others are called `uncertain`.
        folds: Into which the specimens of a table are divided for the three choices above.
        seed: Decides the folds.
    """

    classifier: ClassifierMixin
    candidates: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    calibration: Kind | None = None
    costs: Costs = field(default_factory=dict)
    accuracy: float = 0.0
    folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, cost in self.costs.items():
            if name not in CLASSES or not 0 < cost < np.inf:
                raise InputError(f"costs has {name}: {cost}; expected one of {', '.join(CLASSES)} and a number above 0")

    def fit(self, table: pd.DataFrame) -> Forest:
        """A forest of all particles of a table; whatever is chosen is chosen on specimens that its trees did not see.

        Raises:
            InputError: The table holds fewer than two classes.
        """
        forest = replace(Forest.fit(self._with({}), table), costs=self.costs)
        if table["group"].nunique() < 2 or not (self.candidates or self.calibration or self.accuracy):
            return forest
        best, held_out = self._best(table)
        calibration = Calibration.fit(table["label"], held_out, self.calibration)
        least = least_confidence(table["label"], calibration(held_out), self.accuracy, self.costs)
        if best:
            forest = Forest.fit(self._with(best), table)
        return replace(forest, costs=self.costs, calibration=calibration, least_confidence=least)

    def _best(self, table: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
        """The settings with the lowest log loss, and the probabilities that they give to particles held out."""
        tried = []
        for settings in ParameterGrid(dict(self.candidates)):
            fit = partial(_fitted, self._with(settings))
            found = cross_validate(fit, table, self.folds, self.seed)
            tried.append((_log_loss(table["label"], found), settings, found))
        _, settings, found = min(tried, key=lambda one: one[0])
        return settings, found

    def _with(self, settings: Mapping[str, Any]) -> ClassifierMixin:
        """The classifier with these settings; trees take what is `nan` as it is."""
        return clone(self.classifier).set_params(**settings)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a forest is compared with, on the same particles and in the same folds.

    Attributes:
        recipe: How it is fitted.
        features: What it reads; None for what the forest reads.
    """

    recipe: Recipe
    features: Features | None = None


def cross_validate(
    fit: Callable[[pd.DataFrame], Fitted], table: pd.DataFrame, folds: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Probabilities for every particle from a forest that saw no particle of its specimen.

    With `Recipe.fit` the choices that it makes are nested: made in each fold anew, without the specimens held out.

    Args:
        fit: From a table to what is fitted on it.
        table: With `group` (specimen) and `label`.
        folds: At most; fewer where there are fewer specimens.
        seed: Decides the folds.

    Returns:
        (particles, classes), indexed as the table.
    """
    result = pd.DataFrame(np.nan, index=table.index, columns=list(CLASSES))
    for train, held_out in _splits(table, folds, seed):
        result.iloc[held_out] = fit(table.iloc[train]).probabilities(table.iloc[held_out]).to_numpy()
    return result


def _splits(table: pd.DataFrame, folds: int, seed: int) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    groups = table["group"].to_numpy()
    folds = min(folds, len(np.unique(groups)))
    if folds < 2:
        raise InputError(f"cross-validation needs particles from two or more specimens, there are {folds}")
    classes = codes(table["label"])
    # a class with fewer members than folds cannot be in each: for the folds it counts as the commonest class
    numbers = np.bincount(classes)
    classes = np.where(numbers[classes] < folds, numbers.argmax(), classes)
    yield from StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(classes, classes, groups)


def _log_loss(labels: pd.Series, probabilities: pd.DataFrame) -> float:
    """Mean of -ln of what the true class was given, of a thousandth at least."""
    given = probabilities.to_numpy()[np.arange(len(labels)), codes(labels)]
    return float(-np.log(np.maximum(given, 1e-3)).mean())


def _fitted(classifier: ClassifierMixin, table: pd.DataFrame) -> Fitted:
    """A forest for a fold within the table, in which a class may be alone; then it is certain."""
    names = table["label"].unique()
    return Forest.fit(classifier, table) if len(names) > 1 else _Certain(str(names[0]))


@dataclass(frozen=True)
class _Certain:
    name: str

    def probabilities(self, table: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({c: float(c == self.name) for c in CLASSES}, index=table.index, columns=list(CLASSES))
