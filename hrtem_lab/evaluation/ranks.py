"""Methods ranked on the same micrographs, and the least difference of mean ranks that is more than chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy


def mean_ranks(scores: pd.DataFrame) -> pd.Series:
    """Rank methods on every group and average the ranks; 1 is the best.

    Args:
        scores: A row per group, a column per method, larger is better; a group in which one is undefined is left out.

    Returns:
        Mean rank of each method, the best first; equal scores share their ranks.
    """
    complete = scores.dropna()
    ranks = (
        scipy.stats.rankdata(-complete.to_numpy(), axis=1).mean(axis=0)
        if len(complete)
        else np.full(scores.shape[1], np.nan)
    )
    return pd.Series(ranks, index=scores.columns, name="mean_rank").sort_values()


def critical_difference(methods: int, groups: int, alpha: float = 0.05) -> float:
    """Difference of two mean ranks from which they differ at a level for all pairs together (Nemenyi's test).

    Demsar 2006, J. Mach. Learn. Res. 7, 1, eq. for CD; `nan` without two methods and a group.
    """
    if methods < 2 or groups < 1:
        return float("nan")
    q = scipy.stats.studentized_range.isf(alpha, methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * groups)))


def indistinguishable(ranks: pd.Series, difference: float) -> list[tuple[str, str]]:
    """First and last method of every longest run of methods whose mean ranks are closer than a critical difference."""
    ordered = ranks.sort_values()
    runs: list[tuple[int, int]] = []
    for first in range(len(ordered)):
        last = int(np.flatnonzero(ordered.to_numpy() < ordered.iloc[first] + difference).max(initial=first))
        if last > first and (not runs or last > runs[-1][1]):
            runs.append((first, last))
    return [(str(ordered.index[first]), str(ordered.index[last])) for first, last in runs]
