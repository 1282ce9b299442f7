"""The scores of a method condition by condition: where it is good and where it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pandas as pd

from hrtem_lab.evaluation.scores import summarise
from hrtem_lab.micrograph import InputError

SUMMARY_METRICS = ("dice", "dice_low", "dice_high", "object_f1", "false_positive_rate")


def breakdown(scores: pd.DataFrame, conditions: pd.DataFrame, edges: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Summarise the micrographs of each condition separately.

    Args:
        scores: Table of `score_masks`, one row per micrograph.
        conditions: One row per micrograph in the same order; columns of numbers, cut at their `edges`, or of names.
        edges: Increasing edges of the bins of each column of numbers; a value on an edge belongs to the bin that ends
            there. Values outside all bins and nan are left out.

    Returns:
        A row for each condition and bin that holds a micrograph: `condition`, `range` (as text), `micrographs`, and
        `dice` (mean over micrographs) with its interval, `object_f1` and `false_positive_rate` as in `summarise`.

    Raises:
        InputError: The numbers of rows differ.
    """
    if len(scores) != len(conditions):
        raise InputError(f"{len(conditions)} conditions for {len(scores)} micrographs; expected one for each")
    rows = []
    for name, values in conditions.items():
        column = str(name)
        bins = assign_bins(values, edges.get(column))
        for label, part in scores.groupby(bins.set_axis(scores.index), observed=True):
            summary = summarise(part)
            metrics = {metric: summary[metric] for metric in SUMMARY_METRICS}
            rows.append({"condition": column, "range": str(label), "micrographs": len(part)} | metrics)
    return pd.DataFrame(rows, columns=["condition", "range", "micrographs", *SUMMARY_METRICS])


def assign_bins(values: pd.Series, edges: Sequence[float] | None) -> pd.Series:
    """Assign each number to a bin, labelled as in `3 to 5`; `nan` outside all bins. Names, without edges, are kept."""
    if edges is None:
        return values.astype("category")
    labels = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return pd.cut(values.astype(float), list(edges), labels=labels, include_lowest=True)
