"""A population of particles from its table: which particles count, their distributions, and how many are faulted.

The table has a row per particle with `micrograph`, `weight` (see `select_uncut_particles`), `QUANTITIES` and, if a
forest classified the particles, `class`. Intervals are over micrographs, by `hrtem_lab.evaluation.intervals.estimate`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from hrtem_lab.evaluation.counts import divide
from hrtem_lab.evaluation.intervals import estimate, wilson_interval
from hrtem_lab.evaluation.weighted import DESCRIPTION, Floats, describe, miles_lantuejoul_weights
from hrtem_lab.micrograph import ParticleClass

DIAMETER = "equivalent_diameter_nm"
SIZE_QUANTITIES = (DIAMETER, "feret_max_nm", "feret_min_nm", "area_nm2")
SHAPE_QUANTITIES = ("aspect_ratio", "circularity", "solidity", "eccentricity")
QUANTITIES = (*SIZE_QUANTITIES, *SHAPE_QUANTITIES)
COMPARED_QUANTITIES = (DIAMETER, *SHAPE_QUANTITIES)
"""Quantities that are correlated and compared; the other sizes repeat what the diameter shows."""
NON_PARTICLE = tuple(each.value for each in ParticleClass if not each.is_particle)
"""Classes of outlines that are not one particle, and so have no size and shape of a particle."""
LATTICE_VISIBLE = tuple(each.value for each in ParticleClass if each.shows_lattice)
"""Classes of the particles whose lattice the image shows, so that a fault in them would be seen."""
PROBABILITY_COLUMNS = tuple(f"p_{name}" for name in LATTICE_VISIBLE)
"""Columns with the forest's probabilities of these classes."""
MAX_BINS, PARTICLES_PER_BIN = 8, 12


def select_uncut_particles(particles: pd.DataFrame, fields: pd.DataFrame) -> pd.DataFrame:
    """Select the single particles that no edge of an image cuts, each once, and add the `weight` of each.

    Args:
        particles: Table of `hrtem_lab.predict`.
        fields: `rows` and `columns` of each micrograph in pixels, indexed by its name.

    Returns:
        The selected rows, with the weights of `miles_lantuejoul_weights`.
    """
    uncut = particles[exclusion_reasons(particles) == ""]
    uncut = uncut.reset_index(drop=True)
    field = fields.loc[uncut["micrograph"], ["rows", "columns"]].to_numpy()
    return uncut.assign(weight=miles_lantuejoul_weights(uncut["box_rows_px"], uncut["box_columns_px"], *field.T))


def exclusion_reasons(particles: pd.DataFrame) -> pd.Series:
    """State why each particle of a table of `hrtem_lab.predict` is not counted; an empty text where it is counted.

    A particle with several reasons has the first of: counted before, cut by the edge, called no single particle, not
    measurable.
    """
    measured = np.isfinite(to_rows(particles, *QUANTITIES)).all(axis=1)
    reasons = pd.Series(np.where(measured, "", "no outline to measure"), index=particles.index, dtype=object)
    if "class" in particles:
        excluded = particles["class"].isin(NON_PARTICLE)
        reasons = reasons.mask(excluded, "called " + particles["class"].astype(str))
    reasons = reasons.mask(particles["touches_edge"].to_numpy(dtype=bool), "cut by the edge")
    return reasons.mask(particles["repeat_of"] != "", "counted before") if "repeat_of" in particles else reasons


def select_lattice_visible(uncut: pd.DataFrame) -> pd.DataFrame:
    """Select the particles whose lattice the image shows, and add `fault` as a number."""
    selected = uncut[uncut["class"].isin(LATTICE_VISIBLE)].reset_index(drop=True)
    return selected.assign(fault=(selected["class"] == ParticleClass.FAULT.value).astype(float))


def distributions(uncut: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """Compute `DESCRIPTION` of every quantity with intervals, for all particles and for each class."""
    parts = {"all": uncut} | ({str(name): part for name, part in uncut.groupby("class")} if "class" in uncut else {})
    tables = [_describe_part(part, resamples) for part in parts.values()]
    return pd.concat(tables, keys=parts, names=["class", None]).reset_index("class").reset_index(drop=True)


def _describe_part(part: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """Compute `DESCRIPTION` of every quantity with intervals, a row for each quantity."""
    estimates = estimate(describe, to_rows(part, "weight", *QUANTITIES), part["micrograph"], resamples=resamples)
    table = pd.DataFrame(count_particles(part), index=pd.Index(QUANTITIES, name="quantity"))
    for i, statistic in enumerate(DESCRIPTION):
        values = estimates.iloc[i * len(QUANTITIES) : (i + 1) * len(QUANTITIES)].set_axis(table.index)
        table[statistic], table[f"{statistic}_low"], table[f"{statistic}_high"] = (
            values[column] for column in ("value", "low", "high")
        )
    return table.reset_index()


def fault_shares(uncut: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """Compute the fraction of faulted particles among those whose lattice shows, in bins of diameter and in total.

    Returns:
        `diameter_low_nm`, `diameter_high_nm`, `particles`, `faults`, `fault_share`, `low`, `high` and `interval`. The
        bins hold about the same number of particles; their intervals are Wilson's, which assumes independent particles.
        The last row is the total, with an interval over micrographs.
    """
    visible = select_lattice_visible(uncut)
    edges = _diameter_edges(visible[DIAMETER])
    bins = np.clip(np.searchsorted(edges, visible[DIAMETER], side="right"), 1, len(edges) - 1)
    rows = [_bin_row(*ends, visible["fault"][bins == i]) for i, ends in enumerate(pairwise(edges), start=1)]
    faults = to_rows(visible, "weight", "fault")
    mean = estimate(_weighted_mean, faults, visible["micrograph"], resamples=resamples).loc[0]
    total = _bin_row(edges[0], edges[-1], visible["fault"]) | {"interval": "over micrographs"}
    return pd.DataFrame([*rows, total | {"fault_share": mean["value"], "low": mean["low"], "high": mean["high"]}])


def _diameter_edges(diameter_nm: pd.Series) -> Floats:
    """Choose edges of bins that hold about the same number of particles, at least `PARTICLES_PER_BIN` if possible."""
    if diameter_nm.empty:
        return np.full(2, np.nan)
    bins = int(np.clip(len(diameter_nm) // PARTICLES_PER_BIN, 1, MAX_BINS))
    edges = np.unique(diameter_nm.quantile(np.linspace(0, 1, bins + 1)))
    return edges if len(edges) > 1 else np.repeat(edges, 2)


def expected_faults(uncut: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """Compute the fraction of faulted particles among those whose lattice shows from a forest's probabilities.

    Every particle counts with its probabilities of `LATTICE_VISIBLE`, the uncertain ones, too. With calibrated
    probabilities the sums are unbiased, unlike the number of predictions above a threshold.

    Returns:
        One row: `particles` that have probabilities, `expected_faults` (their expected number before the correction
        for the edge), `fault_share`, and its interval over micrographs, `low` and `high`.
    """
    uncut = uncut.dropna(subset=[*PROBABILITY_COLUMNS])
    rows = to_rows(uncut, "weight", *PROBABILITY_COLUMNS)
    share = estimate(_expected_share, rows, uncut["micrograph"], resamples=resamples).loc[0]
    result = {
        "particles": len(uncut),
        "expected_faults": uncut[f"p_{ParticleClass.FAULT}"].sum(),
        "fault_share": share["value"],
        "low": share["low"],
        "high": share["high"],
    }
    return pd.DataFrame([result])


def _expected_share(particles: Floats) -> Floats:
    """Expected fraction of faults, (1,), from weights and probabilities of `LATTICE_VISIBLE`, (n, 3)."""
    weight, fault, no_fault = particles.T
    return np.array([divide((weight * fault).sum(), (weight * (fault + no_fault)).sum())])


def _bin_row(low_nm: float, high_nm: float, fault: pd.Series) -> dict[str, Any]:
    """Row of `fault_shares` for the particles between two diameters."""
    faults = int(fault.sum())
    low, high = wilson_interval(faults, len(fault))
    share = faults / len(fault) if len(fault) else np.nan
    return {
        "diameter_low_nm": low_nm,
        "diameter_high_nm": high_nm,
        "particles": len(fault),
        "faults": faults,
        "fault_share": share,
        "low": low,
        "high": high,
        "interval": "Wilson",
    }


def count_particles(part: pd.DataFrame) -> dict[str, int]:
    """Count the `particles` and their `micrographs`."""
    return {"particles": len(part), "micrographs": part["micrograph"].nunique()}


def to_rows(particles: pd.DataFrame, *columns: str) -> Floats:
    """Convert columns of a table to numbers, (particles, columns)."""
    return particles[[*columns]].to_numpy(dtype=np.float64)


def _weighted_mean(particles: Floats) -> Floats:
    """Weighted mean of every quantity, (k,)."""
    values = describe(particles)
    return values[: len(values) // len(DESCRIPTION)]
