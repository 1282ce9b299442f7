"""Figures of a search for settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_lab.figures.style import save


def plot_seed_comparison(
    trials: pd.DataFrame, objective_name: str, comparison: pd.DataFrame, settings: Sequence[str]
) -> Figure:
    """Plot settings that were tried under several seeds.

    Left: the value of each seed and their mean. Right: the distance of the mean from the best, with its interval.

    Args:
        trials: One row per trial, with the columns `state`, the objective and the settings.
        objective_name: Column of the objective.
        comparison: One row per combination of settings, with the columns `mean`, `behind`, `behind_low` and
            `behind_high`.
        settings: Columns of the settings.
    """
    figure = Figure(figsize=(10, 1 + 0.4 * len(comparison)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    label = lambda row: ", ".join(map(str, row))  # noqa: E731
    trial_labels = trials[list(settings)].apply(label, axis=1)
    labels = [label(row) for row in comparison[list(settings)].to_numpy()]
    for y, (name, row) in enumerate(zip(labels, comparison.to_dict("records"), strict=True)):
        values = trials.loc[(trial_labels == name) & (trials["state"] == "complete"), objective_name]
        left.plot(values, np.full(len(values), y), "o", mfc="none", color="C1")
        left.plot(row["mean"], y, "|", ms=14, mew=2, color="C0")
        right.plot([row["behind_low"], row["behind_high"]], [y, y], color="C0")
        right.plot(row["behind"], y, "|", ms=14, mew=2, color="C0")
    left.set_yticks(range(len(labels)), labels)
    left.set_ylim(len(labels) - 0.5, -0.5)
    left.set_xlabel(f"{objective_name}: each seed, and their mean")
    right.set_xlabel("behind the first, by seed (95 %)")
    right.axvline(0, color="grey", lw=0.8)
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.3)
    return figure


def save_optuna_plot(draw: Callable[[], Any], path: Path, n_parameters: int) -> None:
    """Write a plot of Optuna as PNG, without its changes to the style of later figures.

    Args:
        draw: Draws the plot with matplotlib and returns its axes.
        path: The file.
        n_parameters: Number of parameters of the study, by which the figure is widened.
    """
    with warnings.catch_warnings(), plt.rc_context():
        warnings.filterwarnings("ignore", "Attempting to set identical")  # all trials have one value of a parameter
        figure = draw().figure
        if path.stem.startswith("parallel"):  # its axes have different units, and a grid would belong to one of them
            for axes in figure.axes:
                axes.grid(False)
        figure.set_size_inches(4 + 1.6 * max(3, n_parameters), 5)
        save(figure, path, bbox_inches="tight")
        plt.close(figure)
