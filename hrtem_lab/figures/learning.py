"""Learning curves of a training."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

SIDES = {"train": ("#56B4E9", "training"), "val": ("#0072B2", "validation")}
"""Beginning of a metric's name -> colour and label."""


def plot_learning(curves: pd.DataFrame) -> Figure:
    """Plot loss and Dice of training and validation images over the epochs.

    Args:
        curves: A row per epoch with its number in `epoch`, and `train/loss`, `val/dice` and so on as far as known.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, metric in zip(figure.subplots(1, 2), ("loss", "dice"), strict=True):
        for side, (colour, label) in SIDES.items():
            if f"{side}/{metric}" in curves:
                drawn = curves[["epoch", f"{side}/{metric}"]].dropna()
                axes.plot(drawn["epoch"] + 1, drawn[f"{side}/{metric}"], "o-", ms=3, color=colour, label=label)
        axes.set(xlabel="epoch", ylabel=metric.replace("dice", "Dice, pixels pooled, at a probability of 0.5"))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    return figure
