"""Methods side by side: their Dice, and under which conditions it holds."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from hrtem_lab.figures.style import BACKDROP


def comparison(dice: dict[str, npt.NDArray[np.float64]], results: pd.DataFrame) -> Figure:
    """Dice of every method: mean with its interval, and each test micrograph as a point."""
    figure, axes = plt.subplots(figsize=(1.6 + 1.3 * len(dice), 4.2))
    jitter = np.random.default_rng(0).uniform(-0.16, 0.16, max(map(len, dice.values()), default=0))
    for x, (name, row) in enumerate(results.iterrows()):
        values = dice[str(name)]
        axes.plot(x + jitter[: len(values)], values, ".", color="#999999", ms=5, zorder=1)
        bounds = np.nan_to_num([[row["dice"] - row["dice_low"]], [row["dice_high"] - row["dice"]]])
        axes.errorbar(x, row["dice"], yerr=bounds, fmt="o", color="#0072B2", capsize=5, zorder=2)
        axes.annotate(f"{row['dice']:.3f}", (x, row["dice"]), (10, 0), textcoords="offset points", va="center")
    axes.set_xticks(range(len(results)), [str(n) for n in results.index])
    axes.set_xlim(-0.5, len(results) - 0.3)
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("Dice of the particle class, per test micrograph")
    figure.tight_layout()
    return figure


def breakdown(parts: pd.DataFrame, title: str) -> Figure:
    """Dice with its interval for every range of every condition, as from `hrtem_lab.evaluation.breakdown`."""
    places = np.arange(len(parts)) + 0.7 * pd.factorize(parts["condition"])[0]
    figure, axes = plt.subplots(figsize=(7, 1.5 + 0.27 * len(parts)), layout="constrained")
    away = [parts["dice"] - parts["dice_low"], parts["dice_high"] - parts["dice"]]
    axes.errorbar(parts["dice"], places, xerr=np.maximum(away, 0), fmt="o", color="black", capsize=3)
    names = parts["condition"].where(parts["condition"] != parts["condition"].shift(), "")
    labels = [f"{n}   {r}  (n={m})" for n, r, m in zip(names, parts["range"], parts["micrographs"], strict=True)]
    axes.set_yticks(places, labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(None, 1)
    axes.set_xlabel("Dice per micrograph, 95 % interval")
    axes.set_title(title)
    axes.grid(axis="x", color=BACKDROP, lw=0.5)
    return figure
