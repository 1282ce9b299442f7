"""Probabilities that can be believed: of the particles given 0.7, 70 % are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from hrtem_lab.micrograph import CLASSES, InputError

Kind = Literal["isotonic", "sigmoid"]
Knots = tuple[tuple[float, ...], tuple[float, ...]]

GRID = np.linspace(0, 1, 101)
PROBABILITY_CLIP = 1e-3
"""Nearest to 0 and 1 that a share of trees counts as; a forest of some hundred knows no better."""


@dataclass(frozen=True)
class Calibration:
    """A map of the probability of every class, each against the rest, after which a row is made to sum to one again.

    (Zadrozny and Elkan 2002, KDD: isotonic regression; Platt 1999: the sigmoid.) It is kept as knots between which one
    interpolates, numbers that any file can hold.

    Attributes:
        knots: Class -> (given, calibrated); a class that is not there stays as it is.
    """

    knots: Mapping[str, Knots] = field(default_factory=dict)

    @classmethod
    def fit(cls, labels: pd.Series, probabilities: pd.DataFrame, kind: Kind | None) -> Self:
        """Fit on particles whose specimens the forest did not see.

        Args:
            labels: True classes, (n,).
            probabilities: Given to `CLASSES`, (n, classes).
            kind: `sigmoid` where there are few particles, `isotonic` from about a thousand on; None leaves all as is.

        Raises:
            InputError: There is no such kind.
        """
        if kind not in ("isotonic", "sigmoid", None):
            raise InputError(f"calibration is {kind!r}, expected isotonic, sigmoid or null")
        names = [name for name in CLASSES if 0 < (labels == name).sum() < len(labels)] if kind else []
        curve = _isotonic if kind == "isotonic" else _sigmoid
        return cls({name: curve(probabilities[name].to_numpy(), (labels == name).to_numpy()) for name in names})

    def __call__(self, probabilities: pd.DataFrame) -> pd.DataFrame:
        """Calibrated, (n, classes); a row in which nothing is left stays as it was."""
        mapped = probabilities.copy()
        for name, (given, calibrated) in self.knots.items():
            mapped[name] = np.interp(mapped[name], given, calibrated)
        total = mapped.sum(axis=1)
        return mapped.div(total.where(total > 0, 1), axis=0).where(total > 0, probabilities)


def _isotonic(given: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> Knots:
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(given, right)
    return tuple(map(float, fitted.X_thresholds_)), tuple(map(float, fitted.y_thresholds_))


def _sigmoid(given: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> Knots:
    fitted = LogisticRegression(C=1e3).fit(_logit(given), right)
    calibrated = expit(fitted.decision_function(_logit(GRID)))
    return tuple(map(float, GRID)), tuple(map(float, calibrated))


def _logit(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    column: npt.NDArray[np.float64] = logit(np.clip(probability, PROBABILITY_CLIP, 1 - PROBABILITY_CLIP))[:, None]
    return column
