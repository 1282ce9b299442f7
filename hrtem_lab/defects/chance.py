"""When a planar defect is found, and when it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from hrtem_lab.defects.scores import FAULT
from hrtem_lab.evaluation import assign_bins, wilson_interval

COLUMNS = ("condition", "range", "particles", "found", "low", "high")
NAMED = ("true_material",)


def fault_chance(table: pd.DataFrame, named: pd.Series, edges: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """How often a particle that holds a planar defect is called faulted, condition by condition.

    Whether the image shows the defect does not count: one that is tilted out of view is in the denominator, so that
    this is the chance of a defect in the specimen, not of one in the image.

    Args:
        table: As from `particle_table`, with ground truth.
        named: Class that each is called, (n,).
        edges: Column of numbers -> edges of its bins; a value on an edge belongs to the bin that ends there.

    Returns:
        A row for each bin, and for each material, that holds a particle: `condition`, `range` (as text), `particles`,
        `found` (their share called faulted) with the 95 % Wilson interval `low` to `high`.
    """
    held = (table[["true_twins", "true_intrinsic", "true_extrinsic"]].astype(float).fillna(0) > 0).any(axis=1)
    called = (named == FAULT)[held]
    rows = []
    for column in (*edges, *NAMED):
        for label, part in called.groupby(assign_bins(table.loc[held, column], edges.get(column)), observed=True):
            low, high = wilson_interval(int(part.sum()), len(part))
            rows.append((column, str(label), len(part), float(part.mean()), low, high))
    return pd.DataFrame(rows, columns=list(COLUMNS))
