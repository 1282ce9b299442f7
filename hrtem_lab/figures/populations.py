"""The pictures of a population: sizes, shapes, faults against size, what goes together, and two populations."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import lognorm

from hrtem_lab.evaluation.populations import COMPARED, SHAPES, SIZES
from hrtem_lab.figures.statements import ALPHA, named, of_all
from hrtem_lab.figures.style import ANSWERS, BACKDROP, COLOURS
from hrtem_lab.micrograph import ParticleClass

DIAMETER = SIZES[0]
INK, OTHER = "#0072B2", "#D55E00"


def all_of(populations: Mapping[str, pd.DataFrame], tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    """Every figure that the particles allow, by the name of its file.

    Args:
        populations: One or two, by their names, as from `hrtem_lab.evaluation.populations.seen_whole`; the first one is
            drawn alone, too.
        tables: `distributions`, `correlations`, and `faults` where there are classes.
    """
    whole = next(iter(populations.values()))
    if whole.empty:
        return {}
    found = {
        "sizes": sizes(whole, tables["distributions"]),
        "shapes": shapes(whole),
        "correlations": correlations(tables["correlations"]),
    }
    if "faults" in tables and tables["faults"]["particles"].iloc[-1]:
        found["faults"] = faults(tables["faults"])
    if len(populations) > 1 and not any(part.empty for part in populations.values()):
        found["comparison"] = comparison(populations)
    return found


def sizes(whole: pd.DataFrame, distributions: pd.DataFrame) -> Figure:
    """Histogram of the diameter, stacked by class, with the log-normal distribution that fits it best."""
    figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    parts = _by_class(whole)
    edges = _edges(whole[DIAMETER])
    share = 1 / whole["weight"].sum() / np.diff(edges)[0]
    axes.hist(
        [part[DIAMETER] for part in parts.values()],
        bins=list(edges),
        weights=[part["weight"] * share for part in parts.values()],
        color=[COLOURS.get(name, BACKDROP) for name in parts],
        label=[f"{name.replace('_', ' ')} (n={len(part)})" for name, part in parts.items()],
        stacked=True,
        edgecolor="black",
        linewidth=0.5,
    )
    fit = of_all(distributions)
    if fit["geometric_sd"] > 1:
        places = np.linspace(*_room(edges), 300)
        density = lognorm.pdf(places, np.log(fit["geometric_sd"]), scale=fit["geometric_mean"])
        label = f"log-normal, {fit['geometric_mean']:.2f} nm ×/÷ {fit['geometric_sd']:.2f}"
        axes.plot(places, density, color="black", lw=1.5, label=label)
    axes.set_xlabel(named(DIAMETER))
    axes.set_ylabel("density (1/nm), corrected for the edge")
    axes.legend(fontsize=8)
    return figure


def shapes(whole: pd.DataFrame) -> Figure:
    """Every shape against the diameter, a point for each particle, coloured by class."""
    figure, grid = plt.subplots(2, 2, figsize=(8, 6.4), sharex=True, layout="constrained")
    for axes, shape in zip(grid.flat, SHAPES, strict=True):
        for name, part in _by_class(whole).items():
            colour = COLOURS.get(name, INK)
            axes.scatter(
                part[DIAMETER], part[shape], s=22, color=colour, edgecolor="black", linewidth=0.4, alpha=0.8,
                label=name.replace("_", " "),
            )  # fmt: skip
        axes.set_ylabel(named(shape))
        _grid(axes)
    for axes in grid[-1]:
        axes.set_xlabel(named(DIAMETER))
    if "class" in whole:
        grid.flat[0].legend(fontsize=8)
    return figure


def faults(table: pd.DataFrame) -> Figure:
    """Share of faulted particles against the diameter, with Wilson intervals, and that of all.

    Args:
        table: As from `hrtem_lab.evaluation.populations.fault_shares`.
    """
    figure, axes = plt.subplots(figsize=(6, 4.2), layout="constrained")
    bins, total = table.iloc[:-1], table.iloc[-1]
    axes.axhline(total["fault_share"], color=COLOURS[ParticleClass.FAULT], lw=1, label=f"all {total['particles']}")
    if not np.isnan(total["low"]):
        axes.axhspan(total["low"], total["high"], color=COLOURS[ParticleClass.FAULT], alpha=0.15, lw=0)
    middle = (bins["diameter_low_nm"] + bins["diameter_high_nm"]) / 2
    across = [middle - bins["diameter_low_nm"], bins["diameter_high_nm"] - middle]
    away = [bins["fault_share"] - bins["low"], bins["high"] - bins["fault_share"]]
    axes.errorbar(
        middle, bins["fault_share"], xerr=across, yerr=np.maximum(away, 0), fmt="o", color="black", capsize=3,
        label="bins, Wilson 95 %",
    )  # fmt: skip
    for x, (_, row) in zip(middle, bins.iterrows(), strict=True):
        axes.text(x, row["high"] + 0.015, str(row["particles"]), fontsize=8, ha="center")
    axes.set_xlabel(named(DIAMETER))
    axes.set_ylabel("share of faults where the lattice shows")
    axes.set_ylim(-0.03, 1.08)
    axes.legend(fontsize=8)
    _grid(axes)
    return figure


def correlations(table: pd.DataFrame) -> Figure:
    """The correlations as a matrix; a star where one is established after the correction for their number.

    Args:
        table: As from `hrtem_lab.evaluation.contrasts.correlations`.
    """
    names = [*(["fault"] if "fault" in set(table["first"]) else []), *COMPARED]
    values = np.full((len(names), len(names)), np.nan)
    figure, axes = plt.subplots(figsize=(6.4, 5.2), layout="constrained")
    for _, row in table.iterrows():
        column, place = names.index(row["first"]), names.index(row["second"])
        values[place, column] = row["correlation"]
        star = "*" if row["p_adjusted"] < ALPHA else ""
        text = "–" if np.isnan(row["correlation"]) else f"{row['correlation']:.2f}{star}"
        colour = "white" if abs(row["correlation"]) > 0.6 else "black"
        axes.text(column, place, text, ha="center", va="center", color=colour)
    shown = axes.imshow(values[1:, :-1], cmap="RdBu_r", vmin=-1, vmax=1, extent=_cells(len(names)))
    figure.colorbar(shown, label="Spearman; of a fault point-biserial", shrink=0.8)
    words = [named(name, "") for name in names]
    axes.set_xticks(range(len(names) - 1), words[:-1], rotation=30, ha="right")
    axes.set_yticks(range(1, len(names)), words[1:])
    axes.set_title("* differs from 0, p < 0.05 after Benjamini-Hochberg", fontsize=9)
    return figure


def comparison(populations: Mapping[str, pd.DataFrame]) -> Figure:
    """Cumulative distributions of the diameter of two populations, and the mean of every micrograph."""
    figure, (axes, below) = plt.subplots(
        2, 1, figsize=(6, 5.4), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    lines, names = [], []
    for place, ((name, part), colour) in enumerate(zip(populations.items(), (INK, OTHER), strict=False)):
        lines.append(axes.ecdf(part[DIAMETER].to_numpy(), part["weight"].to_numpy(), color=colour))
        names.append(f"{name} (n={len(part)})".replace("$", r"\$"))  # no mathematics
        products = part.assign(product=part[DIAMETER] * part["weight"]).groupby("micrograph")[["product", "weight"]]
        sums = products.sum()
        below.plot(sums["product"] / sums["weight"], np.full(len(sums), place), "|", ms=14, color=colour)
    axes.set_ylabel("share of particles up to this size")
    axes.legend(lines, names, fontsize=8)  # given, or what begins with _ would be left out
    _grid(axes)
    below.set_yticks([])
    below.set_ylim(1.6, -0.6)
    below.set_xlabel(f"{named(DIAMETER)}; below: mean of each micrograph")
    return figure


def _by_class(whole: pd.DataFrame) -> dict[str, pd.DataFrame]:
    if "class" not in whole:
        return {"all": whole}
    return {name: whole[whole["class"] == name] for name in ANSWERS if (whole["class"] == name).any()}


def _edges(values: pd.Series) -> np.ndarray:
    """Bins as Freedman and Diaconis, or Sturges if those are narrower, choose them, but no more than 40."""
    low, high = values.min(), values.max()
    number = min(len(np.histogram_bin_edges(values, "auto")) - 1, 40)
    margin = 0 if high > low else 0.5
    return np.linspace(low - margin, high + margin, max(number, 5) + 1)


def _room(edges: np.ndarray) -> tuple[float, float]:
    margin = 0.15 * (edges[-1] - edges[0])
    return max(edges[0] - margin, 1e-6), edges[-1] + margin


def _cells(number: int) -> tuple[float, float, float, float]:
    return -0.5, number - 1.5, number - 0.5, 0.5


def _grid(axes: Axes) -> None:
    axes.grid(color=BACKDROP, lw=0.4)
    axes.set_axisbelow(True)
