"""Bragg peaks of a particle's spectrum: where they are, whether noise explains them, and how sharp they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hrtem_lab.particles.spectrum import BAND_PER_NM, Spectrum, bin_numbers

FALSE_ALARM_RATE = 1e-3
"""Nominal probability that pure noise shows a significant peak in a particle. In simulated noise it is 1 in 13 at 2 nm
and 1 in 130 at 4 nm, since the level of the noise is itself uncertain in a small particle."""
MIN_RELATIVE_POWER = 0.02
"""Power relative to the largest one below which a maximum may be a side lobe of the window."""
HARMONIC_TOLERANCE = 0.04
"""Largest deviation of a harmonic from a whole ratio of two frequencies, and from their common direction in radians."""


@dataclass(frozen=True)
class Peak:
    """A Bragg peak; of each pair of opposite ones only one is kept.

    Attributes:
        row_per_nm: Frequency along rows, to a fraction of a sample.
        column_per_nm: Frequency along columns.
        contrast: Power over that of the noise at the same distance from zero.
        index: Nearest sample of the spectrum, (row, column).
    """

    row_per_nm: float
    column_per_nm: float
    contrast: float
    index: tuple[int, int]

    @property
    def frequency_per_nm(self) -> float:
        """Inverse of the lattice spacing."""
        return math.hypot(self.row_per_nm, self.column_per_nm)

    @property
    def angle_deg(self) -> float:
        """Direction from that of columns towards that of rows, in (-180, 180]; opposite directions are equivalent."""
        return math.degrees(math.atan2(self.row_per_nm, self.column_per_nm))


def find_peaks(spectrum: Spectrum, max_peaks: int = 6) -> list[Peak]:
    """Find the strongest local maxima of the contrast in the band, significant or not.

    Args:
        spectrum: The particle's spectrum.
        max_peaks: Largest number of peaks; of two opposite ones only one is kept.

    Returns:
        Peaks by falling contrast, about a resolution apart or more and not weaker than 2 % of the largest power.
    """
    distance = max(round(spectrum.resolution_per_nm / spectrum.step_per_nm), 1)
    reach = int(np.ceil(BAND_PER_NM[1] / spectrum.step_per_nm)) + distance
    middle = spectrum.middle
    corner = max(middle - distance, 0), max(middle - reach, 0)  # of the half plane, as far as the band reaches
    half = spectrum.contrast[corner[0] : middle + reach + 1, corner[1] : middle + reach + 1]
    # like skimage's peak_local_max, which spends most of its time looking for pairs that are too near: here are none
    square = np.ones((2 * distance + 1, 2 * distance + 1), dtype=np.uint8)
    maxima = np.argwhere((half == cv2.dilate(half, square)) & (half > 0)) + corner
    # the band is cut out after the search: before it, the flank of a peak outside the band would be a maximum
    maxima = maxima[bin_numbers(spectrum)[tuple(maxima.T)] > 0]
    rows, columns = (maxima - middle).T
    maxima = maxima[(rows > 0) | ((rows == 0) & (columns > 0))]
    maxima = maxima[spectrum.power[tuple(maxima.T)] >= MIN_RELATIVE_POWER * spectrum.max_power]
    maxima = maxima[np.argsort(-spectrum.contrast[tuple(maxima.T)], kind="stable")[:max_peaks]]
    return [_refine_peak(spectrum, int(row), int(column)) for row, column in maxima]


def find_significant_peaks(spectrum: Spectrum) -> list[Peak]:
    """Find the peaks of `find_peaks` that noise does not explain, see `detection_threshold`."""
    threshold = detection_threshold(spectrum)
    return [peak for peak in find_peaks(spectrum) if peak.contrast > threshold]


def fundamental(peaks: Sequence[Peak]) -> Peak:
    """The strongest peak, or the one that it is a harmonic of: a peak at a half or a third of its frequency.

    Fringes that are not sinusoidal, and interference of two diffracted beams, put power at multiples of a frequency.
    """
    first = peaks[0]
    for order in (3, 2):
        for peak in peaks[1:]:
            along = abs(first.row_per_nm * peak.row_per_nm + first.column_per_nm * peak.column_per_nm)
            ratio, cosine = first.frequency_per_nm / peak.frequency_per_nm, along / first.frequency_per_nm
            is_parallel = cosine > np.cos(HARMONIC_TOLERANCE) * peak.frequency_per_nm
            if is_parallel and abs(ratio / order - 1) < HARMONIC_TOLERANCE:
                return peak
    return first


def spacing_error_nm(spectrum: Spectrum, peak: Peak) -> float:
    """Standard error of a peak's spacing, the least that noise allows (Rife and Boorstyn 1976, IEEE Trans. IT-22, 1).

    It covers noise alone: defocus can move the peak of a particle below 4 nm by several per cent, and the sampling of
    the spectrum moves a peak with a contrast of more than 1e4 by 0.01 %.

    The error of one frequency in a disc of diameter D, with a power C times that of the noise, is sqrt(2 / C) / (pi D).
    """
    error_per_nm = np.sqrt(2 / max(peak.contrast, 1.0)) / np.pi * spectrum.resolution_per_nm
    return float(error_per_nm / peak.frequency_per_nm**2)


def detection_threshold(spectrum: Spectrum) -> float:
    """Contrast above which a peak is significant: pure noise exceeds it with a probability of `FALSE_ALARM_RATE`.

    With M independent samples in the band, each exponential, the largest exceeds ln(M / p) with the probability p.
    """
    area_per_nm2 = np.pi / 2 * (BAND_PER_NM[1] ** 2 - BAND_PER_NM[0] ** 2)
    samples = max(area_per_nm2 * spectrum.energy * spectrum.pixel_size_nm**2, 1.0)
    return float(np.log(samples / FALSE_ALARM_RATE))


def _refine_peak(spectrum: Spectrum, row: int, column: int) -> Peak:
    """Move a local maximum to the vertex of a parabola through the logarithm of three samples along each axis."""
    logs = np.log(np.maximum(wrapped_patch(spectrum.power, (row, column), 1), np.finfo(float).tiny))
    rows, columns = (i - spectrum.middle + _vertex(*line) for i, line in ((row, logs[:, 1]), (column, logs[1])))
    contrast = float(spectrum.contrast[row, column])
    return Peak(float(rows * spectrum.step_per_nm), float(columns * spectrum.step_per_nm), contrast, (row, column))


def _vertex(left: float, middle: float, right: float) -> float:
    """Vertex of the parabola through three equidistant samples, from the middle one; at most half a sample away."""
    curvature = left - 2 * middle + right
    return float(np.clip(0.5 * (left - right) / curvature, -0.5, 0.5)) if curvature < 0 else 0.0


def broadening(spectrum: Spectrum, peak: Peak) -> tuple[float, float, float]:
    """Width of a peak, absolute and relative to that of a perfect lattice in the same window.

    Second moments of the power around the peak are compared with those of the window's own power, scaled to the same
    height and cut at the same noise level, so that neither the particle's size nor its shape counts.

    Returns:
        Width in nm^-1 (root mean square over directions); broadening and streak, both 1 for a perfect lattice: the
        geometric mean of the widths relative to the window's along the two principal directions, and their ratio.
    """
    half = max(int(np.ceil(max(0.5, 2 * spectrum.resolution_per_nm) / spectrum.step_per_nm)), 2)
    power = wrapped_patch(spectrum.power, peak.index, half)
    window_power = np.abs(wrapped_patch(spectrum.window_transform, (spectrum.middle, spectrum.middle), half)) ** 2
    noise = 3 * wrapped_patch(spectrum.background, peak.index, half)
    height = power[half, half]
    moments = _second_moments(np.maximum(power - noise, 0))
    expected = _second_moments(np.maximum(window_power / window_power[half, half] * height - noise, 0))
    if not (np.linalg.det(expected) > 0 and np.linalg.det(moments) > 0):
        return np.nan, np.nan, np.nan
    ratio = np.linalg.solve(expected, moments)
    mean, product = np.trace(ratio) / 2, np.linalg.det(ratio)
    spread = np.sqrt(max(mean**2 - product, 0.0))  # the eigenvalues of the ratio are its squared widths
    small, large = mean - spread, mean + spread
    width = np.sqrt(np.trace(moments) / 2) * spectrum.step_per_nm
    return float(width), float((small * large) ** 0.25), float(np.sqrt(large / small))


def wrapped_patch(values: npt.NDArray[Any], index: tuple[int, int], half: int) -> npt.NDArray[Any]:
    """Square of 2 half + 1 samples around an index, (2 half + 1, 2 half + 1), wrapped at the border."""
    offsets = np.arange(-half, half + 1)
    rows, columns = ((i + offsets) % len(values) for i in index)
    return values[np.ix_(rows, columns)]


def _second_moments(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Covariance of the position under weights in the disc inside a square patch, in samples, (2, 2)."""
    offsets = np.arange(len(weights)) - len(weights) // 2
    row, column = np.meshgrid(offsets, offsets, indexing="ij")
    weight = weights * (np.hypot(row, column) <= len(weights) // 2)
    total = weight.sum()
    if not total > 0:
        return np.zeros((2, 2))
    row, column = row - (row * weight).sum() / total, column - (column * weight).sum() / total
    mixed = (row * column * weight).sum()
    return np.array([[(row**2 * weight).sum(), mixed], [mixed, (column**2 * weight).sum()]]) / total
