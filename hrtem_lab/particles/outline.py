"""The outline of one particle: its calipers, its length, and what kind of shape it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage.measure import find_contours

from hrtem_lab.micrograph import BoolArray

Points = npt.NDArray[np.float64]

STAIRCASE_PX = 1.0
"""Gaussian that takes the staircase off an outline; a disc's perimeter is then right to 1 % from 20 px on."""
THIN = 0.7
"""Largest value of a smoothed mask below which the particle is less than 3 px thick and keeps its staircase."""
SHAPES = ("round", "faceted", "elongated", "irregular")
LEAST_PX = 12.0
"""Diameter of the disc of the same area below which pixels, not the particle, decide the shape."""
CONCAVE = 0.94
"""Solidity below which a shape is irregular."""
LONG = 1.5
"""Ratio of the calipers from which a shape is elongated."""
CORNERED = 0.026
"""Least Fourier descriptors of an outline with corners; a hexagon's come to 0.044, to 0.03 at 20 px, those of
a disc of 20 px to 0.016."""
ORDER = 8
"""Descriptors up to this order count: a corner is there, the roughness of pixels is beyond."""
SAMPLES = 128


@dataclass(frozen=True)
class Outline:
    """Of one particle, in pixels.

    Attributes:
        feret_max: Largest caliper.
        feret_min: Smallest caliper.
        perimeter: With that of the holes.
        hull_area: Area of the convex hull.
        shape: One of `SHAPES`, None where the particle is too small to tell.
    """

    feret_max: float
    feret_min: float
    perimeter: float
    hull_area: float
    shape: str | None


def outline(particle: BoolArray) -> Outline:
    """Measures one particle in its bounding box.

    The smallest caliper of a convex polygon lies across one of its sides (Toussaint 1983, rotating calipers), the
    largest joins two of its corners.
    """
    padded = np.pad(particle, 3).astype(np.float64)
    smooth = gaussian_filter(padded, STAIRCASE_PX)
    contours = find_contours(smooth if smooth.max() > THIN else padded, 0.5)
    points = np.concatenate(contours)
    hull = ConvexHull(points)
    corners = points[hull.vertices]
    across = corners @ hull.equations[:, :2].T  # (corners, sides): distance along the normal of each side
    feret_max, feret_min = float(pdist(corners).max()), float(np.ptp(across, axis=0).min())
    perimeter = float(sum(np.hypot(*np.diff(contour, axis=0).T).sum() for contour in contours))
    area = np.count_nonzero(particle)
    shape = None
    if area >= np.pi / 4 * LEAST_PX**2:
        shape = _shape(max(contours, key=len), feret_max / feret_min, area / hull.volume)
    return Outline(feret_max, feret_min, perimeter, float(hull.volume), shape)


def _shape(contour: Points, aspect_ratio: float, solidity: float) -> str:
    """Irregular before elongated before faceted: what is left is round."""
    if solidity < CONCAVE:
        return "irregular"
    if aspect_ratio >= LONG:
        return "elongated"
    return "faceted" if corners(contour) > CORNERED else "round"


def corners(contour: Points) -> float:
    """How far an outline is from an ellipse, by its Fourier descriptors (Zahn and Roskies 1972, IEEE Trans. C-21, 269).

    The outline is stretched to equal second moments, so that an ellipse becomes a circle, and sampled evenly along its
    length; row + i column is then a Fourier series whose term of order 1 is that circle. A regular polygon of n sides
    adds terms of the orders 1 - n and 1 + n with the amplitudes 1 / (n - 1)^2 and 1 / (n + 1)^2.

    Args:
        contour: Closed, (n, 2).

    Returns:
        Root of the power of the orders 2 to 8, either way round, over that of the first.
    """
    points = contour[:-1] - contour[:-1].mean(axis=0)
    around = np.concatenate([points, points[:1]]) @ np.linalg.inv(np.real(sqrtm(np.cov(points.T))))
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(around, axis=0).T))])
    even = np.linspace(0, length[-1], SAMPLES, endpoint=False)
    series = np.fft.fft(np.interp(even, length, around[:, 0]) + 1j * np.interp(even, length, around[:, 1]))
    power = np.abs(series) ** 2
    rest = power[2 : ORDER + 1].sum() + power[-ORDER:-1].sum()
    return float(np.sqrt(rest / max(power[1], power[-1])))
