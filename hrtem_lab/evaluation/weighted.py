"""Weighted statistics of particles; the weights correct for large particles being cut by the edge more often.

Rows of particles are (n, 1 + k): the weight, then the values of k quantities.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hrtem_lab.evaluation.counts import divide
from hrtem_lab.micrograph import InputError

Floats = npt.NDArray[np.float64]

DESCRIPTION = ("mean", "sd", "q25", "median", "q75", "geometric_mean", "geometric_sd")
"""Statistics of `describe`, in order."""


def miles_lantuejoul_weights(
    box_rows: npt.ArrayLike, box_columns: npt.ArrayLike, rows: npt.ArrayLike, columns: npt.ArrayLike
) -> Floats:
    """Compute the number of particles that each uncut particle represents (Miles-Lantuéjoul correction).

    The fraction of its possible positions in which a particle has no pixel on the border of the field decreases with
    its bounding box. Weighted with the inverse of that fraction, large particles are not underrepresented (Miles 1974
    in "Stochastic Geometry", Wiley, 228; Lantuéjoul 1980, Microscopica Acta S4, 211; Russ, "The Image Processing
    Handbook", "adjusted count"). With whole pixels the fraction is exact.

    Args:
        box_rows: Height of each particle's bounding box, (n,), px.
        box_columns: Width of each particle's bounding box, (n,), px.
        rows: Height of the field of each particle, (n,) or one for all, px.
        columns: Width of the field of each particle, (n,) or one for all, px.

    Returns:
        (n,), at least 1.

    Raises:
        InputError: A particle fits into its field in no position.
    """
    height, width = np.asarray(rows, np.float64), np.asarray(columns, np.float64)
    down, across = height - 1 - np.asarray(box_rows), width - 1 - np.asarray(box_columns)
    positions = np.maximum(down, 0) * np.maximum(across, 0)
    if (positions == 0).any():
        raise InputError(
            "a particle that no edge cuts is as large as its field; expected particles.csv and summary.json of one run"
        )
    return height * width / positions


def describe(particles: Floats) -> Floats:
    """Compute `DESCRIPTION` of every quantity.

    The standard deviation is that of a sample; n is the effective number (sum of w)^2 / sum of w^2 (Kish 1965,
    "Survey Sampling", 258). A quantile is the smallest value that this fraction of the particles does not exceed. The
    geometric mean and standard deviation are the parameters of the log-normal distribution of greatest likelihood,
    `nan` where a value is not positive.

    Returns:
        (7 k,), all quantities of the first statistic before those of the next; `nan` where undefined.
    """
    weight, values = particles[:, 0], particles[:, 1:]
    if not len(particles):
        return np.full(len(DESCRIPTION) * values.shape[1], np.nan)
    mean, sd = _moments(weight, values)
    quantiles = np.quantile(values, [0.25, 0.5, 0.75], axis=0, weights=weight, method="inverted_cdf")
    logarithms = np.log(np.where((values > 0).all(axis=0), values, np.nan))
    geometric = np.exp(_moments(weight, logarithms))
    return np.concatenate([mean, sd, *quantiles, *geometric])


def _moments(weight: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column."""
    mean = weight @ values / weight.sum()
    number = weight.sum() ** 2 / (weight**2).sum()
    variance = weight @ (values - mean) ** 2 / weight.sum()
    return mean, np.sqrt(variance * divide(number, number - 1) if number > 1 + 1e-9 else np.full_like(mean, np.nan))


def spearman(particles: Floats) -> Floats:
    """Spearman's rank correlation of every pair of quantities, (k (k - 1) / 2,), ordered as `np.triu_indices(k, 1)`.

    It is Pearson's correlation of the weighted mid-ranks.
    """
    weight, values = particles[:, 0], particles[:, 1:]
    ranks = np.column_stack([mid_ranks(weight, column) for column in values.T])
    return pearson(weight, ranks)[np.triu_indices(values.shape[1], 1)]


def mid_ranks(weight: Floats, values: Floats) -> Floats:
    """Weight of all smaller values plus half the weight of the equal ones, (n,)."""
    rank = np.unique(values, return_inverse=True)[1]
    rank_weight = np.bincount(rank, weight)
    return (np.cumsum(rank_weight) - rank_weight / 2)[rank]


def pearson(weight: Floats, values: Floats) -> Floats:
    """Pearson correlation of every column with every column, (k, k); `nan` where one does not vary."""
    deviation = values - weight @ values / weight.sum() if len(values) else values
    covariance = (deviation * weight[:, None]).T @ deviation
    variance = np.diag(covariance)
    variance = np.where(variance > 1e-12 * (weight @ values**2), variance, np.nan)
    return np.clip(covariance / np.sqrt(np.outer(variance, variance)), -1, 1)


def contrast(particles: Floats) -> Floats:
    """Compare the first of two groups of particles with the second in every quantity.

    Args:
        particles: (n, 2 + k): 1 for the first group and 0 for the second, the weight, the values.

    Returns:
        (3 k,): differences of the means; Cliff's deltas, the probability that one of the first is larger than one of
        the second less the probability that it is smaller (Cliff 1993, Psychol. Bull. 114, 494); point-biserial
        correlations. `nan` where a group is empty.
    """
    group, weight, values = particles[:, 0], particles[:, 1], particles[:, 2:]
    first, second = particles[group == 1, 1:], particles[group == 0, 1:]
    if not (len(first) and len(second)):
        return np.full(3 * values.shape[1], np.nan)
    means = [part[:, 0] @ part[:, 1:] / part[:, 0].sum() for part in (first, second)]
    deltas = [_cliffs_delta(first[:, [0, i]], second[:, [0, i]]) for i in range(1, first.shape[1])]
    biserial = pearson(weight, np.column_stack([group, values]))[0, 1:]
    return np.concatenate([means[0] - means[1], deltas, biserial])


def _cliffs_delta(first: Floats, second: Floats) -> float:
    """Cliff's delta of two groups of weights and values, (n, 2) and (m, 2)."""
    order = np.argsort(second[:, 1])
    below = np.append(0, np.cumsum(second[order, 0]))
    larger, not_smaller = (below[np.searchsorted(second[order, 1], first[:, 1], side)] for side in ("left", "right"))
    return float(first[:, 0] @ (larger + not_smaller - below[-1]) / (first[:, 0].sum() * below[-1]))
