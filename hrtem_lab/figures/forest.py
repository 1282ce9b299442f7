"""The pictures of the forest: how often it is right, how sure it may be, and what it lives on."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_lab.defects import confidence_error
from hrtem_lab.figures.style import BACKDROP

STAGES = {"cv": ("#56B4E9", "cross-validated"), "test": ("#0072B2", "test")}
BARS = {"balanced_accuracy": (-0.2, "#0072B2"), "fault_f1": (0.2, "#D55E00")}
"""Metric -> where its bar stands beside the other's, and its colour."""
AXES = {
    "true_fault_snr": "reflection on the weaker side of the defect, over noise",
    "true_plane_tilt_deg": "tilt of the defect plane from the beam, deg",
    "dose_e_per_nm2": "dose, e/nm$^2$",
    "true_diameter_nm": "diameter, nm",
    "true_material": "material",
}


def confusion(counts: pd.DataFrame, title: str) -> Figure:
    """Confusion matrix: counts, shaded by the share of the true class."""
    figure, axes = plt.subplots(figsize=(5.4, 4.8))
    share = counts.div(counts.sum(axis=1).replace(0, np.nan), axis=0).fillna(0).to_numpy()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if share[row, column] > 0.6 else "black"
        axes.text(column, row, str(counts.iat[row, column]), ha="center", va="center", color=colour)
    names = [str(c).replace("_", " ") for c in counts.index]
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(title)
    figure.tight_layout()
    return figure


def fault_curves(curves: Mapping[str, Mapping[str, pd.DataFrame]]) -> Figure:
    """Fault against the rest: ROC on the left, precision over recall on the right.

    Args:
        curves: Stage -> as from `hrtem_lab.defects.fault_curves`.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
    left.plot([0, 1], [0, 1], color=BACKDROP, lw=1)
    for stage, tables in curves.items():
        colour, name = STAGES[stage]
        left.plot(tables["roc"]["false_positive_rate"], tables["roc"]["recall"], color=colour, label=name)
        right.plot(*(tables["precision_recall"][c] for c in ("recall", "precision")), color=colour, label=name)
    left.set(xlabel="share of the other particles called fault", ylabel="share of the faults found")
    right.set(xlabel="share of the faults found", ylabel="share of faults among those called so", ylim=(-0.03, 1.03))
    left.legend(loc="lower right")
    return figure


def reliability(counts: Mapping[str, pd.DataFrame]) -> Figure:
    """How often the class that is named is right, against the probability it was given; below, how many particles.

    Args:
        counts: Stage -> as from `hrtem_lab.defects.reliability`.
    """
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(4.8, 5.6), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    above.plot([0, 1], [0, 1], color=BACKDROP, lw=1)
    for (stage, table), shift in zip(counts.items(), (-0.2, 0.2), strict=False):
        colour, name = STAGES[stage]
        met = table[table["particles"] > 0]
        given, share = (met[column] / met["particles"] for column in ("probability", "right"))
        error = confidence_error(table)
        above.plot(given, share, "o-", color=colour, label=f"{name}, calibration error {error:.3f}")
        below.bar((table.index + 0.5 + shift) / len(table), table["particles"], 0.4 / len(table), color=colour)
    above.set(ylabel="share that is right", ylim=(-0.03, 1.03))
    above.legend(loc="upper left", fontsize=8)
    below.set(ylabel="particles", xlabel="probability of the class named", xlim=(0, 1))
    return figure


def risk_coverage(curves: Mapping[str, pd.DataFrame], least_confidence: float) -> Figure:
    """Share of wrong answers against the share of particles that get one, the surest first.

    Args:
        curves: Stage -> as from `hrtem_lab.defects.risk_coverage`.
        least_confidence: The forest's, marked on each curve.
    """
    figure, axes = plt.subplots(figsize=(5.4, 4.2), layout="constrained")
    for stage, table in curves.items():
        colour, name = STAGES[stage]
        axes.plot(table["coverage"], table["risk"], color=colour, label=name)
        kept = table[table["confidence"] >= least_confidence]
        if len(kept):
            axes.plot(kept["coverage"].iloc[-1], kept["risk"].iloc[-1], "o", color=colour)
    axes.set(xlabel="share of particles that get an answer", ylabel="share of wrong ones among them", xlim=(0, 1))
    axes.set_ylim(0, None)
    axes.set_title(f"Points: below a confidence of {least_confidence:.2f} the answer is uncertain", fontsize=10)
    axes.legend(loc="upper left")
    return figure


def importance(losses: pd.DataFrame) -> Figure:
    """What the forest loses without a family of features, as from `hrtem_lab.defects.family_importance`."""
    figure, axes = plt.subplots(figsize=(6, 1.2 + 0.45 * len(losses)), layout="constrained")
    places = np.arange(len(losses))
    for column, (shift, colour) in BARS.items():
        axes.barh(places + shift, losses[column], 0.38, color=colour, label=column.replace("_", " "))
    axes.set_yticks(places, [str(name) for name in losses.index])
    axes.invert_yaxis()
    axes.axvline(0, color="black", lw=0.8)
    axes.set_xlabel("loss on test when the family is shuffled")
    axes.legend(loc="best")
    return figure


def fault_chance(chance: pd.DataFrame) -> Figure:
    """Chance that a particle with a planar defect is called faulted, as from `hrtem_lab.defects.fault_chance`."""
    figure, grid = plt.subplots(2, 3, figsize=(13, 6.4), sharey=True, layout="constrained")
    for axes in grid.flat[len(AXES) :]:
        axes.axis("off")
    for axes, (column, title) in zip(grid.flat, AXES.items(), strict=False):
        part = chance[chance["condition"] == column]
        places = np.arange(len(part))
        away = np.maximum([part["found"] - part["low"], part["high"] - part["found"]], 0)
        axes.errorbar(places, part["found"], yerr=away, fmt="o", color="#0072B2", capsize=4)
        labels = [
            f"{name}\n(n={count})".replace(" to ", "\nto ")
            for name, count in zip(part["range"], part["particles"], strict=True)
        ]
        axes.set_xticks(places, labels, fontsize=8)
        axes.set(xlabel=title, ylim=(-0.03, 1.03))
    for axes in grid[:, 0]:
        axes.set_ylabel("share called faulted")
    return figure


def references(metrics: Mapping[str, float], names: Mapping[str, str]) -> Figure:
    """Balanced accuracy and the fault's F1 on test, of the forest and of what it is compared with.

    Args:
        metrics: As the study logs them.
        names: Part of the metric's name -> what is written below the bars.
    """
    figure, axes = plt.subplots(figsize=(2 + 1.4 * len(names), 4), layout="constrained")
    places = np.arange(len(names))
    for metric, (shift, colour) in BARS.items():
        values = np.nan_to_num([metrics.get(f"test/{part}{metric}", np.nan) for part in names])
        drawn = axes.bar(places + shift, values, 0.38, color=colour, label=metric.replace("_", " "))
        axes.bar_label(drawn, fmt="%.2f", fontsize=8)
    axes.set_xticks(places, list(names.values()))
    axes.set(ylim=(0, 1.12), ylabel="on test particles")
    axes.legend(loc="upper right", ncols=2, fontsize=8)
    return figure
