"""Profiles of an image across a closed curve: their noise, and where they cross zero."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from hrtem_lab.image import robust_deviation
from hrtem_lab.micrograph import BoolArray, FloatArray
from hrtem_lab.particles.closed_curves import Points, close, normals, resample, smooth_along

Array = npt.NDArray[np.float64]

GAUSSIAN_WIDTH = 2 * np.sqrt(np.pi)
"""Length over which a Gaussian of standard deviation 1 averages white noise: its integral over its square's."""


@dataclass(frozen=True)
class Noise:
    """Noise of an image: its variance, and how far it is the same.

    Attributes:
        variance: Variance of one sample.
        length: Integral of the autocorrelation along a line; samples further apart are independent.
    """

    variance: float
    length: float

    def of_line(self, length: float) -> float:
        """Standard deviation of a mean along a line."""
        return float(np.sqrt(self.variance * self.length / (self.length + length)))

    def of_area(self, area: float) -> float:
        """Standard deviation of a mean over an area."""
        return float(np.sqrt(self.variance * self.length**2 / (self.length**2 + area)))

    def line_for(self, deviation: float) -> float:
        """Length of the line along which a mean has this standard deviation; 0 where every sample is good enough."""
        return max(self.length * (self.variance / deviation**2 - 1), 0.0)


@dataclass(frozen=True)
class Profiles:
    """Values of an image along the normals of a closed curve, all lengths in pixels.

    Attributes:
        given: Points of the curve, evenly spaced, (n, 2).
        points: The same after the steps of pixels were smoothed away, (n, 2).
        normals: Unit normals that point outwards, (n, 2).
        spacing: Distance of neighbouring points.
        offsets: Distances along the normals, from inside to outside, (m,).
        values: The image there, (n, m).
        shown: Whether a value counts, (n, m).
    """

    given: Points
    points: Points
    normals: Points
    spacing: float
    offsets: Array
    values: Array
    shown: BoolArray

    @classmethod
    def sample(
        cls, image: FloatArray, shown: BoolArray, curve: Points, offsets: Array, spacing: float, smoothing: float
    ) -> Profiles:
        """Sample an image across a curve.

        Args:
            image: (rows, columns).
            shown: Pixels that count, (rows, columns); none beyond the image does.
            curve: Closed.
            offsets: Distances from the curve along its outward normals, rising, (m,).
            spacing: Distance of two profiles.
            smoothing: Gaussian along the curve that takes the steps of pixels from it; at most a twentieth of it.
        """
        given = resample(curve, spacing)
        step = float(np.hypot(*np.diff(close(given), axis=0).T).mean())
        points = smooth_along(given, min(smoothing / step, len(given) / 20))
        across = normals(points)
        place = (points[:, None] + offsets[:, None] * across[:, None]).astype(np.float32)
        row, column = np.moveaxis(place, -1, 0)
        values = cv2.remap(image, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = cv2.remap(shown.astype(np.uint8), column, row, cv2.INTER_NEAREST, borderValue=0)
        return cls(given, points, across, step, offsets, values.astype(np.float64), inside > 0)

    @property
    def length(self) -> float:
        """Length of the curve."""
        return len(self.points) * self.spacing

    def averaged(self, sigma: float) -> Array:
        """Profiles averaged along the curve by a Gaussian, where they count; `nan` where none nearby does."""
        weight = smooth_along(self.shown.astype(np.float64), sigma / self.spacing)
        total = smooth_along(np.where(self.shown, self.values, 0.0), sigma / self.spacing)
        return np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0.05)

    def noise(self, sigma: float) -> Noise | None:
        """Noise of what is not the same all along the curve; None where too little counts.

        The integral of its autocorrelation follows from what is left of its variance after a Gaussian along the curve
        that is wider than the correlation (the mean of all is lost, which the last factor makes up for).

        Args:
            sigma: Standard deviation of that Gaussian.
        """
        count = self.shown.sum(axis=0)
        if count.sum() < self.shown.size / 10:
            return None
        mean = np.where(self.shown, self.values, 0).sum(axis=0) / np.maximum(count, 1)
        rest = replace(self, values=self.values - mean)
        variance = _robust_variance(rest.values[self.shown])
        width = GAUSSIAN_WIDTH * sigma
        left = _robust_variance(rest.averaged(sigma)[self.shown]) / max(1 - width / self.length, 0.1)
        ratio = min(left / max(variance, 1e-12), 0.9)
        return Noise(variance, max(width * ratio / (1 - ratio), self.spacing))


def _robust_variance(values: Array) -> float:
    """Variance of values in which what stands in a part of them, such as a neighbour that was not found, has no say."""
    return float(robust_deviation(values, float(np.median(values))) ** 2)


def crossings(profiles: Array, offsets: Array, target: npt.ArrayLike) -> tuple[Array, Array]:
    """Find where profiles fall through zero nearest to a target.

    Args:
        profiles: From inside to outside, (n, m).
        offsets: Position of each value, (m,).
        target: Position near which the crossing is wanted, of all profiles or of each, (n,).

    Returns:
        Position of each crossing, (n,), and the slope there, positive; `nan` where a profile has none.
    """
    before, after = profiles[:, :-1], profiles[:, 1:]
    falls = (before > 0) & (after <= 0)
    step = np.diff(offsets)
    slope = np.divide(before - after, step, out=np.ones_like(before), where=falls)
    position = offsets[:-1] + np.where(falls, before, 0) / slope
    away = np.where(falls, np.abs(position - np.reshape(target, (-1, 1))), np.inf)
    nearest = np.arange(len(profiles)), np.argmin(away, axis=1)
    there = falls[nearest]
    return np.where(there, position[nearest], np.nan), np.where(there, slope[nearest], np.nan)


def smooth_path(positions: Array, width: int) -> Array:
    """Running median of positions along a closed curve, (n,), those that are `nan` interpolated before."""
    known = np.flatnonzero(~np.isnan(positions))
    filled = np.interp(np.arange(len(positions)), known, positions[known], period=len(positions))
    path: Array = median_filter(filled, size=width, mode="wrap")
    return path
