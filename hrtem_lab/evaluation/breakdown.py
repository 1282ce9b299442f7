"""Where a method is good and where it is not: the same scores, condition by condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pandas as pd

from hrtem_lab.evaluation.scores import summarise
from hrtem_lab.micrograph import InputError

KEPT = ("dice", "dice_low", "dice_high", "object_f1", "false_area")


def breakdown(scores: pd.DataFrame, conditions: pd.DataFrame, edges: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Summarises the micrographs of each condition by themselves.

    Args:
        scores: As from `score_masks`, one row per micrograph.
        conditions: One row per micrograph in the same order; columns of numbers, cut at their `edges`, or of names.
        edges: For each column of numbers, the edges of its bins, increasing; a value on an edge belongs to the bin that
            ends there. What lies outside all bins, or is nan, is left out.

    Returns:
        A row for each condition and bin that holds a micrograph: `condition`, `range` (as text), `micrographs`, and
        `dice` (mean over micrographs) with its interval, `object_f1` and `false_area` as from `summarise`.

    Raises:
        InputError: The numbers of rows differ.
    """
    if len(scores) != len(conditions):
        raise InputError(f"{len(conditions)} conditions for {len(scores)} micrographs; expected one for each")
    rows = []
    for name, values in conditions.items():
        column = str(name)
        bins = binned(values, edges.get(column))
        for label, part in scores.groupby(bins.set_axis(scores.index), observed=True):
            summary = summarise(part)
            rows.append(
                {"condition": column, "range": str(label), "micrographs": len(part)} | {k: summary[k] for k in KEPT}
            )
    return pd.DataFrame(rows, columns=["condition", "range", "micrographs", *KEPT])


def binned(values: pd.Series, edges: Sequence[float] | None) -> pd.Series:
    """The bin of each number, called as in `3 to 5`, `nan` outside all; names, which have no edges, as they are."""
    if edges is None:
        return values.astype("category")
    labels = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return pd.cut(values.astype(float), list(edges), labels=labels, include_lowest=True)
