"""Methods side by side: their Dice, and under which conditions it holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from hrtem_lab.evaluation import critical_difference as critical_rank_difference
from hrtem_lab.evaluation import indistinguishable
from hrtem_lab.figures.style import BACKDROP
from hrtem_lab.particle_facts import fact_of
from hrtem_lab.plural import plural


def comparison(
    dice: dict[str, npt.NDArray[np.float64]],
    results: pd.DataFrame,
    label: str = "Dice of the particle class, per test micrograph",
) -> Figure:
    """Dice of every method: mean with its interval, and each test micrograph, or run, as a point.

    Args:
        dice: Method -> its values.
        results: Table of methods with `dice`, `dice_low` and `dice_high`.
        label: Label of the axis of the values.
    """
    figure = Figure(figsize=(1.6 + 1.3 * len(dice), 4.2))
    axes = figure.subplots()
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
    axes.set_ylabel(label)
    figure.tight_layout()
    return figure


def critical_difference(ranks: pd.Series, groups: int) -> Figure:
    """Mean ranks of methods on one axis; a bar joins methods that cannot be told apart (Demsar 2006).

    Args:
        ranks: Result of `hrtem_lab.evaluation.mean_ranks`.
        groups: Number of groups that they are means over.
    """
    number = len(ranks)
    difference = critical_rank_difference(number, groups)
    figure = Figure(figsize=(7, 1.4 + 0.28 * number), layout="constrained")
    axes = figure.subplots()
    for level, (name, rank) in enumerate(ranks.items(), start=1):
        axes.plot([rank, rank, number + 0.3], [0, -level, -level], color="black", lw=1)
        axes.annotate(f"{name}  {rank:.2f}", (number + 0.35, -level), va="center", fontsize=9, annotation_clip=False)
    for level, ends in enumerate(indistinguishable(ranks, difference), start=1):
        axes.plot(ranks[list(ends)], [-0.28 * level] * 2, color="#D55E00", lw=4, solid_capstyle="round")
    axes.plot([1, 1 + difference], [0.9, 0.9], color="#0072B2", lw=3)
    text = f"critical difference {difference:.2f}"
    axes.annotate(text, (1 + difference, 0.9), (6, 0), textcoords="offset points", va="center")
    axes.set(xlim=(1, number + 0.3), ylim=(-number - 0.6, 1.4), yticks=[])
    axes.xaxis.set_ticks_position("top")
    axes.set_xticks(range(1, number + 1))
    axes.set_title(f"Mean rank by Dice over {plural(groups, 'group')}, 1 is the best")
    for side in ("left", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["top"].set_position(("data", 0))
    return figure


def breakdown(parts: pd.DataFrame, title: str) -> Figure:
    """Dice with its interval for every range of every condition, as from `hrtem_lab.evaluation.breakdown`."""
    places = np.arange(len(parts)) + 0.7 * pd.factorize(parts["condition"])[0]
    figure = Figure(figsize=(7, 1.5 + 0.27 * len(parts)), layout="constrained")
    axes = figure.subplots()
    away = [parts["dice"] - parts["dice_low"], parts["dice_high"] - parts["dice"]]
    axes.errorbar(parts["dice"], places, xerr=np.maximum(away, 0), fmt="o", color="black", capsize=3)
    titles = pd.Series([fact_of(str(condition)).label for condition in parts["condition"]], index=parts.index)
    names = titles.where(titles != titles.shift(), "")
    labels = [f"{n}   {r}  (n={m})" for n, r, m in zip(names, parts["range"], parts["micrographs"], strict=True)]
    axes.set_yticks(places, labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(None, 1)
    axes.set_xlabel("Dice per micrograph, 95 % interval")
    axes.set_title(title)
    axes.grid(axis="x", color=BACKDROP, lw=0.5)
    return figure
