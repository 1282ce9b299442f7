"""How sure a number is: the bootstrap over micrographs, the Wilson interval, the paired permutation test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest, false_discovery_control, norm, permutation_test, t

Rows = npt.NDArray[Any]

FEWEST = 6
"""Micrographs for an interval: of fewer, even the range holds their median with less than 95 % (1 - 2^(1 - n))."""


def bootstrap_interval(
    statistic: Callable[[Rows], Any],
    rows: Rows,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
) -> tuple[Any, Any]:
    """Percentile bootstrap over micrographs, or over groups of them (Efron and Tibshirani 1993, chapter 13).

    The percentiles lie further out than those of the confidence, as Student's t does, or intervals of few micrographs
    would be too narrow (Hesterberg 2015, Am. Stat. 69, 371, "expanded percentiles").

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
        `(low, high)` with the shape of the statistic; `nan` with fewer than `FEWEST` groups, or where no draw is
        defined.
    """
    number = len(rows) if groups is None else len(_members(np.asarray(groups)))
    if number < FEWEST:
        undefined = np.full(np.shape(statistic(rows)) if len(rows) else (), np.nan)[()]
        return undefined, undefined
    values = bootstrap_values(statistic, rows, resamples, seed, groups)
    tail = _expanded((1 - confidence) / 2, number)
    return _percentile(values, tail), _percentile(values, 1 - tail)


def _expanded(tail: float, number: int) -> float:
    """The percentile of the bootstrap that a tail of Student's t comes to, for so many micrographs."""
    return float(norm.sf(np.sqrt(number / (number - 1)) * t.isf(tail, number - 1)))


def bootstrap_values(
    statistic: Callable[[Rows], Any],
    rows: Rows,
    resamples: int = 2000,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float64]:
    """What the statistic would have been with other micrographs: its values under the draws of `bootstrap_interval`.

    Args:
        statistic: As for `bootstrap_interval`, and so are `rows`, `seed` and `groups`.
        rows: (n, columns).
        resamples: Number of draws.
        seed: Of the draws.
        groups: What each row belongs to, (n,).
        strata: Population of each row, (n,): groups are drawn within a population, as many as it has.

    Returns:
        (resamples, *shape of the statistic); `nan` with fewer than two groups in a population.
    """
    members = _members(np.arange(len(rows)) if groups is None else np.asarray(groups))
    of = np.zeros(len(rows)) if strata is None else np.asarray(strata)
    populations = _members(np.array([of[rows_of[0]] for rows_of in members]))
    if min(map(len, populations), default=0) < 2:
        return np.full((resamples, *(np.shape(statistic(rows)) if len(rows) else ())), np.nan)
    rng = np.random.default_rng(seed)
    draws = np.hstack([each[rng.integers(len(each), size=(resamples, len(each)))] for each in populations])
    return np.array([statistic(rows[np.concatenate([members[i] for i in draw])]) for draw in draws], dtype=np.float64)


def estimate(
    statistic: Callable[[Rows], npt.NDArray[np.float64]],
    rows: Rows,
    groups: npt.ArrayLike,
    strata: npt.ArrayLike | None = None,
    sorts: npt.ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Values with 95 % bootstrap intervals as those of `bootstrap_interval`, and whether they differ from zero.

    p is that of Student's t with the bootstrap's standard error.

    Args:
        statistic: Takes (n, columns) and gives (k,), `nan` where undefined.
        rows: One particle per row, (n, columns).
        groups: Its micrograph, (n,).
        strata: Its population, (n,).
        sorts: What it is compared as, (n,), by default its population; of several, the one that the fewest micrographs
            hold gives the degrees of freedom.
        resamples: Number of draws.
        seed: Of the draws.

    Returns:
        `value`, `low`, `high` and `p` (two-sided) in k rows; with fewer than `FEWEST` micrographs of a sort all but
        `value` are `nan`.
    """
    sort = next((given for given in (sorts, strata) if given is not None), np.zeros(len(rows)))
    number = int(pd.Series(groups).groupby(np.asarray(sort)).nunique().min()) if len(rows) else 0
    found = pd.DataFrame({"value": np.asarray(statistic(rows)), "low": np.nan, "high": np.nan, "p": np.nan})
    if number < FEWEST:
        return found
    values = pd.DataFrame(bootstrap_values(statistic, rows, resamples, seed, groups, strata))
    tail = _expanded(0.025, number)
    error = np.sqrt(number / (number - 1)) * values.std(ddof=0).replace(0, np.nan)
    p = 2 * t.sf(found["value"].abs() / error, number - 1)
    return found.assign(low=values.quantile(tail), high=values.quantile(1 - tail), p=p)


def adjusted(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """P values corrected for their number (Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57, 289); `nan` stays."""
    found = np.array(p, dtype=np.float64)
    asked = ~np.isnan(found)
    found[asked] = false_discovery_control(found[asked])
    return found


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927, J. Am. Stat. Assoc. 22, 209); `nan` without a trial."""
    if trials == 0:
        return np.nan, np.nan
    interval = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def paired_test(
    a: npt.ArrayLike, b: npt.ArrayLike, groups: npt.ArrayLike | None = None, seed: int = 0
) -> dict[str, float]:
    """Asks whether `a` differs from `b` on the same micrographs, by flipping the signs of the paired differences.

    Args:
        a: One value per micrograph, (n,); a pair with a `nan` is left out.
        b: The other method's values on the same micrographs, (n,).
        groups: What each micrograph belongs to, (n,), as for `bootstrap_interval`: the signs of a group flip together.
        seed: Of the permutations and of the bootstrap.

    Returns:
        `difference`, the mean of a - b; `low` and `high`, its 95 % bootstrap interval; `p`, two-sided, exact for up to
        13 groups and else of 9999 random sign flips. All but the difference are `nan` with fewer than two groups, and
        that one, too, without a pair.
    """
    pairs = np.column_stack([a, b]).astype(np.float64)
    complete = ~np.isnan(pairs).any(axis=1)
    pairs, of = pairs[complete], (np.arange(len(pairs)) if groups is None else np.asarray(groups))[complete]
    found = dict.fromkeys(("difference", "low", "high", "p"), np.nan)
    if len(pairs):
        found["difference"] = _mean_difference(pairs)
    members = _members(of)
    if len(members) < 2:
        return found
    low, high = bootstrap_interval(_mean_difference, pairs, seed=seed, groups=of)
    sums = np.array([pairs[rows].sum(axis=0) for rows in members])
    test = permutation_test(
        (sums[:, 0], sums[:, 1]),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return found | {"low": float(low), "high": float(high), "p": float(test.pvalue)}


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
