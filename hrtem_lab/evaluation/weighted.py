"""Statistics of particles that count unequally: a large one is cut by the edge of its micrograph more often.

Rows of particles are (n, 1 + k): the weight, then the values of k quantities.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from hrtem_lab.evaluation.counts import divide
from hrtem_lab.micrograph import InputError

Floats = npt.NDArray[np.float64]

DESCRIPTION = ("mean", "sd", "q25", "median", "q75", "geometric_mean", "geometric_sd")
"""What `describe` gives, in this order."""


def whole_weights(
    box_rows: npt.ArrayLike, box_columns: npt.ArrayLike, rows: npt.ArrayLike, columns: npt.ArrayLike
) -> Floats:
    """How many particles of the field each whole particle stands for (Miles-Lantuéjoul correction).

    A particle that has no pixel on the border of the field is seen in a share of its possible places that falls with
    its bounding box; counted by the inverse of that share, large particles are not too few (Miles 1974 in "Stochastic
    Geometry", Wiley, 228; Lantuéjoul 1980, Microscopica Acta S4, 211; Russ, "The Image Processing Handbook",
    "adjusted count"). With whole pixels the share is exact.

    Args:
        box_rows: Edge of each particle's bounding box, (n,), px.
        box_columns: The other edge, (n,), px.
        rows: Of the field of each particle, (n,) or one for all, px.
        columns: Likewise.

    Returns:
        (n,), at least 1.

    Raises:
        InputError: A particle has no place in its field.
    """
    high, wide = np.asarray(rows, np.float64), np.asarray(columns, np.float64)
    down, across = high - 1 - np.asarray(box_rows), wide - 1 - np.asarray(box_columns)
    places = np.maximum(down, 0) * np.maximum(across, 0)
    if (places == 0).any():
        raise InputError(
            "a whole particle is as large as its field; particles.csv and summary.json of one run are needed"
        )
    return high * wide / places


def describe(particles: Floats) -> Floats:
    """`DESCRIPTION` of every quantity, (7 k,), all of the first statistic before the next; `nan` where undefined.

    The standard deviation is that of a sample; n is the effective number (sum of w)^2 / sum of w^2 (Kish 1965,
    "Survey Sampling", 258). A quantile is the smallest value that this share of the particles does not exceed. The
    geometric mean and standard deviation are the parameters of the log-normal distribution of greatest likelihood,
    `nan` where a value is not positive.
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
    """Rank correlation of every pair of quantities, (k (k - 1) / 2,), in the order of `np.triu_indices(k, 1)`.

    It is Pearson's correlation of the mid-ranks, to which every particle adds its weight.
    """
    weight, values = particles[:, 0], particles[:, 1:]
    ranks = np.column_stack([mid_ranks(weight, column) for column in values.T])
    return pearson(weight, ranks)[np.triu_indices(values.shape[1], 1)]


def mid_ranks(weight: Floats, values: Floats) -> Floats:
    """The weight of all smaller values plus half of that of the equal ones, (n,)."""
    place = rankdata(values, "dense").astype(np.intp) - 1
    share = np.bincount(place, weight)
    return (np.cumsum(share) - share / 2)[place]


def pearson(weight: Floats, values: Floats) -> Floats:
    """Correlation of every column with every column, (k, k); `nan` where one does not vary."""
    away = values - weight @ values / weight.sum() if len(values) else values
    together = (away * weight[:, None]).T @ away
    spread = np.diag(together)
    spread = np.where(spread > 1e-12 * (weight @ values**2), spread, np.nan)
    return np.clip(together / np.sqrt(np.outer(spread, spread)), -1, 1)


def contrast(particles: Floats) -> Floats:
    """How the first of two sorts of particles differs from the second in every quantity.

    Args:
        particles: (n, 2 + k): 1 for the first sort and 0 for the second, the weight, the values.

    Returns:
        (3 k,): differences of the means; Cliff's deltas, the chance that one of the first is larger than one of the
        second less the chance that it is smaller (Cliff 1993, Psychol. Bull. 114, 494); point-biserial correlations.
        `nan` where a sort is missing.
    """
    sort, weight, values = particles[:, 0], particles[:, 1], particles[:, 2:]
    first, second = particles[sort == 1, 1:], particles[sort == 0, 1:]
    if not (len(first) and len(second)):
        return np.full(3 * values.shape[1], np.nan)
    means = [part[:, 0] @ part[:, 1:] / part[:, 0].sum() for part in (first, second)]
    deltas = [_cliffs_delta(first[:, [0, i]], second[:, [0, i]]) for i in range(1, first.shape[1])]
    biserial = pearson(weight, np.column_stack([sort, values]))[0, 1:]
    return np.concatenate([means[0] - means[1], deltas, biserial])


def _cliffs_delta(first: Floats, second: Floats) -> float:
    """Of weights and values, (n, 2) and (m, 2)."""
    order = np.argsort(second[:, 1])
    passed = np.append(0, np.cumsum(second[order, 0]))
    larger, not_smaller = (passed[np.searchsorted(second[order, 1], first[:, 1], side)] for side in ("left", "right"))
    return float(first[:, 0] @ (larger + not_smaller - passed[-1]) / (first[:, 0].sum() * passed[-1]))
