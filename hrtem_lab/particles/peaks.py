"""Bragg peaks of a particle: where they are, how sharp, and whether their arrangement is that of a twin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from scipy.ndimage import map_coordinates, maximum_filter

from hrtem_lab.particles.spectrum import BAND_PER_NM, Spectrum, bins_per_nm, ring

FALSE_ALARM = 1e-3
"""Nominal chance that pure noise shows a significant peak in a particle; in simulated noise 1 in 13 at 2 nm, 1 in 130
at 4 nm, since the level of the noise is itself uncertain in a small particle."""
DYNAMIC_RANGE = 0.02
"""A peak with less than this part of the strongest one's power may be a side lobe of the window."""
SAME_RING = 0.05
"""Peaks whose distances from zero differ by less than this part belong to one family of planes."""
HARMONIC = 0.04
"""Largest deviation from a whole ratio of two frequencies, and from one direction (in radians), of a harmonic."""
FCC_ANGLE_DEG = 70.53
"""Between two {111} normals, arccos(1/3): between a twin's own {111} and the one it shares with its parent."""


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
        return float(np.hypot(self.row_per_nm, self.column_per_nm))

    @property
    def angle_deg(self) -> float:
        """Direction from that of columns towards that of rows, in (-180, 180]; it has no sense, only a line."""
        return float(np.rad2deg(np.arctan2(self.row_per_nm, self.column_per_nm)))


def find_peaks(of: Spectrum, number: int = 6) -> list[Peak]:
    """The strongest local maxima of the contrast in the band, in falling order, significant or not.

    Args:
        of: The particle's spectrum.
        number: At most so many; of two opposite peaks one is kept.

    Returns:
        Peaks about a resolution apart or more and not weaker than 2 % of the largest power there is.
    """
    distance = max(round(of.resolution_per_nm / of.step_per_nm), 1)
    reach = int(np.ceil(BAND_PER_NM[1] / of.step_per_nm)) + distance
    corner = max(of.middle - distance, 0), max(of.middle - reach, 0)  # of the half plane, as far as the band reaches
    half = of.contrast[corner[0] : of.middle + reach + 1, corner[1] : of.middle + reach + 1]
    # as skimage's peak_local_max, which then spends most of its time looking for pairs too near, and there are none
    found = np.argwhere((half == maximum_filter(half, 2 * distance + 1)) & (half > 0)) + corner
    found = found[ring(of)[tuple(found.T)] > 0]  # only now, or the flank of a peak outside the band would be one
    rows, columns = (found - of.middle).T
    found = found[(rows > 0) | ((rows == 0) & (columns > 0))]
    found = found[of.power[tuple(found.T)] >= DYNAMIC_RANGE * of.strongest]
    found = found[np.argsort(-of.contrast[tuple(found.T)], kind="stable")[:number]]
    return [_peak(of, int(row), int(column)) for row, column in found]


def fundamental(peaks: Sequence[Peak]) -> Peak:
    """The strongest peak, or the one that it is a harmonic of: at a half or a third of its frequency, both ways.

    Fringes that are not sinusoidal, and interference of two diffracted beams, put power at multiples of a frequency.
    """
    first = peaks[0]
    for order in (3, 2):
        for peak in peaks[1:]:
            along = abs(first.row_per_nm * peak.row_per_nm + first.column_per_nm * peak.column_per_nm)
            ratio, cosine = first.frequency_per_nm / peak.frequency_per_nm, along / first.frequency_per_nm
            if abs(ratio / order - 1) < HARMONIC and cosine > np.cos(HARMONIC) * peak.frequency_per_nm:
                return peak
    return first


def spacing_error_nm(of: Spectrum, peak: Peak) -> float:
    """Standard error of a peak's spacing, the least that noise allows (Rife and Boorstyn 1976, IEEE Trans. IT-22, 1).

    From noise alone: defocus can move the peak of a particle below 4 nm by several per cent, and the spectrum's grid
    one that stands out by more than 1e4 by 0.01 %.

    One frequency in a disc of diameter D, whose power is C times the noise's, is known to sqrt(2 / C) / (pi D).
    """
    error_per_nm = np.sqrt(2 / max(peak.contrast, 1.0)) / np.pi * of.resolution_per_nm
    return float(error_per_nm / peak.frequency_per_nm**2)


def significance(of: Spectrum) -> float:
    """Contrast that pure noise exceeds with a chance p of `FALSE_ALARM` per particle.

    With M independent samples in the band, each exponential, the largest exceeds ln(M / p) with the chance p.
    """
    area_per_nm2 = np.pi / 2 * (BAND_PER_NM[1] ** 2 - BAND_PER_NM[0] ** 2)
    samples = max(area_per_nm2 * of.energy * of.pixel_size_nm**2, 1.0)
    return float(np.log(samples / FALSE_ALARM))


def _peak(of: Spectrum, row: int, column: int) -> Peak:
    """Refines a local maximum to the top of a parabola through the logarithm of three samples along each axis."""
    logs = np.log(np.maximum(patch(of.power, (row, column), 1), np.finfo(float).tiny))
    at_rows, at_columns = row - of.middle + _top(*logs[:, 1]), column - of.middle + _top(*logs[1])
    contrast = float(of.contrast[row, column])
    return Peak(float(at_rows * of.step_per_nm), float(at_columns * of.step_per_nm), contrast, (row, column))


def _top(before: float, at: float, after: float) -> float:
    """Where the parabola through three equidistant samples has its top, from the middle one; at most half a sample."""
    bend = before - 2 * at + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def broadening(of: Spectrum, peak: Peak) -> tuple[float, float, float]:
    """How wide a peak is, and how much wider than a perfect lattice in the same window would show it.

    Second moments of the power around the peak are compared with those of the window's own power, scaled to the same
    height and cut at the same noise level, so that neither the particle's size nor its shape counts.

    Returns:
        Width in nm^-1 (root mean square over directions); broadening and streak, both 1 for a perfect lattice: the
        geometric mean of the widths relative to the window's along the two principal directions, and their ratio.
    """
    half = max(int(np.ceil(max(0.5, 2 * of.resolution_per_nm) / of.step_per_nm)), 2)
    power, own = patch(of.power, peak.index, half), patch(np.abs(of.window) ** 2, (of.middle, of.middle), half)
    noise = 3 * patch(of.background, peak.index, half)
    height = power[half, half]
    moments = _second_moments(np.maximum(power - noise, 0))
    expected = _second_moments(np.maximum(own / own[half, half] * height - noise, 0))
    if not (np.linalg.det(expected) > 0 and np.linalg.det(moments) > 0):
        return np.nan, np.nan, np.nan
    small, large = eigh(moments, expected, eigvals_only=True)
    width = np.sqrt(np.trace(moments) / 2) * of.step_per_nm
    return float(width), float((small * large) ** 0.25), float(np.sqrt(large / small))


def same_ring(peaks: Sequence[Peak]) -> list[Peak]:
    """The peaks at the first one's distance from zero."""
    return [p for p in peaks if abs(p.frequency_per_nm / peaks[0].frequency_per_nm - 1) < SAME_RING]


def between_deg(a: float, b: float) -> float:
    """Angle between two lines given by their directions, in [0, 90]."""
    return abs((a - b + 90) % 180 - 90)


def twin_misfit_deg(peaks: Sequence[Peak]) -> float:
    """How far three peaks of one ring are from those of an fcc twin seen along its common <110>.

    The twin shares one {111} with its parent; the second {111} of each lies 70.5 deg to either side of it.

    Returns:
        The larger deviation of the two angles, for the best three peaks; `nan` with fewer than three.
    """
    angles = [peak.angle_deg for peak in same_ring(peaks)]
    misfits = [
        max(between_deg(left, shared + FCC_ANGLE_DEG), between_deg(right, shared - FCC_ANGLE_DEG))
        for shared, left, right in permutations(angles, 3)
    ]
    return min(misfits, default=np.nan)


def mirror_symmetry(of: Spectrum, peaks: Sequence[Peak]) -> float:
    """Whether the spectrum is its own mirror image about the line through one of the peaks, as a twin's is.

    Returns:
        Largest correlation, over the peaks, of ln(1 + contrast) with its mirror image about the peak's direction. The
        8 deg around that line and around its normal, which any single set of fringes fills alike, do not count.
    """
    bins = bins_per_nm(of.pixel_size_nm)
    angles, radii = np.deg2rad(np.arange(180)), np.arange(BAND_PER_NM[0], bins[-1] + 0.25, of.step_per_nm)
    where = np.multiply.outer([np.sin(angles), np.cos(angles)], radii) / of.step_per_nm + of.middle
    polar = np.log1p(map_coordinates(of.contrast, where, order=1, mode="grid-wrap"))
    return max((_mirrored(polar, peak.angle_deg) for peak in peaks), default=np.nan)


def _mirrored(polar: npt.NDArray[np.float64], about_deg: float) -> float:
    """Correlation of a map over (180 degrees, radii) with its mirror image about a direction."""
    direction = np.arange(180)
    image = polar[(round(2 * about_deg) - direction) % 180]
    away = (direction - about_deg + 45) % 90 - 45
    keep = np.abs(away) > 8
    pair = polar[keep].ravel(), image[keep].ravel()
    return float(np.corrcoef(*pair)[0, 1]) if min(np.ptp(p) for p in pair) > 0 else np.nan


def patch(values: npt.NDArray[Any], index: tuple[int, int], half: int) -> npt.NDArray[Any]:
    """Square of 2 half + 1 samples around an index, (2 half + 1, 2 half + 1), wrapped at the border."""
    around = np.arange(-half, half + 1)
    rows, columns = ((i + around) % len(values) for i in index)
    return values[np.ix_(rows, columns)]


def _second_moments(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Covariance of the position under weights in the disc inside a square patch, in samples, (2, 2)."""
    around = np.arange(len(weights)) - len(weights) // 2
    row, column = np.meshgrid(around, around, indexing="ij")
    inside = np.hypot(row, column) <= len(weights) // 2
    if not weights[inside].sum() > 0:
        return np.zeros((2, 2))
    return np.cov(np.stack([row[inside], column[inside]]), aweights=weights[inside], ddof=0)
