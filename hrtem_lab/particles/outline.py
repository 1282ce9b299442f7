"""The outline of one particle: its calipers, its length, and its kind of shape."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from hrtem_lab.micrograph import BoolArray
from hrtem_lab.particles import closed_curves
from hrtem_lab.particles.closed_curves import Curves, Points

OUTLINE_SHAPES = ("round", "faceted", "elongated", "irregular")
SMOOTHING_PX = 1.0
"""Gaussian that smooths the staircase of pixels; a disc's perimeter is then right to 1 % from 20 px on."""
MIN_SMOOTH_MAXIMUM = 0.7
"""Maximum of a smoothed mask below which the particle is less than 3 px thick and is not smoothed."""
MIN_SHAPE_DIAMETER_PX = 12.0
"""Diameter of the disc of the same area below which pixels, not the particle, decide the shape."""
IRREGULAR_SOLIDITY = 0.94
"""Solidity below which a shape is irregular."""
ELONGATED_ASPECT_RATIO = 1.5
"""Ratio of the calipers from which a shape is elongated."""
FACETED_DEVIATION = 0.026
"""`ellipse_deviation` above which a shape is faceted; a hexagon's is 0.044, 0.03 at 20 px, that of a disc of 20 px
0.016."""
MAX_ORDER = 8
"""Highest order of the Fourier descriptors that count: corners contribute below, the roughness of pixels above."""
CONTOUR_SAMPLES = 128


@dataclass(frozen=True)
class Outline:
    """Measures of one particle's outline, in pixels.

    Attributes:
        area: Area inside, holes left out.
        feret_max: Largest caliper.
        feret_min: Smallest caliper.
        perimeter: Length of the outline and of the outlines of the holes.
        hull_area: Area of the convex hull.
        shape: One of `OUTLINE_SHAPES`, None where the particle is too small to tell.
    """

    area: float
    feret_max: float
    feret_min: float
    perimeter: float
    hull_area: float
    shape: str | None


def mask_curves(particle: BoolArray) -> Curves:
    """Trace the outline of one particle, given its mask, and those of its holes: half height after `SMOOTHING_PX`."""
    padded = np.pad(particle, 3).astype(np.float64)
    smooth = np.asarray(cv2.GaussianBlur(padded, (9, 9), SMOOTHING_PX))
    return [curve - 3 for curve in closed_curves.contours(smooth if smooth.max() > MIN_SMOOTH_MAXIMUM else padded, 0.5)]


def measure_outline(curves: Curves, area: float | None = None) -> Outline:
    """Measure the outline of one particle.

    The smallest caliper of a convex polygon lies across one of its sides (Toussaint 1983, rotating calipers), the
    largest joins two of its corners.

    Args:
        curves: Closed curves around the particle and its holes.
        area: Area in pixels where that is known from elsewhere; by default that inside the curves.
    """
    hull = ConvexHull(np.concatenate(curves))
    corners = hull.points[hull.vertices]
    across = corners @ hull.equations[:, :2].T  # (corners, sides): distance along the normal of each side
    feret_max, feret_min = float(pdist(corners).max()), float(np.ptp(across, axis=0).min())
    area = closed_curves.area(curves) if area is None else area
    shape = None
    if area >= np.pi / 4 * MIN_SHAPE_DIAMETER_PX**2:
        shape = _classify_shape(max(curves, key=len), feret_max / feret_min, area / hull.volume)
    return Outline(area, feret_max, feret_min, closed_curves.length(curves), float(hull.volume), shape)


def _classify_shape(contour: Points, aspect_ratio: float, solidity: float) -> str:
    """Choose one of `OUTLINE_SHAPES`: irregular before elongated before faceted; all others are round."""
    if solidity < IRREGULAR_SOLIDITY:
        return "irregular"
    if aspect_ratio >= ELONGATED_ASPECT_RATIO:
        return "elongated"
    return "faceted" if ellipse_deviation(contour) > FACETED_DEVIATION else "round"


def ellipse_deviation(contour: Points) -> float:
    """Deviation of an outline from an ellipse by Fourier descriptors (Zahn and Roskies 1972, IEEE Trans. C-21, 269).

    The outline is stretched to equal second moments, so that an ellipse becomes a circle, and sampled evenly along its
    length; row + i column is then a Fourier series whose term of order 1 is that circle. A regular polygon of n sides
    adds terms of the orders 1 - n and 1 + n with the amplitudes 1 / (n - 1)^2 and 1 / (n + 1)^2.

    Args:
        contour: Closed, (n, 2).

    Returns:
        Root of the power of the orders 2 to 8, of either sign, over that of the first.
    """
    points = contour[:-1] - contour[:-1].mean(axis=0)
    stretched = np.concatenate([points, points[:1]]) @ np.linalg.inv(np.linalg.cholesky(np.cov(points.T))).T
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(stretched, axis=0).T))])
    even = np.linspace(0, length[-1], CONTOUR_SAMPLES, endpoint=False)
    series = np.fft.fft(np.interp(even, length, stretched[:, 0]) + 1j * np.interp(even, length, stretched[:, 1]))
    power = np.abs(series) ** 2
    rest = power[2 : MAX_ORDER + 1].sum() + power[-MAX_ORDER:-1].sum()
    return float(np.sqrt(rest / max(power[1], power[-1])))
