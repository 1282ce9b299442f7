"""Power spectra of the windows of an image, in nm^-1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from hrtem_lab.micrograph import FloatArray

Array = npt.NDArray[np.float64]
MAX_WINDOWS = 64
"""Largest number of windows of a spectrum; they are spread over a larger image."""
FLOOR = 1e-9
LEAST_LEVEL = 1e-5
"""Level of a background relative to the mean power below which it counts as this: an enlarged image has none there."""


@dataclass(frozen=True)
class PowerSpectrum:
    """Power spectra of overlapping windows of an image (Welch 1967, IEEE Trans. AU-15, 70).

    Attributes:
        windows: (windows, side, side), zero frequency first.
        frequency_per_nm: Distance from zero frequency, (side, side).
        azimuth: Direction in units of half a turn, (side, side), from 0 to below 1.
    """

    windows: Array
    frequency_per_nm: Array
    azimuth: Array

    @classmethod
    def of_image(cls, image: FloatArray, pixel_size_nm: float, side: int) -> PowerSpectrum:
        """Transform windows of this side, or of the image's shorter side where that is less."""
        side = min(side, *image.shape)
        taper = np.hanning(side + 2)[1:-1]
        window = np.outer(taper, taper)
        window /= np.sqrt((window**2).sum())
        cuts = list(cut_windows(image, side))
        cuts = cuts[:: -(-len(cuts) // MAX_WINDOWS)]
        powers = np.array([np.abs(np.fft.fft2((cut - cut.mean()) * window)) ** 2 for cut in cuts])
        frequency = np.fft.fftfreq(side, pixel_size_nm)
        azimuth = np.arctan2(frequency[:, None], np.broadcast_to(frequency, (side, side))) / np.pi % 1
        return cls(powers, np.hypot(frequency[:, None], frequency), azimuth)

    @cached_property
    def mean(self) -> Array:
        """Mean power, (side, side)."""
        mean: Array = self.windows.mean(axis=0)
        return mean

    @cached_property
    def smoothed(self) -> Array:
        """Power of each window, averaged over 3 x 3 samples, so that a spot stands out from speckle."""
        smoothed: Array = uniform_filter(self.windows, (1, 3, 3), mode="wrap")
        return smoothed

    @cached_property
    def ring(self) -> npt.NDArray[np.int64]:
        """Distance from zero frequency in samples, (side, side)."""
        step = self.frequency_per_nm[0, 1] if self.frequency_per_nm.size > 1 else 1.0
        return np.rint(self.frequency_per_nm / step).astype(np.int64)

    def band(self, low: float, high: float) -> npt.NDArray[np.bool_]:
        """Samples from one frequency up to below another, (side, side)."""
        return (self.frequency_per_nm >= low) & (self.frequency_per_nm < high)

    def mean_power(self, low: float, high: float) -> float:
        """Mean power of the samples between two frequencies, above 0."""
        inside = self.band(low, high)
        return float(self.mean[inside].mean() if inside.any() else 0.0) + FLOOR

    def levels(self, edges: Sequence[float], total: float) -> Array:
        """Background of each band between two edges relative to `total`: the median, which spots hardly change."""
        parts = (self.mean[self.band(*ends)] for ends in pairwise(edges))
        return np.array([np.median(part) / total if part.size else 0.0 for part in parts]) + LEAST_LEVEL

    def background(self, edges: Sequence[float], total: float) -> Array:
        """`levels` at every sample in the unit of the power, (side, side); infinite outside all bands."""
        background = np.full(self.mean.shape, np.inf)
        for ends, level in zip(pairwise(edges), self.levels(edges, total), strict=True):
            background[self.band(*ends)] = level * total
        return background


def cut_windows(image: FloatArray, side: int) -> Iterator[FloatArray]:
    """Yield overlapping square windows that cover an image."""
    counts = [max(2 * n // side - 1, 1 + (n > side)) for n in image.shape]
    starts = [np.linspace(0, n - side, m).round().astype(int) for n, m in zip(image.shape, counts, strict=True)]
    for top in starts[0]:
        for left in starts[1]:
            yield image[top : top + side, left : left + side]
