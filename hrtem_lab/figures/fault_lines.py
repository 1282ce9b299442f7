"""Lines of planar faults in a micrograph, with the reflections of the lattices on their two sides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from hrtem_lab.figures.style import OUTLINED
from hrtem_lab.particles import FaultLine
from hrtem_lab.particles.spectrum import BAND_PER_NM

Point = npt.NDArray[np.float64]
"""(row, column) in pixels."""

SIDES = {"left": "#E69F00", "right": "#00E0C6", "both": "#FFFFFF"}
"""Colour of each side of a line and of its reflections, and of reflections that both sides share."""
DASHES = (0, (3, 5))
"""Dashes of a line within its particle, between which the fringes can be seen."""
BEYOND_NM = 0.4
"""Length by which a line goes on beyond its particle."""
DIAGRAM_NM, MIN_DIAGRAM = 0.8, 0.025
"""Radius of a diagram of spots, and its least part of the image's longer side."""


def plot_fault_lines(axes: Axes, lines: Mapping[int, FaultLine], pixel_size_nm: float) -> None:
    """Plot the line of each fault as a pair in the colours of its sides, and a diagram of the spots at its end.

    The diagram is as a power spectrum is seen: for each reflection a spot and its opposite, its distance from the
    middle the spatial frequency, in the colour of the side on which it is at least twice as strong, white where none
    is. A twin has spots of both colours, a stacking fault white ones.

    Args:
        axes: Axes with a micrograph in pixels.
        lines: Line of each particle.
        pixel_size_nm: Side length of a pixel.
    """
    columns, rows = (abs(high - low) for low, high in (axes.get_xlim(), axes.get_ylim()))
    radius = max(DIAGRAM_NM / pixel_size_nm, MIN_DIAGRAM * max(rows, columns))
    for line in lines.values():
        start, end = (np.array(point) for point in line.ends_px(pixel_size_nm))
        half = (end - start) / 2
        along = half / max(float(np.hypot(*half)), 1e-9)
        _plot_line(axes, (start, end), along * BEYOND_NM / pixel_size_nm, 0.0025 * max(rows, columns), line)
        away = along * (BEYOND_NM / pixel_size_nm + 1.2 * radius)
        middles = [start - away, end + away]
        inside = [m for m in middles if (m > radius).all() and (m < np.array([rows, columns]) - radius).all()]
        _plot_spots(axes, line, (inside or middles)[0], radius)


def fault_line_legend() -> list[Line2D]:
    """Lines of a legend for the two sides of a line and their spots."""
    return [
        Line2D([], [], color=SIDES[side], marker="o", ls="--", lw=1.2, label=label)
        for side, label in (("left", "one side of a fault and its spots"), ("right", "the other side"))
    ]


def _plot_line(axes: Axes, ends: tuple[Point, Point], beyond: Point, apart: float, line: FaultLine) -> None:
    """Plot a line twice, each a little to one side: dashed between the ends, and drawn through beyond them."""
    angle = np.deg2rad(line.normal_deg)
    start, end = ends
    pieces = ((start - beyond, start, "-"), (start, end, DASHES), (end, end + beyond, "-"))
    for side, sign in (("left", -1), ("right", 1)):
        aside = sign * apart * np.array([np.sin(angle), np.cos(angle)])
        for first, last, style in pieces:
            (row, column), (last_row, last_column) = first + aside, last + aside
            axes.plot([column, last_column], [row, last_row], color=SIDES[side], lw=1.5, ls=style)


def _plot_spots(axes: Axes, line: FaultLine, middle: Point, radius: float) -> None:
    """Plot the reflections of a particle in a dark disc."""
    row, column = middle
    axes.add_patch(Circle((column, row), radius, facecolor="black", edgecolor="white", lw=0.8, alpha=0.75, zorder=3))
    scale = 0.9 * radius / BAND_PER_NM[1]
    size = (0.14 * radius * axes.get_window_extent().width / abs(np.subtract(*axes.get_xlim()))) ** 2
    for spot in line.spots:
        for sign in (-1, 1):
            place = column + sign * scale * spot.column_per_nm, row + sign * scale * spot.row_per_nm
            axes.scatter(*place, s=size, color=SIDES[spot.side], path_effects=[OUTLINED], zorder=4)
    axes.scatter(column, row, s=size / 3, color="grey", zorder=4)
