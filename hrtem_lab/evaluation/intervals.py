"""How sure a number is: the bootstrap over micrographs, the Wilson interval, the paired permutation test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, permutation_test

Rows = npt.NDArray[Any]


def bootstrap_interval(
    statistic: Callable[[Rows], Any],
    rows: Rows,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
) -> tuple[Any, Any]:
    """Percentile bootstrap over micrographs, or over groups of them (Efron and Tibshirani 1993, chapter 13).

    Micrographs of one specimen or session resemble each other. With `groups`, whole groups are drawn with replacement
    (the cluster bootstrap), so that the interval tells about a new group, not about another tile of a known one.

    Args:
        statistic: Takes (n, columns) and gives a float or a vector of floats, `nan` where undefined.
        rows: One micrograph's values per row, (micrographs, columns).
        confidence: Coverage, in (0, 1).
        resamples: Number of draws.
        seed: Of the draws.
        groups: What each row belongs to, (micrographs,); each row is its own group where it is not given.

    Returns:
        `(low, high)` with the shape of the statistic; `nan` with fewer than two groups or where no draw is defined.
    """
    shape = np.shape(statistic(rows)) if len(rows) else ()
    members = _members(np.arange(len(rows)) if groups is None else np.asarray(groups))
    if len(members) < 2:
        return np.full(shape, np.nan)[()], np.full(shape, np.nan)[()]
    draws = np.random.default_rng(seed).integers(len(members), size=(resamples, len(members)))
    values = np.array([statistic(rows[np.concatenate([members[i] for i in draw])]) for draw in draws], dtype=np.float64)
    tail = (1 - confidence) / 2
    return _percentile(values, tail), _percentile(values, 1 - tail)


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927, J. Am. Stat. Assoc. 22, 209); `nan` without a trial."""
    if trials == 0:
        return np.nan, np.nan
    interval = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def paired_test(a: npt.ArrayLike, b: npt.ArrayLike, seed: int = 0) -> dict[str, float]:
    """Asks whether `a` differs from `b` on the same micrographs, by flipping the signs of the paired differences.

    Args:
        a: One value per micrograph, (n,); a pair with a `nan` is left out.
        b: The other method's values on the same micrographs, (n,).
        seed: Of the permutations and of the bootstrap.

    Returns:
        `difference`, the mean of a - b; `low` and `high`, its 95 % bootstrap interval; `p`, two-sided, exact for up to
        13 pairs and else of 9999 random sign flips. All are `nan` with fewer than two pairs.
    """
    pairs = np.column_stack([a, b]).astype(np.float64)
    pairs = pairs[~np.isnan(pairs).any(axis=1)]
    if len(pairs) < 2:
        return dict.fromkeys(("difference", "low", "high", "p"), np.nan)
    low, high = bootstrap_interval(_mean_difference, pairs, seed=seed)
    test = permutation_test(
        (pairs[:, 0], pairs[:, 1]),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return {"difference": _mean_difference(pairs), "low": float(low), "high": float(high), "p": float(test.pvalue)}


def _mean_difference(pairs: Rows) -> float:
    """Mean of the first column less the second."""
    return float(np.mean(pairs[:, 0] - pairs[:, 1]))


def _members(groups: npt.NDArray[Any]) -> list[npt.NDArray[np.intp]]:
    """The row numbers of each group."""
    return [np.flatnonzero(groups == group) for group in dict.fromkeys(groups.tolist())]


def _percentile(values: npt.NDArray[np.float64], quantile: float) -> Any:
    """Quantile over the first axis among the defined values, `nan` (without a warning) where there is none."""
    columns = values.reshape(len(values), -1).T
    defined = [column[~np.isnan(column)] for column in columns]
    found = [np.quantile(column, quantile) if column.size else np.nan for column in defined]
    return np.array(found).reshape(values.shape[1:])[()]
