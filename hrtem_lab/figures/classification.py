"""Figures of a forest: its errors, its confidence, and what they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_lab.figures import reliability
from hrtem_lab.figures.style import BACKDROP
from hrtem_lab.particle_facts import fact_of
from hrtem_lab.particles.feature_names import FAMILY_QUESTIONS

STAGES = {"cv": ("#56B4E9", "cross-validated"), "test": ("#0072B2", "test")}
"""Stage -> colour and name."""
BARS = {"balanced_accuracy": (-0.2, "#0072B2"), "fault_f1": (0.2, "#D55E00")}
"""Metric -> offset and colour of its bar."""


def plot_confusion(counts: pd.DataFrame, title: str) -> Figure:
    """Plot a confusion matrix: counts, shaded by their fraction of the true class."""
    figure = Figure(figsize=(5.4, 4.8))
    axes = figure.subplots()
    fraction = counts.div(counts.sum(axis=1).replace(0, np.nan), axis=0).fillna(0).to_numpy()
    axes.imshow(fraction, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if fraction[row, column] > 0.6 else "black"
        axes.text(column, row, str(counts.iat[row, column]), ha="center", va="center", color=colour)
    names = [str(c).replace("_", " ") for c in counts.index]
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(title)
    figure.tight_layout()
    return figure


def plot_fault_curves(curves: Mapping[str, Mapping[str, pd.DataFrame]]) -> Figure:
    """Plot the curves of fault against all other classes: ROC on the left, precision over recall on the right.

    Args:
        curves: Stage -> tables of `hrtem_lab.defects.fault_curves`.
    """
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=BACKDROP, lw=1)
    for stage, tables in curves.items():
        colour, name = STAGES[stage]
        left.plot(tables["roc"]["false_positive_rate"], tables["roc"]["recall"], color=colour, label=name)
        right.plot(*(tables["precision_recall"][c] for c in ("recall", "precision")), color=colour, label=name)
    left.set(xlabel="false positive rate: fraction of the other particles", ylabel="recall: fraction of the faults")
    right.set(
        xlabel="recall: fraction of the faults", ylabel="precision: fraction of the predicted", ylim=(-0.03, 1.03)
    )
    left.legend(loc="lower right")
    return figure


def plot_class_reliability(counts: Mapping[str, pd.DataFrame]) -> Figure:
    """Plot how often the predicted class is right, over its probability.

    Args:
        counts: Stage -> table of `hrtem_lab.defects.reliability`.
    """
    return reliability.plot_reliability(
        {STAGES[stage][1]: table for stage, table in counts.items()},
        {name: colour for colour, name in STAGES.values()},
        items="particles",
        probability="probability of the predicted class",
        fraction="fraction of right classes",
    )


def plot_risk_coverage(curves: Mapping[str, pd.DataFrame], confidence_threshold: float) -> Figure:
    """Plot the fraction of wrong classes over the fraction of particles that get a class, the most confident first.

    Args:
        curves: Stage -> table of `hrtem_lab.defects.risk_coverage`.
        confidence_threshold: The forest's threshold, which is marked on each curve.
    """
    figure = reliability.plot_risk_coverage(
        {STAGES[stage][1]: table for stage, table in curves.items()},
        {name: colour for colour, name in STAGES.values()},
        coverage="coverage: fraction of particles that get a class",
        risk="fraction of wrong ones among them",
        threshold=confidence_threshold,
    )
    title = f"Points: particles below a confidence of {confidence_threshold:.2f} are uncertain"
    figure.axes[0].set_title(title, fontsize=10)
    return figure


def plot_importance(losses: pd.DataFrame) -> Figure:
    """Plot what each family of features is worth, from a table of `hrtem_lab.defects.family_importance`.

    A family is called by what its features ask of a particle.
    """
    figure = Figure(figsize=(9, 1.4 + 0.55 * len(losses)), layout="constrained")
    axes = figure.subplots()
    positions = np.arange(len(losses))
    for column, (offset, colour) in BARS.items():
        label = {"balanced_accuracy": "balanced accuracy of all classes", "fault_f1": "F1 of a fault"}[column]
        bars = axes.barh(positions + offset, losses[column], 0.38, color=colour, label=label)
        axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=8)
    names = [f"{fill(FAMILY_QUESTIONS.get(str(family), ''), 44)}\n({family})".strip() for family in losses.index]
    axes.set_yticks(positions, names, fontsize=9)
    axes.invert_yaxis()
    axes.axvline(0, color="black", lw=0.8)
    axes.margins(x=0.12)
    axes.set_xlabel("loss when particles have these features of other particles")
    axes.legend(loc="lower right")
    return figure


def plot_detection_rate(rates: pd.DataFrame) -> Figure:
    """Plot the detection rate of planar defects, a table of `hrtem_lab.defects.fault_detection_rate`."""
    figure = Figure(figsize=(13, 6.4), layout="constrained")
    grid = figure.subplots(2, 3, sharey=True)
    columns = list(rates["condition"].unique())
    for axes in grid.flat[len(columns) :]:
        axes.axis("off")
    for axes, column in zip(grid.flat, columns, strict=False):
        part = rates[rates["condition"] == column]
        positions = np.arange(len(part))
        errors = np.maximum([part["recall"] - part["low"], part["high"] - part["recall"]], 0)
        axes.errorbar(positions, part["recall"], yerr=errors, fmt="o", color="#0072B2", capsize=4)
        tick_labels = [
            f"{name}\n(n={count})".replace(" to ", "\nto ")
            for name, count in zip(part["range"], part["particles"], strict=True)
        ]
        axes.set_xticks(positions, tick_labels, fontsize=8)
        axes.set(xlabel=fact_of(column).label, ylim=(-0.03, 1.03))
    for axes in grid[:, 0]:
        axes.set_ylabel("fraction classified as fault")
    return figure


def plot_baselines(metrics: Mapping[str, float], names: Mapping[str, str]) -> Figure:
    """Plot balanced accuracy and the F1 score of faults on test, of the forest and of the baselines.

    Args:
        metrics: Metrics with the names that they have in MLflow.
        names: Prefix of a classifier's metrics after `test/` -> its label.
    """
    figure = Figure(figsize=(2 + 1.4 * len(names), 4), layout="constrained")
    axes = figure.subplots()
    positions = np.arange(len(names))
    for metric, (offset, colour) in BARS.items():
        values = np.nan_to_num([metrics.get(f"test/{prefix}{metric}", np.nan) for prefix in names])
        bars = axes.bar(positions + offset, values, 0.38, color=colour, label=metric.replace("_", " "))
        axes.bar_label(bars, fmt="%.2f", fontsize=8)
    axes.set_xticks(positions, list(names.values()))
    axes.set(ylim=(0, 1.12), ylabel="on test particles")
    axes.legend(loc="upper right", ncols=2, fontsize=8)
    return figure
