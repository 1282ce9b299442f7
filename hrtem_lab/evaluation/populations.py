"""A population of particles from their table: which of them count, how they are distributed, how many are faulted.

A table has a row per particle with `micrograph`, `weight` (as from `seen_whole`), `QUANTITIES` and, where a forest was
asked, `class`. Intervals are over micrographs, as from `hrtem_lab.evaluation.intervals.estimate`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from hrtem_lab.evaluation.counts import divide
from hrtem_lab.evaluation.intervals import estimate, wilson_interval
from hrtem_lab.evaluation.weighted import DESCRIPTION, Floats, describe, whole_weights
from hrtem_lab.micrograph import ParticleClass

SIZES = ("equivalent_diameter_nm", "feret_max_nm", "feret_min_nm", "area_nm2")
SHAPES = ("aspect_ratio", "circularity", "solidity", "eccentricity")
QUANTITIES = (*SIZES, *SHAPES)
COMPARED = (SIZES[0], *SHAPES)
"""What is correlated and compared; the other sizes only say again what the diameter says."""
NON_PARTICLE = tuple(each.value for each in ParticleClass if not each.is_particle)
"""Classes of outlines that are not one particle, and so have no size and shape of a particle."""
LATTICE_VISIBLE = tuple(each.value for each in ParticleClass if each.shows_lattice)
"""Classes of the particles whose lattice the image shows, so that a fault in them would be seen."""
PROBABILITY_COLUMNS = tuple(f"p_{name}" for name in LATTICE_VISIBLE)
"""Columns with the forest's probabilities of these classes."""
BINS, PARTICLES_PER_BIN = 8, 12


def seen_whole(particles: pd.DataFrame, fields: pd.DataFrame) -> pd.DataFrame:
    """The single particles that no edge cuts, each with its `weight`: how many of the field it stands for.

    Args:
        particles: As from `hrtem_lab.predict`.
        fields: `rows` and `columns` of each micrograph, px, indexed by its name.
    """
    measured = np.isfinite(rows_of(particles, *QUANTITIES)).all(axis=1)
    whole = particles[measured & ~particles["touches_edge"].to_numpy(dtype=bool)]
    if "class" in whole:
        whole = whole[~whole["class"].isin(NON_PARTICLE)]
    whole = whole.reset_index(drop=True)
    field = fields.loc[whole["micrograph"], ["rows", "columns"]].to_numpy()
    return whole.assign(weight=whole_weights(whole["box_rows_px"], whole["box_columns_px"], *field.T))


def judged(whole: pd.DataFrame) -> pd.DataFrame:
    """The particles whose lattice shows, with `fault` as a number."""
    some = whole[whole["class"].isin(LATTICE_VISIBLE)].reset_index(drop=True)
    return some.assign(fault=(some["class"] == ParticleClass.FAULT.value).astype(float))


def distributions(whole: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """Every quantity's `DESCRIPTION` with intervals, of all particles and of each class."""
    parts = {"all": whole} | ({str(name): part for name, part in whole.groupby("class")} if "class" in whole else {})
    tables = [_described(part, resamples) for part in parts.values()]
    return pd.concat(tables, keys=parts, names=["class", None]).reset_index("class").reset_index(drop=True)


def _described(part: pd.DataFrame, resamples: int) -> pd.DataFrame:
    found = estimate(describe, rows_of(part, "weight", *QUANTITIES), part["micrograph"], resamples=resamples)
    table = pd.DataFrame(counts(part), index=pd.Index(QUANTITIES, name="quantity"))
    for i, statistic in enumerate(DESCRIPTION):
        values = found.iloc[i * len(QUANTITIES) : (i + 1) * len(QUANTITIES)].set_axis(table.index)
        table[statistic], table[f"{statistic}_low"], table[f"{statistic}_high"] = (
            values[column] for column in ("value", "low", "high")
        )
    return table.reset_index()


def fault_shares(whole: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """The share of faulted particles among the judged ones, in bins of diameter of as many particles each, and of all.

    Returns:
        `diameter_low_nm`, `diameter_high_nm`, `particles`, `faults`, `fault_share`, `low`, `high` and `interval`: in a
        bin it is Wilson's, which takes its particles as independent; of all (the last row) it is over micrographs.
    """
    some = judged(whole)
    diameter = some[SIZES[0]]
    number = int(np.clip(len(some) // PARTICLES_PER_BIN, 1, BINS))
    edges = np.unique(diameter.quantile(np.linspace(0, 1, number + 1))) if len(some) else np.full(2, np.nan)
    edges = edges if len(edges) > 1 else np.repeat(edges, 2)
    bins = np.clip(np.searchsorted(edges, diameter, side="right"), 1, len(edges) - 1)
    rows = [_bin(*ends, some["fault"][bins == i]) for i, ends in enumerate(pairwise(edges), start=1)]
    all_ = estimate(_mean, rows_of(some, "weight", "fault"), some["micrograph"], resamples=resamples).loc[0]
    total = _bin(edges[0], edges[-1], some["fault"]) | {"fault_share": all_["value"], "interval": "over micrographs"}
    return pd.DataFrame([*rows, total | {"low": all_["low"], "high": all_["high"]}])


def expected_faults(whole: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """The share of faults among the particles whose lattice shows, by a forest's probabilities instead of its answers.

    Every particle counts with its chance to be of either class, the uncertain ones too; of calibrated probabilities
    the sums are unbiased, which the number of those above a threshold is not.

    Returns:
        One row: `particles` that have probabilities, `expected_faults` (their expected number before the correction
        for the edge), `fault_share`, and over micrographs `low` and `high`.
    """
    whole = whole.dropna(subset=[*PROBABILITY_COLUMNS])
    rows = rows_of(whole, "weight", *PROBABILITY_COLUMNS)
    share = estimate(_expected_share, rows, whole["micrograph"], resamples=resamples).loc[0]
    known = {
        "particles": len(whole),
        "expected_faults": whole[f"p_{ParticleClass.FAULT}"].sum(),
        "fault_share": share["value"],
    }
    return pd.DataFrame([known | {"low": share["low"], "high": share["high"]}])


def _expected_share(particles: Floats) -> Floats:
    weight, fault, no_fault = particles.T
    return np.array([divide((weight * fault).sum(), (weight * (fault + no_fault)).sum())])


def _bin(low_nm: float, high_nm: float, fault: pd.Series) -> dict[str, Any]:
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


def counts(part: pd.DataFrame) -> dict[str, int]:
    """How many `particles` of how many `micrographs`."""
    return {"particles": len(part), "micrographs": part["micrograph"].nunique()}


def rows_of(particles: pd.DataFrame, *columns: str) -> Floats:
    """Columns as numbers, (particles, columns)."""
    return particles[[*columns]].to_numpy(dtype=np.float64)


def _mean(particles: Floats) -> Floats:
    return describe(particles)[:1]
