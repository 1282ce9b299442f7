"""Methods side by side: their Dice, under which conditions it holds, and how far a probability can be believed."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from hrtem_lab.evaluation import ece
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


def reliability(counts: pd.DataFrame) -> Figure:
    """Share of particle against the probability that was given, and below it how many pixels each point stands for.

    Args:
        counts: As from `hrtem_lab.evaluation.reliability_counts`, summed over micrographs.
    """
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(4.8, 5.6), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    met = counts[counts["pixels"] > 0]
    above.plot([0, 1], [0, 1], color=BACKDROP, lw=1, label="calibrated")
    given, share = (met[column] / met["pixels"] for column in ("probability", "particle"))
    above.plot(given, share, "o-", color="#0072B2", label="U-Net")
    above.set_ylabel("share of particle")
    above.set_ylim(-0.03, 1.03)
    above.legend(loc="upper left")
    above.set_title(f"Expected calibration error {ece(counts):.3f}")
    width = 1 / len(counts)
    below.bar((counts.index + 0.5) * width, counts["pixels"], 0.9 * width, color=BACKDROP)
    below.set_yscale("log" if met["pixels"].sum() else "linear")
    below.set_ylabel("pixels")
    below.set_xlabel("probability of a particle")
    below.set_xlim(0, 1)
    return figure
