"""A population of particles from its table: which particles count, their distributions, and how many are faulted.

The table has a row per particle with `micrograph`, `weight` (see `select_uncut_particles`), `QUANTITIES` and, if a
forest classified the particles, `class`. Intervals are over micrographs, by `hrtem_lab.evaluation.intervals.estimate`.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from hrtem_lab.evaluation.fault_share import PROBABILITY_COLUMNS, BaseRates, corrected_share
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


def fault_shares(uncut: pd.DataFrame, rates: BaseRates | None = None, resamples: int = 2000) -> pd.DataFrame:
    """Compute the share of faulted particles among those that could show a fault, in bins of diameter and in total.

    With the base rates of the forest, and its probabilities, shares are those of `corrected_share`, in which uncertain
    particles count by their probabilities. Without them they are those of the particles that are called `fault` or
    `no_fault`, with all of the forest's errors.

    Returns:
        `diameter_low_nm`, `diameter_high_nm`; `particles` that are called `fault` or `no_fault`, `faults` of these;
        `could_show`, the expected number of particles that could show a fault; `fault_share`, `low`, `high` and
        `interval`, what they are: corrected, or Wilson's. The bins hold about the same number of particles, which are
        taken to be independent. The last row is the total, with an interval over micrographs.
    """
    visible = select_lattice_visible(uncut)
    if rates is not None and set(PROBABILITY_COLUMNS) <= set(uncut):
        counted, share = uncut, partial(_corrected_share, rates)
    else:
        counted, share = visible, partial(_plain_share, resamples)
    edges = _diameter_edges(counted[DIAMETER])
    bins = np.clip(np.searchsorted(edges, counted[DIAMETER], side="right"), 1, len(edges) - 1)
    rows = [(*ends, counted[bins == i], False) for i, ends in enumerate(pairwise(edges), start=1)]
    return pd.DataFrame(
        {"diameter_low_nm": low_nm, "diameter_high_nm": high_nm, **_count_called(part), **share(part, is_total)}
        for low_nm, high_nm, part, is_total in [*rows, (edges[0], edges[-1], counted, True)]
    )


def _count_called(part: pd.DataFrame) -> dict[str, int]:
    """Number of particles that are called `fault` or `no_fault`, and of the first of these."""
    return {
        "particles": int(part["class"].isin(LATTICE_VISIBLE).sum()),
        "faults": int((part["class"] == ParticleClass.FAULT.value).sum()),
    }


def _corrected_share(rates: BaseRates, part: pd.DataFrame, is_total: bool) -> dict[str, Any]:
    """Share by `corrected_share`, over micrographs in the total."""
    groups = part["micrograph"] if is_total else None
    kind = "corrected, over micrographs" if is_total else "corrected"
    return {**corrected_share(part, rates, DIAMETER, groups), "interval": kind}


def _plain_share(resamples: int, part: pd.DataFrame, is_total: bool) -> dict[str, Any]:
    """Share of those that are called faulted: with Wilson's interval, or weighted and over micrographs in the total."""
    if is_total:
        rows = to_rows(part, "weight", "fault")
        mean = estimate(_weighted_mean, rows, part["micrograph"], resamples=resamples).loc[0]
        share, low, high, kind = mean["value"], mean["low"], mean["high"], "over micrographs"
    else:
        share = part["fault"].mean() if len(part) else np.nan
        low, high = wilson_interval(int(part["fault"].sum()), len(part))
        kind = "Wilson"
    return {"could_show": len(part), "fault_share": share, "low": low, "high": high, "interval": kind}


def _diameter_edges(diameter_nm: pd.Series) -> Floats:
    """Choose edges of bins that hold about the same number of particles, at least `PARTICLES_PER_BIN` if possible."""
    if diameter_nm.empty:
        return np.full(2, np.nan)
    bins = int(np.clip(len(diameter_nm) // PARTICLES_PER_BIN, 1, MAX_BINS))
    edges = np.unique(diameter_nm.quantile(np.linspace(0, 1, bins + 1)))
    return edges if len(edges) > 1 else np.repeat(edges, 2)


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
