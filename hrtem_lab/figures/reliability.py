"""Reliability diagrams, and risk against coverage: whether probabilities can be believed."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from hrtem_lab.evaluation import ece
from hrtem_lab.figures.style import BACKDROP


def plot_reliability(
    counts: Mapping[str, pd.DataFrame],
    colours: Mapping[str, str],
    items: str,
    probability: str,
    fraction: str,
    log: bool = False,
) -> Figure:
    """Plot the fraction of positives over the predicted probability, and below it the number of items in each bin.

    Args:
        counts: Name of a series -> table of `hrtem_lab.evaluation.reliability_counts`.
        colours: Name of a series -> colour.
        items: Name of what is counted, such as `pixels`.
        probability: Label of the probability.
        fraction: Label of the fraction of positives.
        log: Whether the number of items has a logarithmic axis.
    """
    figure = Figure(figsize=(4.8, 5.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color=BACKDROP, lw=1)
    for number, (name, table) in enumerate(counts.items()):
        filled = table[table["count"] > 0]
        mean_probability, positives = (filled[column] / filled["count"] for column in ("probability", "positives"))
        label = name if len(counts) == 1 else f"{name}, calibration error {ece(table):.3f}"
        above.plot(mean_probability, positives, "o-", color=colours[name], label=label)
        width = 0.9 / len(counts) / len(table)
        centres = (table.index + 0.5) / len(table) + (number - (len(counts) - 1) / 2) * width
        below.bar(centres, table["count"], width, color=colours[name])
    if len(counts) == 1:
        above.set_title(f"Expected calibration error {ece(table):.3f}")
    above.set(ylabel=fraction, ylim=(-0.03, 1.03))
    above.legend(loc="upper left", fontsize=8)
    if log and any(table["count"].any() for table in counts.values()):
        below.set_yscale("log")
    below.set(ylabel=items, xlabel=probability, xlim=(0, 1))
    return figure


def plot_risk_coverage(
    curves: Mapping[str, pd.DataFrame],
    colours: Mapping[str, str],
    coverage: str,
    risk: str,
    threshold: float | None = None,
) -> Figure:
    """Plot the fraction of wrong answers over the fraction of answers that are given, the most confident first.

    Args:
        curves: Name of a series -> table of `hrtem_lab.evaluation.risk_coverage`.
        colours: Name of a series -> colour.
        coverage: Label of the coverage.
        risk: Label of the risk.
        threshold: Confidence that is marked on each curve; None for none.
    """
    figure = Figure(figsize=(5.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, table in curves.items():
        axes.plot(table["coverage"], table["risk"], color=colours[name], label=name)
        given = table[table["confidence"] >= threshold] if threshold is not None else table[:0]
        if len(given):
            axes.plot(given["coverage"].iloc[-1], given["risk"].iloc[-1], "o", color=colours[name])
        if len(table):  # answers left out at random would leave the risk as it is
            axes.axhline(table["risk"].iloc[-1], color=colours[name], lw=0.8, ls=":")
    axes.set(xlabel=coverage, ylabel=risk, xlim=(0, 1), ylim=(0, None))
    axes.legend(loc="upper left", fontsize=8)
    return figure
