"""A matrix of domains as heat maps: Dice, and its gap to the network that was trained on the domain itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hrtem_lab.figures.interval_text import interval_text


def plot_matrix(cells: pd.DataFrame) -> Figure:
    """Plot the Dice of each network on each domain, and beside it how much that is below the domain's own network.

    Args:
        cells: A row per pair of domains with `trained_on`, `tested_on`, `dice`, `gap`, `gap_low` and `gap_high`.
    """
    names = list(dict.fromkeys(cells["tested_on"]))
    side = 1.7 + 1.1 * len(names)
    figure = Figure(figsize=(2 * side + 0.6, side), layout="constrained")
    left, right = figure.subplots(1, 2)
    dice = cells.assign(label=[f"{value:.3f}" for value in cells["dice"]])
    _draw(left, dice, "dice", names, "viridis", (0, 1), "Dice on the test micrographs")
    widest = max(cells["gap"].abs().max(), 0.01)
    texts = [
        "" if row["trained_on"] == row["tested_on"] else interval_text(row, "gap", digits=3, bound_digits=2)
        for _, row in cells.iterrows()
    ]
    _draw(right, cells.assign(label=texts), "gap", names, "RdBu_r", (-widest, widest), "Gap to the diagonal (95 %)")
    return figure


def _draw(
    axes: Axes,
    cells: pd.DataFrame,
    column: str,
    names: list[str],
    colours: str,
    limits: tuple[float, float],
    title: str,
) -> None:
    """Draw a column of the cells as a heat map with the text of each cell in it."""
    values, texts = (
        cells.pivot(index="trained_on", columns="tested_on", values=name).loc[names, names].to_numpy()
        for name in (column, "label")
    )
    image = axes.imshow(values.astype(float), cmap=colours, vmin=limits[0], vmax=limits[1])
    shades = image.to_rgba(values.astype(float))
    for (row, place), text in np.ndenumerate(texts):
        red, green, blue, _ = shades[row, place]
        ink = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
        axes.text(place, row, str(text).replace(" (", "\n("), ha="center", va="center", color=ink, fontsize=8)
    labels = [name.replace("_", " ") for name in names]
    axes.set_xticks(range(len(names)), labels)
    axes.set_yticks(range(len(names)), labels, rotation=90, va="center")
    axes.set(xlabel="tested on", ylabel="trained on")
    axes.set_title(title, fontsize=10)
