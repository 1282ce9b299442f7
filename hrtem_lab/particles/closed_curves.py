"""Closed curves in the plane: their area, evenly spaced points and normals, and the pixels inside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from contourpy import LineType, contour_generator
from scipy.ndimage import gaussian_filter1d

from hrtem_lab.micrograph import BoolArray, IntArray

Points = npt.NDArray[np.float64]
"""Points (row, column) in pixels, (n, 2); of a closed curve the last one is the first."""
Curves = Sequence[Points]
"""Border of one particle: the curves around it run one way, those around its holes the other."""


def contours(values: npt.NDArray[Any], level: float) -> list[Points]:
    """Trace the curves on which values equal a level, interpolated linearly between neighbours.

    The curves are those of `skimage.measure.find_contours`, high values on the same side, in a fifth of the time. Where
    two high and two low values face each other across a square of four, their mean decides which two belong together.

    Args:
        values: (rows, columns).
        level: Between the values.
    """
    generator = contour_generator(z=values, name="serial", line_type=LineType.Separate)
    return [np.asarray(line, dtype=np.float64)[:, ::-1] for line in generator.lines(level)]


def area(curves: Curves) -> float:
    """Area inside, holes left out, by the shoelace formula."""
    doubled = sum(float(np.sum(c[:-1, 0] * c[1:, 1] - c[1:, 0] * c[:-1, 1])) for c in curves)
    return abs(doubled) / 2


def length(curves: Curves) -> float:
    """Length of all curves together."""
    return float(sum(np.hypot(*np.diff(curve, axis=0).T).sum() for curve in curves))


def resample(curve: Points, spacing: float, least: int = 32) -> Points:
    """Place points evenly along a closed curve, (n, 2), the last of which is not the first.

    Args:
        curve: Closed.
        spacing: Wanted distance of two points.
        least: Least number of points.
    """
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    even = np.linspace(0, along[-1], max(int(np.ceil(along[-1] / spacing)), least), endpoint=False)
    return np.column_stack([np.interp(even, along, curve[:, axis]) for axis in (0, 1)])


def smooth_along(values: npt.NDArray[np.float64], sigma: float) -> npt.NDArray[np.float64]:
    """Smooth values at the points of a closed curve along it by a Gaussian.

    Args:
        values: (n, ...), of points that are evenly spaced.
        sigma: Standard deviation in points; above a third of the curve, every value becomes the mean.
    """
    if sigma > len(values) / 3:
        return np.broadcast_to(values.mean(axis=0), values.shape)
    smooth: npt.NDArray[np.float64] = gaussian_filter1d(values, sigma, axis=0, mode="wrap", truncate=3.0)
    return smooth


def normals(points: Points) -> Points:
    """Unit normals of a closed curve at evenly spaced points, (n, 2).

    They point out of the high values around which `contours` has drawn the curve.
    """
    tangent = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    across = np.column_stack([-tangent[:, 1], tangent[:, 0]])
    return across / np.maximum(np.hypot(*across.T), 1e-12)[:, None]


def close(points: Points) -> Points:
    """Repeat the first point at the end."""
    return np.concatenate([points, points[:1]])


def draw(curves: Mapping[int, Curves], shape: tuple[int, int]) -> IntArray:
    """Number the pixels whose centres are inside the curves of each particle, (rows, columns), 0 = background.

    Args:
        curves: Curves of each particle by its number.
        shape: Rows and columns of the result.
    """
    instances = np.zeros(shape, dtype=np.int32)
    for number, border in curves.items():
        points = np.concatenate(border)
        low = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
        high = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, shape)
        if (low < high).all():
            inside = _fill([curve - low for curve in border], (high[0] - low[0], high[1] - low[1]))
            instances[low[0] : high[0], low[1] : high[1]][inside] = number
    return instances


def _fill(curves: Curves, shape: tuple[int, int]) -> BoolArray:
    """Mark the pixels to whose left a row crosses the curves an odd number of times."""
    turns = np.zeros((shape[0], shape[1] + 1), dtype=np.int32)
    for curve in curves:
        start, end = np.ceil(curve[:-1]), np.ceil(curve[1:])
        first, last = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
        crossed = (last - first).astype(int)  # rows that each side crosses
        side = np.repeat(np.arange(len(crossed)), crossed)
        row = first[side] + np.arange(len(side)) - np.repeat(np.cumsum(crossed) - crossed, crossed)
        (r0, c0), (r1, c1) = curve[:-1][side].T, curve[1:][side].T
        column = np.ceil(c0 + (row - r0) * (c1 - c0) / (r1 - r0))
        shown = (row >= 0) & (row < shape[0])
        np.add.at(turns, (row[shown].astype(int), np.clip(column[shown], 0, shape[1]).astype(int)), 1)
    inside: BoolArray = np.cumsum(turns[:, :-1], axis=1) % 2 == 1
    return inside
