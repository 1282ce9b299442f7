"""How far a vector of features is from those of a reference, and which of several kinds it resembles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, softmax

Floats = npt.NDArray[np.float64]
SHRINKAGE = 0.2
"""Weight of the variances alone in a covariance that is estimated from few examples."""
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
    """Linear discriminant analysis: every kind is a normal distribution of the same shape around its own mean.

    Attributes:
        kinds: Names of the classes.
        weights: (k + 1, kinds); the last row is the constant.
    """

    kinds: tuple[str, ...]
    weights: Floats

    @classmethod
    def fit(cls, features: Floats, labels: Sequence[str], kinds: Sequence[str]) -> Self:
        """Fit to features (n, k); every kind is expected as often.

        The common covariance is regularised by `SHRINKAGE` (Friedman 1989, J. Am. Stat. Assoc. 84, 165).

        Args:
            features: Scaled features.
            labels: Kind of each.
            kinds: All kinds.
        """
        member = (np.asarray(labels)[:, None] == np.asarray(kinds)).astype(np.float64)
        means = (member / np.maximum(member.sum(axis=0), 1)).T @ features
        off = features - member @ means
        covariance = (1 - SHRINKAGE) * off.T @ off / len(features)
        covariance[np.diag_indices_from(covariance)] += SHRINKAGE * (off**2).mean(axis=0) + FLOOR
        directions = np.linalg.solve(covariance, means.T)
        constants = -(means.T * directions).sum(axis=0) / 2
        return cls(tuple(kinds), np.vstack([directions, constants]))

    def probabilities(self, features: Floats) -> Floats:
        """Probability of each kind, (..., kinds), for features (..., k)."""
        probabilities: Floats = softmax(self._scores(features), axis=-1)
        return probabilities

    def log_odds_against(self, kind: str, features: Floats) -> Floats:
        """Logarithm of the odds of all other kinds together against one, (...), for features (..., k)."""
        scores, number = self._scores(features), self.kinds.index(kind)
        log_odds: Floats = logsumexp(np.delete(scores, number, axis=-1), axis=-1) - scores[..., number]
        return log_odds

    def _scores(self, features: Floats) -> Floats:
        """Logarithm of the probability of each kind, but for a constant, (..., kinds)."""
        constant = np.ones((*features.shape[:-1], 1))
        scores: Floats = np.concatenate([features, constant], axis=-1) @ self.weights
        return scores


def to_lists(values: Any) -> Any:
    """Arrays as lists of numbers with `DIGITS` significant digits, for JSON."""
    if isinstance(values, np.ndarray):
        return [to_lists(value) for value in values]
    return float(f"{values:.{DIGITS}g}") if isinstance(values, float | np.floating) else values
