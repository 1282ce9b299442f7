"""Borders of particles along the sides of their pixels: polygons that hold a mask exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hrtem_lab.micrograph import IntArray
from hrtem_lab.particles.closed_curves import contours
from hrtem_lab.particles.crops import boxes

Points = npt.NDArray[np.float64]


def trace_borders(instances: IntArray) -> dict[int, list[Points]]:
    """Trace the border of every particle along the sides of its pixels.

    Args:
        instances: (rows, columns), 0 = background.

    Returns:
        Closed curves of each particle by its number: corners (row, column) in pixels, (n, 2), of which the last is the
        first; the centre of the first pixel of the image is (0, 0), so that corners lie at halves. Curves around the
        particle run one way, those around its holes the other; parts that touch by a corner alone have a curve each.
    """
    borders = {}
    for number, box in boxes(instances):
        particle = np.pad(instances[box] == number, 1).astype(float)
        corner = np.array([box[0].start - 1, box[1].start - 1])
        borders[number] = [_corners(sides) + corner for sides in contours(particle, 0.5)]
    return borders


def _corners(sides: Points) -> Points:
    """Corners of a border, given the middles of the pixel sides that it consists of, in order.

    Half-way between two pixels of a mask, a contour at 0.5 passes the middle of their common side. The corner that two
    such sides share has the row of the one that lies along columns, and the column of the one that lies along rows.
    """
    here, following = sides[:-1], np.roll(sides[:-1], -1, axis=0)
    lies_along_columns = here[:, 0] % 1 != 0
    follows_along_columns = following[:, 0] % 1 != 0
    corners = np.where(lies_along_columns[:, None], [1, 0], [0, 1]) * here
    corners += np.where(lies_along_columns[:, None], [0, 1], [1, 0]) * following
    straight = lies_along_columns == follows_along_columns
    turns = corners[~straight]
    return np.concatenate([turns, turns[:1]])
