"""Figures of a population: sizes, shapes, faults against size, correlations, and a comparison of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hrtem_lab.evaluation.populations import COMPARED_QUANTITIES, DIAMETER, SHAPE_QUANTITIES
from hrtem_lab.evaluation.size_statistics import MIN_MICROGRAPHS, Sizes, draw_micrographs
from hrtem_lab.figures.statements import ALPHA, diameter_row, label
from hrtem_lab.figures.style import BACKDROP, COLOURS, PREDICTED_CLASSES
from hrtem_lab.micrograph import ParticleClass

FIRST_COLOUR, SECOND_COLOUR = "#0072B2", "#D55E00"


def plot_population(populations: Mapping[str, pd.DataFrame], tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    """Plot every figure that the particles allow.

    Args:
        populations: One or two populations by name, each a table of
            `hrtem_lab.evaluation.populations.select_uncut_particles`; the first one is also plotted alone.
        tables: `distributions` and `correlations`, with classes also `faults`.

    Returns:
        The figures by the name of their file.
    """
    uncut = next(iter(populations.values()))
    if uncut.empty:
        return {}
    figures = {
        "sizes": plot_sizes(uncut, tables["distributions"]),
        "shapes": plot_shapes(uncut),
        "correlations": plot_correlations(tables["correlations"]),
    }
    if "faults" in tables and tables["faults"]["particles"].iloc[-1]:
        figures["faults"] = plot_faults(tables["faults"])
    if len(populations) > 1 and not any(part.empty for part in populations.values()):
        figures["comparison"] = plot_comparison(populations)
    return figures


def plot_sizes(uncut: pd.DataFrame, distributions: pd.DataFrame) -> Figure:
    """Plot a histogram of the diameter, stacked by class, with the log-normal distribution that fits it best."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    parts = _split_by_class(uncut)
    edges = _bin_edges(uncut[DIAMETER])
    density_per_weight = 1 / uncut["weight"].sum() / np.diff(edges)[0]
    axes.hist(
        [part[DIAMETER] for part in parts.values()],
        bins=list(edges),
        weights=[part["weight"] * density_per_weight for part in parts.values()],
        color=[COLOURS.get(name, BACKDROP) for name in parts],
        label=[f"{name.replace('_', ' ')} (n={len(part)})" for name, part in parts.items()],
        stacked=True,
        edgecolor="black",
        linewidth=0.5,
    )
    fit = diameter_row(distributions)
    if fit["geometric_sd"] > 1:
        diameter_nm = np.linspace(*_widen(edges), 300)
        density = scipy.stats.lognorm.pdf(diameter_nm, np.log(fit["geometric_sd"]), scale=fit["geometric_mean"])
        name = f"log-normal, {fit['geometric_mean']:.2f} nm ×/÷ {fit['geometric_sd']:.2f}"
        axes.plot(diameter_nm, density, color="black", lw=1.5, label=name)
    axes.set_xlabel(label(DIAMETER))
    axes.set_ylabel("density (1/nm), corrected for the edge")
    axes.legend(fontsize=8)
    return figure


def plot_cumulative(uncut: pd.DataFrame, quantities: Sequence[str]) -> Figure:
    """Plot the share of particles up to each value of some quantities, with 95 % bands over micrographs.

    A band holds the percentiles of bootstrap draws, point by point; with fewer than `MIN_MICROGRAPHS` there is none.
    """
    columns = min(len(quantities), 2)
    rows = -(-len(quantities) // columns)
    figure = Figure(figsize=(4.4 * columns, 3.4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(quantities) :]:
        axes.set_axis_off()
    for axes, quantity in zip(grid.flat, quantities, strict=False):
        sizes = Sizes.of_table(uncut, quantity)
        values = np.linspace(sizes.values.min(), sizes.values.max(), 200)
        if sizes.number_of_micrographs >= MIN_MICROGRAPHS:
            draws = sizes.cumulative(values, draw_micrographs(sizes.number_of_micrographs, 500))
            axes.fill_between(values, *np.quantile(draws, [0.025, 0.975], axis=0), color=FIRST_COLOUR, alpha=0.25, lw=0)
        everything = np.ones((1, sizes.number_of_micrographs))
        axes.step(values, sizes.cumulative(values, everything)[0], where="post", color=FIRST_COLOUR)
        axes.set_xlabel(label(quantity))
        axes.set_ylabel("share up to this value")
        axes.set_ylim(-0.02, 1.02)
        _grid(axes)
    return figure


def plot_shapes(uncut: pd.DataFrame) -> Figure:
    """Plot every shape quantity against the diameter, a point for each particle, coloured by class."""
    figure = Figure(figsize=(8, 6.4), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True)
    for axes, shape in zip(grid.flat, SHAPE_QUANTITIES, strict=True):
        for name, part in _split_by_class(uncut).items():
            colour = COLOURS.get(name, FIRST_COLOUR)
            axes.scatter(
                part[DIAMETER], part[shape], s=22, color=colour, edgecolor="black", linewidth=0.4, alpha=0.8,
                label=name.replace("_", " "),
            )  # fmt: skip
        axes.set_ylabel(label(shape))
        _grid(axes)
    for axes in grid[-1]:
        axes.set_xlabel(label(DIAMETER))
    if "class" in uncut:
        grid.flat[0].legend(fontsize=8)
    return figure


def plot_faults(table: pd.DataFrame) -> Figure:
    """Plot the share of faulted particles against the diameter, with the intervals of the table, and the total.

    Args:
        table: Table of `hrtem_lab.evaluation.populations.fault_shares`.
    """
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.subplots()
    bins, total = table.iloc[:-1], table.iloc[-1]
    axes.axhline(total["fault_share"], color=COLOURS[ParticleClass.FAULT], lw=1, label=f"all {total['could_show']:.0f}")
    if not np.isnan(total["low"]):
        axes.axhspan(total["low"], total["high"], color=COLOURS[ParticleClass.FAULT], alpha=0.15, lw=0)
    middle = (bins["diameter_low_nm"] + bins["diameter_high_nm"]) / 2
    half_width = [middle - bins["diameter_low_nm"], bins["diameter_high_nm"] - middle]
    interval = [bins["fault_share"] - bins["low"], bins["high"] - bins["fault_share"]]
    axes.errorbar(
        middle, bins["fault_share"], xerr=half_width, yerr=np.maximum(interval, 0), fmt="o", color="black", capsize=3,
        label=f"bins, 95 %, {bins['interval'].iloc[0]}",
    )  # fmt: skip
    for x, (_, row) in zip(middle, bins.iterrows(), strict=True):
        axes.text(x, row["high"] + 0.015, f"{row['could_show']:.0f}", fontsize=8, ha="center")
    axes.set_xlabel(label(DIAMETER))
    axes.set_ylabel("share of faults where one could show")
    axes.set_ylim(-0.03, 1.08)
    axes.legend(fontsize=8)
    _grid(axes)
    return figure


def plot_correlations(table: pd.DataFrame) -> Figure:
    """Plot the correlations as a matrix, with a star at those that are established after correction for their number.

    Args:
        table: Table of `hrtem_lab.evaluation.contrasts.correlations`.
    """
    names = [*(["fault"] if "fault" in set(table["first"]) else []), *COMPARED_QUANTITIES]
    values = np.full((len(names), len(names)), np.nan)
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.subplots()
    for _, row in table.iterrows():
        column, line = names.index(row["first"]), names.index(row["second"])
        values[line, column] = row["correlation"]
        star = "*" if row["p_adjusted"] < ALPHA else ""
        text = "–" if np.isnan(row["correlation"]) else f"{row['correlation']:.2f}{star}"
        colour = "white" if abs(row["correlation"]) > 0.6 else "black"
        axes.text(column, line, text, ha="center", va="center", color=colour)
    image = axes.imshow(values[1:, :-1], cmap="RdBu_r", vmin=-1, vmax=1, extent=_matrix_extent(len(names)))
    figure.colorbar(image, label="Spearman; of a fault point-biserial", shrink=0.8)
    labels = [label(name, "") for name in names]
    axes.set_xticks(range(len(names) - 1), labels[:-1], rotation=30, ha="right")
    axes.set_yticks(range(1, len(names)), labels[1:])
    axes.set_title("* differs from 0, p < 0.05 after Benjamini-Hochberg", fontsize=9)
    return figure


def plot_comparison(populations: Mapping[str, pd.DataFrame]) -> Figure:
    """Plot cumulative distributions of the diameter of two populations, and the mean of every micrograph."""
    figure = Figure(figsize=(6, 5.4), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    lines, names = [], []
    colours = FIRST_COLOUR, SECOND_COLOUR
    for height, ((name, part), colour) in enumerate(zip(populations.items(), colours, strict=False)):
        lines.append(axes.ecdf(part[DIAMETER].to_numpy(), part["weight"].to_numpy(), color=colour))
        names.append(f"{name} (n={len(part)})".replace("$", r"\$"))  # a $ would begin mathematics
        products = part.assign(product=part[DIAMETER] * part["weight"]).groupby("micrograph")[["product", "weight"]]
        sums = products.sum()
        below.plot(sums["product"] / sums["weight"], np.full(len(sums), height), "|", ms=14, color=colour)
    axes.set_ylabel("share of particles up to this size")
    axes.legend(lines, names, fontsize=8)  # without the arguments, names that begin with _ would be left out
    _grid(axes)
    below.set_yticks([])
    below.set_ylim(1.6, -0.6)
    below.set_xlabel(f"{label(DIAMETER)}; below: mean of each micrograph")
    return figure


def _split_by_class(uncut: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Split a table by class, in a fixed order; without classes everything is `all`."""
    if "class" not in uncut:
        return {"all": uncut}
    return {name: uncut[uncut["class"] == name] for name in PREDICTED_CLASSES if (uncut["class"] == name).any()}


def _bin_edges(values: pd.Series) -> np.ndarray:
    """Choose 5 to 40 bins by the narrower of Freedman and Diaconis' and Sturges' rules."""
    low, high = values.min(), values.max()
    number = min(len(np.histogram_bin_edges(values, "auto")) - 1, 40)
    margin = 0 if high > low else 0.5
    return np.linspace(low - margin, high + margin, max(number, 5) + 1)


def _widen(edges: np.ndarray) -> tuple[float, float]:
    """Range of the edges with a margin of 15 % on either side, above 0."""
    margin = 0.15 * (edges[-1] - edges[0])
    return max(edges[0] - margin, 1e-6), edges[-1] + margin


def _matrix_extent(number: int) -> tuple[float, float, float, float]:
    """Extent of the image of a matrix without its first row and last column, so that cells lie at their index."""
    return -0.5, number - 1.5, number - 0.5, 0.5


def _grid(axes: Axes) -> None:
    """Draw a thin grid behind the data."""
    axes.grid(color=BACKDROP, lw=0.4)
    axes.set_axisbelow(True)
