"""What differs and what goes together: faulted particles against the others, one population against another.

Tables of particles are those of `hrtem_lab.evaluation.populations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import permutation_test

from hrtem_lab.evaluation.intervals import adjusted, estimate
from hrtem_lab.evaluation.populations import COMPARED, counts, judged, rows_of
from hrtem_lab.evaluation.weighted import Floats, contrast, describe, spearman


def correlations(whole: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """Spearman's of each pair of `COMPARED`, and the point-biserial ones of a fault with each of them.

    Returns:
        `first`, `second`, `kind`, `particles`, `micrographs`, `correlation`, `low`, `high`, `p` and `p_adjusted`, which
        is corrected for the number of rows.
    """
    pairs = [(COMPARED[i], COMPARED[j]) for i, j in zip(*np.triu_indices(len(COMPARED), 1), strict=True)]
    found = estimate(spearman, rows_of(whole, "weight", *COMPARED), whole["micrograph"], resamples=resamples)
    table = pd.DataFrame(pairs, columns=["first", "second"]).assign(kind="Spearman", **counts(whole)).join(found)
    if "class" in whole:
        some = judged(whole)
        found = _contrast(some, "fault", resamples)["biserial"]
        names = pd.DataFrame({"first": "fault", "second": COMPARED, "kind": "point-biserial"})
        table = pd.concat([table, names.assign(**counts(some)).join(found)], ignore_index=True)
    return table.rename(columns={"value": "correlation"}).assign(p_adjusted=adjusted(table["p"]))


def fault_differences(whole: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """How faulted particles differ from those without a fault in each of `COMPARED`: as `compare`, fault first."""
    some = judged(whole)
    found = _contrast(some, "fault", resamples)
    return _contrast_table(some, "fault", found, found["difference"]["p"].to_numpy(), COMPARED)


def compare(whole: pd.DataFrame, other: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """How a population differs from another one, in each of `COMPARED` and in the share of faults.

    The test asks how often micrographs dealt out by chance differ as much. It compares the difference of the means over
    its standard error (Chung and Romano 2013, Ann. Stat. 41, 484), so that it holds where the populations scatter
    differently, and moves whole micrographs, since the particles of one are not independent.

    Returns:
        `quantity`; `particles`, `micrographs`, `mean` of both; `difference` (first less other) and `cliffs_delta` with
        their intervals; `p` and `p_adjusted`, which is corrected for the number of quantities.
    """
    both = pd.concat([whole.assign(population=1.0), other.assign(population=0.0)], ignore_index=True)
    both["micrograph"] = both.groupby(["population", "micrograph"]).ngroup()  # a name may occur in both
    tables = [_compared(both, COMPARED, resamples)]
    if "class" in whole and "class" in other:
        shares = _compared(judged(both).rename(columns={"fault": "fault_share"}), ("fault_share",), resamples)
        tables.append(shares)
    table = pd.concat(tables, ignore_index=True)
    return table.assign(p_adjusted=adjusted(table["p"]))


def smallest_p(micrographs: int, others: int) -> float:
    """The smallest p value that dealing out so many micrographs can give, two-sided."""
    return min(2 / comb(micrographs + others, others), 1.0) if min(micrographs, others) > 1 else 1.0


def _compared(both: pd.DataFrame, quantities: Sequence[str], resamples: int) -> pd.DataFrame:
    found = _contrast(both, "population", resamples, quantities, strata=both["population"])
    p = np.array([_dealt_out(both, quantity) for quantity in quantities])
    return _contrast_table(both, "population", found, p, quantities)


def _dealt_out(both: pd.DataFrame, quantity: str) -> float:
    """P of the permutation of micrographs; `nan` with fewer than two in a population."""
    summed = both.assign(value=both["weight"] * both[quantity]).groupby(["population", "micrograph"])
    sums = summed[["weight", "value"]].sum()
    sort = sums.index.get_level_values("population")
    first, second = np.flatnonzero(sort == 1), np.flatnonzero(sort == 0)
    if min(len(first), len(second)) < 2:
        return np.nan
    test = permutation_test(
        (first, second),
        partial(_studentized, sums.to_numpy()),
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(test.pvalue)


def _studentized(sums: Floats, first: npt.NDArray[Any], second: npt.NDArray[Any], axis: int) -> Floats:
    """Difference of two means over its standard error.

    Args:
        sums: Weight, and weight times value, of each micrograph, (micrographs, 2).
        first: Numbers of the micrographs of the first population along the last axis.
        second: Of the second.
        axis: The last one.
    """
    means, variances = [], []
    for chosen in (first, second):
        weight, value = np.moveaxis(sums[chosen.astype(np.intp)], -1, 0)
        mean = value.sum(axis, keepdims=True) / weight.sum(axis, keepdims=True)
        number = chosen.shape[axis]
        means.append(mean.squeeze(axis))
        residuals = ((value - mean * weight) ** 2).sum(axis)
        variances.append(number / (number - 1) * residuals / weight.sum(axis) ** 2)
    return (means[0] - means[1]) / (np.sqrt(sum(variances)) + 1e-12)  # equal values everywhere are no difference


def _contrast(
    particles: pd.DataFrame,
    sort: str,
    resamples: int,
    quantities: Sequence[str] = COMPARED,
    strata: pd.Series | None = None,
) -> dict[str, pd.DataFrame]:
    """`difference`, `cliffs_delta` and `biserial` from `contrast` with intervals, a row for each quantity."""
    rows = rows_of(particles, sort, "weight", *quantities)
    found = estimate(contrast, rows, particles["micrograph"], strata, particles[sort], resamples)
    number = len(quantities)
    parts = ("difference", "cliffs_delta", "biserial")
    return {part: found[i * number : (i + 1) * number].reset_index(drop=True) for i, part in enumerate(parts)}


def _contrast_table(
    particles: pd.DataFrame, sort: str, found: dict[str, pd.DataFrame], p: Floats, quantities: Sequence[str]
) -> pd.DataFrame:
    table = pd.DataFrame({"quantity": list(quantities)})
    for suffix, part in (("", particles[particles[sort] == 1]), ("_other", particles[particles[sort] == 0])):
        means = describe(rows_of(part, "weight", *quantities))[: len(quantities)]
        numbers = {f"{name}{suffix}": number for name, number in counts(part).items()}
        table = table.assign(**numbers, **{f"mean{suffix}": means})
    for what in ("difference", "cliffs_delta"):
        bounds = found[what][["value", "low", "high"]]
        table[[what, f"{what}_low", f"{what}_high"]] = bounds
    return table.assign(p=p, p_adjusted=adjusted(p))
