"""Calibration of the forest's probabilities: of the particles with a probability of 0.7, 70 % are of that class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit

from hrtem_lab.micrograph import CLASSES, InputError

Kind = Literal["isotonic", "sigmoid"]
Knots = tuple[tuple[float, ...], tuple[float, ...]]
"""Raw and calibrated probabilities of the points between which a curve is interpolated."""

SIGMOID_KNOTS = np.linspace(0, 1, 101)
PROBABILITY_CLIP = 1e-3
"""Smallest distance of a probability from 0 and 1; a forest of some hundred trees resolves no smaller one."""


@dataclass(frozen=True)
class ProbabilityCalibration:
    """Maps the probability of each class by a curve, one class against the rest, and normalises each row to 1.

    (Zadrozny and Elkan 2002, KDD: isotonic regression; Platt 1999: the sigmoid.) Curves are kept as knots between which
    one interpolates: numbers that any file can hold.

    Attributes:
        knots: Class -> knots of its curve; a class that is missing stays as it is.
    """

    knots: Mapping[str, Knots] = field(default_factory=dict)

    @classmethod
    def fit(cls, labels: pd.Series, probabilities: pd.DataFrame, kind: Kind | None) -> Self:
        """Fit the curves on particles of specimens that the forest was not trained on.

        Args:
            labels: True classes, (n,).
            probabilities: Probabilities of `CLASSES`, (n, classes).
            kind: `sigmoid` for few particles, `isotonic` for about a thousand or more; None changes nothing.

        Raises:
            InputError: There is no such kind.
        """
        if kind not in ("isotonic", "sigmoid", None):
            raise InputError(f"calibration is {kind!r}, expected isotonic, sigmoid or null")
        names = [name for name in CLASSES if 0 < (labels == name).sum() < len(labels)] if kind else []
        fit_curve = _fit_isotonic if kind == "isotonic" else _fit_sigmoid
        return cls({name: fit_curve(probabilities[name].to_numpy(), (labels == name).to_numpy()) for name in names})

    def __call__(self, probabilities: pd.DataFrame) -> pd.DataFrame:
        """Calibrate probabilities, (n, classes); a row whose calibrated values are all 0 stays as it was."""
        mapped = probabilities.copy()
        for name, (raw, calibrated) in self.knots.items():
            mapped[name] = np.interp(mapped[name], raw, calibrated)
        total = mapped.sum(axis=1)
        return mapped.div(total.where(total > 0, 1), axis=0).where(total > 0, probabilities)


def _fit_isotonic(probability: npt.NDArray[np.float64], is_class: npt.NDArray[np.bool_]) -> Knots:
    from sklearn.isotonic import IsotonicRegression

    regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(probability, is_class)
    return tuple(map(float, regression.X_thresholds_)), tuple(map(float, regression.y_thresholds_))


def _fit_sigmoid(probability: npt.NDArray[np.float64], is_class: npt.NDArray[np.bool_]) -> Knots:
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(C=1e3).fit(_logit_column(probability), is_class)
    calibrated = expit(regression.decision_function(_logit_column(SIGMOID_KNOTS)))
    return tuple(map(float, SIGMOID_KNOTS)), tuple(map(float, calibrated))


def _logit_column(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Logits as a table of one column, (n, 1)."""
    column: npt.NDArray[np.float64] = logit(np.clip(probability, PROBABILITY_CLIP, 1 - PROBABILITY_CLIP))[:, None]
    return column
