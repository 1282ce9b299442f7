"""Contrasts and correlations: faulted particles against the others, one population against another.

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
import scipy

from hrtem_lab.evaluation.intervals import estimate, fdr_adjust
from hrtem_lab.evaluation.populations import COMPARED_QUANTITIES, count_particles, select_lattice_visible, to_rows
from hrtem_lab.evaluation.weighted import Floats, contrast, describe, spearman


def correlations(uncut: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """Correlate each pair of `COMPARED_QUANTITIES` (Spearman), and a fault with each of them (point-biserial).

    Returns:
        `first`, `second`, `kind`, `particles`, `micrographs`, `correlation`, `low`, `high`, `p` and `p_adjusted`, which
        is corrected for the number of rows.
    """
    names = COMPARED_QUANTITIES
    pairs = [(names[i], names[j]) for i, j in zip(*np.triu_indices(len(names), 1), strict=True)]
    estimates = estimate(spearman, to_rows(uncut, "weight", *names), uncut["micrograph"], resamples=resamples)
    table = pd.DataFrame(pairs, columns=["first", "second"])
    table = table.assign(kind="Spearman", **count_particles(uncut)).join(estimates)
    if "class" in uncut:
        visible = select_lattice_visible(uncut)
        biserial = _estimate_contrast(visible, "fault", resamples)["biserial"]
        of_faults = pd.DataFrame({"first": "fault", "second": names, "kind": "point-biserial"})
        of_faults = of_faults.assign(**count_particles(visible)).join(biserial)
        table = pd.concat([table, of_faults], ignore_index=True)
    return table.rename(columns={"value": "correlation"}).assign(p_adjusted=fdr_adjust(table["p"]))


def fault_differences(uncut: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """Compare faulted particles with those without a fault in each of `COMPARED_QUANTITIES`.

    Returns:
        A table like that of `compare_populations`, with the faulted particles first.
    """
    visible = select_lattice_visible(uncut)
    estimates = _estimate_contrast(visible, "fault", resamples)
    p = estimates["difference"]["p"].to_numpy()
    return _contrast_table(visible, "fault", estimates, p, COMPARED_QUANTITIES)


def compare_populations(uncut: pd.DataFrame, other: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """Compare two populations in each of `COMPARED_QUANTITIES` and in the fraction of faults.

    The p value is the fraction of random assignments of the micrographs to the populations with a difference as large.
    It compares the difference of the means over its standard error (Chung and Romano 2013, Ann. Stat. 41, 484), so that
    it is valid where the populations scatter differently, and permutes micrographs, since the particles of one are not
    independent.

    Returns:
        `quantity`; `particles`, `micrographs`, `mean` of both; `difference` (first less other) and `cliffs_delta` with
        their intervals; `p` and `p_adjusted`, which is corrected for the number of quantities.
    """
    both = pd.concat([uncut.assign(population=1.0), other.assign(population=0.0)], ignore_index=True)
    both["micrograph"] = both.groupby(["population", "micrograph"]).ngroup()  # a name may occur in both
    tables = [_compare_quantities(both, COMPARED_QUANTITIES, resamples)]
    if "class" in uncut and "class" in other:
        visible = select_lattice_visible(both).rename(columns={"fault": "fault_share"})
        tables.append(_compare_quantities(visible, ("fault_share",), resamples))
    table = pd.concat(tables, ignore_index=True)
    return table.assign(p_adjusted=fdr_adjust(table["p"]))


def min_attainable_p(micrographs: int, others: int) -> float:
    """Smallest two-sided p value that permuting these numbers of micrographs can give."""
    return min(2 / comb(micrographs + others, others), 1.0) if min(micrographs, others) > 1 else 1.0


def _compare_quantities(both: pd.DataFrame, quantities: Sequence[str], resamples: int) -> pd.DataFrame:
    """Compare the two populations of a table in each quantity, as `compare_populations`."""
    estimates = _estimate_contrast(both, "population", resamples, quantities, strata=both["population"])
    p = np.array([_permutation_p(both, quantity) for quantity in quantities])
    return _contrast_table(both, "population", estimates, p, quantities)


def _permutation_p(both: pd.DataFrame, quantity: str) -> float:
    """Compute p by permuting the micrographs; `nan` with fewer than two in a population."""
    weighted = both.assign(value=both["weight"] * both[quantity]).groupby(["population", "micrograph"])
    sums = weighted[["weight", "value"]].sum()
    population = sums.index.get_level_values("population")
    first, second = np.flatnonzero(population == 1), np.flatnonzero(population == 0)
    if min(len(first), len(second)) < 2:
        return np.nan
    test = scipy.stats.permutation_test(
        (first, second),
        partial(_studentized_difference, sums.to_numpy()),
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(test.pvalue)


def _studentized_difference(sums: Floats, first: npt.NDArray[Any], second: npt.NDArray[Any], axis: int) -> Floats:
    """Difference of two means over its standard error.

    Args:
        sums: Weight, and weight times value, of each micrograph, (micrographs, 2).
        first: Numbers of the micrographs of the first population along the last axis.
        second: Numbers of the micrographs of the second population along the last axis.
        axis: The last axis.
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


def _estimate_contrast(
    particles: pd.DataFrame,
    group: str,
    resamples: int,
    quantities: Sequence[str] = COMPARED_QUANTITIES,
    strata: pd.Series | None = None,
) -> dict[str, pd.DataFrame]:
    """Estimate `contrast` with intervals.

    Args:
        particles: A row per particle.
        group: Column with 1 for the first and 0 for the second group.
        resamples: Number of draws.
        quantities: Columns that are compared.
        strata: Population of each particle.

    Returns:
        `difference`, `cliffs_delta` and `biserial`, each with a row for each quantity.
    """
    rows = to_rows(particles, group, "weight", *quantities)
    estimates = estimate(contrast, rows, particles["micrograph"], strata, particles[group], resamples)
    number = len(quantities)
    parts = ("difference", "cliffs_delta", "biserial")
    return {part: estimates[i * number : (i + 1) * number].reset_index(drop=True) for i, part in enumerate(parts)}


def _contrast_table(
    particles: pd.DataFrame, group: str, estimates: dict[str, pd.DataFrame], p: Floats, quantities: Sequence[str]
) -> pd.DataFrame:
    """Arrange counts, means and estimates of both groups in the columns of `compare_populations`."""
    table = pd.DataFrame({"quantity": list(quantities)})
    for suffix, part in (("", particles[particles[group] == 1]), ("_other", particles[particles[group] == 0])):
        means = describe(to_rows(part, "weight", *quantities))[: len(quantities)]
        numbers = {f"{name}{suffix}": number for name, number in count_particles(part).items()}
        table = table.assign(**numbers, **{f"mean{suffix}": means})
    for effect in ("difference", "cliffs_delta"):
        table[[effect, f"{effect}_low", f"{effect}_high"]] = estimates[effect][["value", "low", "high"]]
    return table.assign(p=p, p_adjusted=fdr_adjust(p))
