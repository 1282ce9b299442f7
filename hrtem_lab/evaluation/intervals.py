"""Uncertainty of a number: the bootstrap over micrographs, the Wilson interval, the paired permutation test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy

Rows = npt.NDArray[Any]

MIN_GROUPS = 6
"""Least number of micrographs (or groups of them) for an interval: with fewer, even their range contains the median
with a probability of less than 95 %, which is 1 - 2^(1 - n)."""


def bootstrap_interval(
    statistic: Callable[[Rows], Any],
    rows: Rows,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
) -> tuple[Any, Any]:
    """Compute a percentile bootstrap interval over micrographs (Efron and Tibshirani 1993, chapter 13).

    The percentiles lie further out than those of the confidence, like those of Student's t, or else intervals of few
    micrographs would be too narrow (Hesterberg 2015, Am. Stat. 69, 371, "expanded percentiles").

    Micrographs of one specimen or session resemble each other. With `groups`, whole groups are drawn with replacement
    (the cluster bootstrap), so that the interval holds for a new group, not for another tile of a known one.

    Args:
        statistic: Takes (n, columns) and returns a float or a vector of floats, `nan` where undefined.
        rows: One micrograph's values per row, (micrographs, columns).
        confidence: Coverage, in (0, 1).
        resamples: Number of draws.
        seed: Seed of the draws.
        groups: Group of each row, (micrographs,); by default each row is its own group.

    Returns:
        `(low, high)` with the shape of the statistic; `nan` with fewer than `MIN_GROUPS` groups, or where the statistic
        is undefined in all draws.
    """
    number = len(rows) if groups is None else len(_group_rows(np.asarray(groups)))
    if number < MIN_GROUPS:
        undefined = np.full(np.shape(statistic(rows)) if len(rows) else (), np.nan)[()]
        return undefined, undefined
    values = bootstrap_values(statistic, rows, resamples, seed, groups)
    tail = _expand_tail((1 - confidence) / 2, number)
    return _percentile(values, tail), _percentile(values, 1 - tail)


def _expand_tail(tail: float, number: int) -> float:
    """Percentile of the bootstrap that corresponds to a tail of Student's t for a number of micrographs."""
    return float(scipy.stats.norm.sf(np.sqrt(number / (number - 1)) * scipy.stats.t.isf(tail, number - 1)))


def bootstrap_values(
    statistic: Callable[[Rows], Any],
    rows: Rows,
    resamples: int = 2000,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float64]:
    """Compute the values of a statistic under the draws of `bootstrap_interval`.

    Args:
        statistic: Takes (n, columns) and returns a float or a vector of floats.
        rows: (n, columns).
        resamples: Number of draws.
        seed: Seed of the draws.
        groups: Group of each row, (n,); by default each row is its own group.
        strata: Population of each row, (n,): groups are drawn within a population, as many as it has.

    Returns:
        (resamples, *shape of the statistic); `nan` with fewer than two groups in a population.
    """
    members = _group_rows(np.arange(len(rows)) if groups is None else np.asarray(groups))
    stratum = np.zeros(len(rows)) if strata is None else np.asarray(strata)
    populations = _group_rows(np.array([stratum[group_rows[0]] for group_rows in members]))
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
    contrast_groups: npt.ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute values with the 95 % intervals of `bootstrap_interval` and p values of their difference from zero.

    p is that of Student's t with the bootstrap's standard error.

    Args:
        statistic: Takes (n, columns) and returns (k,), `nan` where undefined.
        rows: One particle per row, (n, columns).
        groups: Micrograph of each particle, (n,).
        strata: Population of each particle, (n,).
        contrast_groups: Group of each particle in a comparison, (n,), by default its population; the group in the
            fewest micrographs determines the degrees of freedom.
        resamples: Number of draws.
        seed: Seed of the draws.

    Returns:
        `value`, `low`, `high` and `p` (two-sided) in k rows; with fewer than `MIN_GROUPS` micrographs in a group all
        but `value` are `nan`.
    """
    compared = next((given for given in (contrast_groups, strata) if given is not None), np.zeros(len(rows)))
    number = int(pd.Series(groups).groupby(np.asarray(compared)).nunique().min()) if len(rows) else 0
    table = pd.DataFrame({"value": np.asarray(statistic(rows)), "low": np.nan, "high": np.nan, "p": np.nan})
    if number < MIN_GROUPS:
        return table
    values = pd.DataFrame(bootstrap_values(statistic, rows, resamples, seed, groups, strata))
    tail = _expand_tail(0.025, number)
    error = np.sqrt(number / (number - 1)) * values.std(ddof=0).replace(0, np.nan)
    p = 2 * scipy.stats.t.sf(table["value"].abs() / error, number - 1)
    return table.assign(low=values.quantile(tail), high=values.quantile(1 - tail), p=p)


def fdr_adjust(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Correct p values for their number (Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57, 289); `nan` stays."""
    corrected = np.array(p, dtype=np.float64)
    defined = ~np.isnan(corrected)
    if defined.any():
        corrected[defined] = scipy.stats.false_discovery_control(corrected[defined])
    return corrected


def holm_adjust(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Correct p values so that one false claim among all is as rare as it says (Holm 1979, Scand. J. Stat. 6, 65).

    `nan` stays, and does not count.
    """
    corrected = np.array(p, dtype=np.float64)
    defined = np.flatnonzero(~np.isnan(corrected))
    order = defined[np.argsort(corrected[defined])]
    scaled = corrected[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return corrected


def rank_biserial(differences: npt.ArrayLike) -> float:
    """Effect size of paired differences: share of the ranks in favour less share against (Kerby 2014, 11.IT.3.1).

    From -1 to 1; the statistic of Wilcoxon's signed-rank test over its largest value. Zeros have no sign; `nan` where
    all are zero.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[~np.isnan(values) & (values != 0)]
    ranks = scipy.stats.rankdata(np.abs(values))
    return float(np.sum(np.sign(values) * ranks) / ranks.sum()) if len(values) else np.nan


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927, J. Am. Stat. Assoc. 22, 209); `nan` without a trial."""
    if trials == 0:
        return np.nan, np.nan
    z2 = float(scipy.special.ndtri((1 + confidence) / 2)) ** 2  # scipy.stats, which has the interval, is slow to import
    share, weight = successes / trials, trials / (trials + z2)
    centre = weight * share + (1 - weight) / 2
    half = weight * np.sqrt(z2 / trials * (share * (1 - share) + z2 / (4 * trials)))
    # at the ends the formula is 0 and 1 but for rounding
    return float(centre - half) if successes else 0.0, float(centre + half) if successes < trials else 1.0


def paired_test(
    a: npt.ArrayLike, b: npt.ArrayLike, groups: npt.ArrayLike | None = None, seed: int = 0
) -> dict[str, float]:
    """Test whether `a` differs from `b` on the same micrographs by flipping the signs of the paired differences.

    Args:
        a: One value per micrograph, (n,); a pair with a `nan` is left out.
        b: The other method's values on the same micrographs, (n,).
        groups: Group of each micrograph, (n,), as for `bootstrap_interval`: the signs of a group flip together.
        seed: Seed of the permutations and of the bootstrap.

    Returns:
        `difference`, the mean of a - b; `low` and `high`, its 95 % bootstrap interval; `p`, two-sided, exact for up to
        13 groups and otherwise from 9999 random sign flips; `effect`, the rank-biserial correlation of the groups'
        differences. All but the difference are `nan` with fewer than two groups, and the difference, too, without a
        pair.
    """
    pairs = np.column_stack([a, b]).astype(np.float64)
    complete = ~np.isnan(pairs).any(axis=1)
    clusters = (np.arange(len(pairs)) if groups is None else np.asarray(groups))[complete]
    pairs = pairs[complete]
    result = dict.fromkeys(("difference", "low", "high", "p", "effect"), np.nan)
    if len(pairs):
        result["difference"] = _mean_difference(pairs)
    members = _group_rows(clusters)
    if len(members) < 2:
        return result
    low, high = bootstrap_interval(_mean_difference, pairs, seed=seed, groups=clusters)
    sums = np.array([pairs[rows].sum(axis=0) for rows in members])
    test = scipy.stats.permutation_test(
        (sums[:, 0], sums[:, 1]),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    effect = rank_biserial(sums[:, 0] - sums[:, 1])
    return result | {"low": float(low), "high": float(high), "p": float(test.pvalue), "effect": effect}


def _mean_difference(pairs: Rows) -> float:
    """Mean of the first column less the second."""
    return float(np.mean(pairs[:, 0] - pairs[:, 1]))


def _group_rows(groups: npt.NDArray[Any]) -> list[npt.NDArray[np.intp]]:
    """Row numbers of each group."""
    return [np.flatnonzero(groups == group) for group in dict.fromkeys(groups.tolist())]


def _percentile(values: npt.NDArray[np.float64], quantile: float) -> Any:
    """Quantile over the first axis among the defined values, `nan` (without a warning) where there is none."""
    columns = values.reshape(len(values), -1).T
    defined = [column[~np.isnan(column)] for column in columns]
    quantiles = [np.quantile(column, quantile) if column.size else np.nan for column in defined]
    return np.array(quantiles).reshape(values.shape[1:])[()]
