"""Curves of particles' borders in the coordinates of other programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from skimage.measure import points_in_poly

Points = npt.NDArray[np.float64]
Borders = Mapping[int, Sequence[Points]]
"""Closed curves around each particle and around its holes, by its number."""


def to_xy(curve: Points) -> Points:
    """Convert (row, column) to (x, y) with the corner of the first pixel at (0, 0), as most programs count."""
    return curve[:, ::-1] + 0.5


def to_polygons(curves: Iterable[Points]) -> list[list[Points]]:
    """Sort curves into polygons, each of which is the curve around it followed by those around its holes.

    Curves around a particle run the other way than those around holes, and the largest one is around a particle.
    """
    by_size = sorted(curves, key=lambda curve: abs(signed_area(curve)), reverse=True)
    polygons: list[list[Points]] = []
    for curve in by_size:
        if signed_area(curve) * signed_area(by_size[0]) > 0:
            polygons.append([curve])
        else:
            middle = (curve[:1] + curve[1:2]) / 2
            around = [polygon for polygon in polygons if points_in_poly(middle, polygon[0])[0]]
            (around or polygons)[-1].append(curve)
    return polygons


def signed_area(curve: Points) -> float:
    """Area inside a closed curve by the shoelace formula, negative where it runs the other way."""
    (row, column), (next_row, next_column) = curve[:-1].T, curve[1:].T
    return float(np.sum(next_row * column - row * next_column)) / 2
