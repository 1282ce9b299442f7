"""How far a vector of features is from those of a reference, and which of several kinds it resembles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

Floats = npt.NDArray[np.float64]
FLOOR = 0.01
"""Variance that is added in every direction: a scaled feature that never varied in the reference may vary a little."""
DIGITS = 5
"""Significant digits that are saved."""


@dataclass(frozen=True)
class Scaling:
    """Centres and scales features robustly, and tames what lies far outside (inverse hyperbolic sine).

    Attributes:
        median: (k,).
        deviation: Half of the range that holds the middle 68 %, (k,), above 0.
    """

    median: Floats
    deviation: Floats

    @classmethod
    def fit(cls, features: Floats) -> Self:
        """Fit to features (n, k)."""
        low, median, high = np.quantile(features, [0.16, 0.5, 0.84], axis=0)
        deviation = np.maximum((high - low) / 2, 1e-6 + 0.05 * features.std(axis=0))
        return cls(median, deviation)

    def __call__(self, features: Floats) -> Floats:
        """Scale features (..., k)."""
        scaled: Floats = np.arcsinh((features - self.median) / self.deviation)
        return scaled


@dataclass(frozen=True)
class GaussianReference:
    """A normal distribution in the directions in which the reference varies most, and of equal width in all others.

    This is the model of probabilistic principal components (Tipping and Bishop 1999, J. R. Stat. Soc. B 61, 611), so
    that the distance is defined for fewer examples than features. As a measure of what a network has not learned from:
    Lee et al., NeurIPS 2018.

    Attributes:
        mean: (k,).
        directions: Orthonormal rows, (d, k).
        variances: Variance along each direction, (d,).
        rest: Variance in all other directions.
    """

    mean: Floats
    directions: Floats
    variances: Floats
    rest: float

    @classmethod
    def fit(cls, features: Floats, max_directions: int = 24, floor: float = FLOOR) -> Self:
        """Fit to features (n, k), with a floor that is added to all variances."""
        mean = features.mean(axis=0)
        _, singular, directions = np.linalg.svd(features - mean, full_matrices=False)
        variances = singular**2 / len(features)
        number = min(max_directions, len(features) - 1, features.shape[1])
        left = features.shape[1] - number
        rest = variances[number:].sum() / left if left else variances[number - 1]
        return cls(mean, directions[:number], variances[:number] + floor, float(rest) + floor)

    def distance(self, features: Floats) -> Floats:
        """Mahalanobis distance of features (..., k) from the mean, (...)."""
        off = features - self.mean
        along = off @ self.directions.T
        beside = np.maximum((off**2).sum(axis=-1) - (along**2).sum(axis=-1), 0)
        distance: Floats = np.sqrt((along**2 / np.maximum(self.variances, self.rest)).sum(axis=-1) + beside / self.rest)
        return distance


@dataclass(frozen=True)
class KindClassifier:
    """Multinomial logistic regression.

    Attributes:
        kinds: Names of the classes.
        weights: (k + 1, kinds); the last row is the constant.
    """

    kinds: tuple[str, ...]
    weights: Floats

    @classmethod
    def fit(cls, features: Floats, labels: Sequence[str], kinds: Sequence[str], penalty: float = 1.0) -> Self:
        """Fit to features (n, k); every kind counts the same.

        Args:
            features: Scaled features.
            labels: Kind of each.
            kinds: All kinds.
            penalty: Half the sum of the squared weights is multiplied with it (ridge), relative to a mean loss over n.
        """
        rows = np.column_stack([features, np.ones(len(features))])
        target = np.asarray(labels)[:, None] == np.asarray(kinds)
        balance = target @ (1 / np.maximum(target.sum(axis=0), 1)) / len(kinds)

        def loss(flat: Floats) -> tuple[float, Floats]:
            weights = flat.reshape(rows.shape[1], len(kinds))
            likelihood = log_softmax(rows @ weights, axis=1)
            ridge = penalty / len(rows) * weights * (np.arange(len(weights)) < len(weights) - 1)[:, None]
            gradient = rows.T @ (balance[:, None] * (np.exp(likelihood) - target)) + ridge
            return float(
                -(balance[:, None] * target * likelihood).sum() + (ridge * weights).sum() / 2
            ), gradient.ravel()

        result = minimize(loss, np.zeros(rows.shape[1] * len(kinds)), jac=True, method="L-BFGS-B")
        return cls(tuple(kinds), result.x.reshape(rows.shape[1], len(kinds)))

    def probabilities(self, features: Floats) -> Floats:
        """Probability of each kind, (..., kinds), for features (..., k)."""
        constant = np.ones((*features.shape[:-1], 1))
        probabilities: Floats = softmax(np.concatenate([features, constant], axis=-1) @ self.weights, axis=-1)
        return probabilities


def to_lists(values: Any) -> Any:
    """Arrays as lists of numbers with `DIGITS` significant digits, for JSON."""
    if isinstance(values, np.ndarray):
        return [to_lists(value) for value in values]
    return float(f"{values:.{DIGITS}g}") if isinstance(values, float | np.floating) else values
