"""Detection rate of planar defects under different conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from hrtem_lab.defects.decision import FAULT
from hrtem_lab.evaluation import assign_bins, wilson_interval

DEFECT_COUNTS = ["true_twins", "true_intrinsic", "true_extrinsic"]
"""Columns with the numbers of planar defects in the matched true particle."""


def fault_detection_rate(
    table: pd.DataFrame, classes: pd.Series, edges: Mapping[str, Sequence[float] | None]
) -> pd.DataFrame:
    """Fraction of the particles with a planar defect that are classified as `fault`, condition by condition.

    It does not matter whether the image shows the defect: one that is tilted out of view counts, too. So this is the
    detection rate of defects in the specimen, not of defects in the image.

    Args:
        table: Particles, as from `tabulate_particles`, with ground truth.
        classes: Predicted class of each, (n,).
        edges: Column -> edges of its bins, or None for a column of names; a value on an edge belongs to the bin that
            ends there.

    Returns:
        A row for each bin, or name, that holds a particle: `condition`, `range` (as text), `particles`, and `recall`
        with the 95 % Wilson interval from `low` to `high`.
    """
    has_defect = (table[DEFECT_COUNTS].astype(float).fillna(0) > 0).any(axis=1)
    detected = (classes == FAULT)[has_defect]
    rows = []
    for column, column_edges in edges.items():
        for label, part in detected.groupby(assign_bins(table.loc[has_defect, column], column_edges), observed=True):
            low, high = wilson_interval(int(part.sum()), len(part))
            rows.append((column, str(label), len(part), float(part.mean()), low, high))
    return pd.DataFrame(rows, columns=["condition", "range", "particles", "recall", "low", "high"])
