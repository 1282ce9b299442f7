"""Angles and symmetry between the Bragg peaks of a particle: whether they are those of a twin."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from hrtem_lab.particles.peaks import Peak
from hrtem_lab.particles.spectrum import BAND_PER_NM, Spectrum, bins_per_nm

RING_TOLERANCE = 0.05
"""Relative difference of two peaks' distances from zero below which they belong to one family of planes."""
FCC_ANGLE_DEG = 70.53
"""Angle between two {111} normals, arccos(1/3): between a twin's own {111} and the one it shares with its parent."""
FRINGES_DEG = 8.0
"""Half width of the sectors along a peak and across it, which any single set of fringes fills symmetrically."""


def same_ring(peaks: Sequence[Peak]) -> list[Peak]:
    """Select the peaks at the first one's distance from zero."""
    return [p for p in peaks if abs(p.frequency_per_nm / peaks[0].frequency_per_nm - 1) < RING_TOLERANCE]


def line_angle_deg(a: float, b: float) -> float:
    """Angle between two lines given by their directions in degrees, in [0, 90]."""
    return abs((a - b + 90) % 180 - 90)


def twin_misfit_deg(peaks: Sequence[Peak]) -> float:
    """Deviation of three peaks of one ring from those of an fcc twin seen along its common <110>.

    The twin shares one {111} with its parent; the second {111} of each lies 70.5 deg to either side of it.

    Returns:
        The larger deviation of the two angles, for the best three peaks; `nan` with fewer than three.
    """
    angles = [peak.angle_deg for peak in same_ring(peaks)]
    misfits = [
        max(line_angle_deg(left, shared + FCC_ANGLE_DEG), line_angle_deg(right, shared - FCC_ANGLE_DEG))
        for shared, left, right in permutations(angles, 3)
    ]
    return min(misfits, default=np.nan)


def mirror_symmetry(spectrum: Spectrum, peaks: Sequence[Peak]) -> float:
    """Similarity of a spectrum to its mirror image about the line through one of the peaks, high for a twin.

    Returns:
        Largest correlation, over the peaks, of ln(1 + contrast) with its mirror image about the peak's direction,
        without the sectors of `FRINGES_DEG` around that line and around its normal.
    """
    bins = bins_per_nm(spectrum.pixel_size_nm)
    angles = np.deg2rad(np.arange(180))
    radii = np.arange(BAND_PER_NM[0], bins[-1] + 0.25, spectrum.step_per_nm)
    samples = np.multiply.outer([np.sin(angles), np.cos(angles)], radii) / spectrum.step_per_nm + spectrum.middle
    polar = np.log1p(map_coordinates(spectrum.contrast, samples, order=1, mode="grid-wrap"))
    return max((_mirror_correlation(polar, peak.angle_deg) for peak in peaks), default=np.nan)


def _mirror_correlation(polar: npt.NDArray[np.float64], axis_deg: float) -> float:
    """Correlation of a map over (180 degrees, radii) with its mirror image about a direction."""
    direction = np.arange(180)
    image = polar[(round(2 * axis_deg) - direction) % 180]
    from_axis = (direction - axis_deg + 45) % 90 - 45
    keep = np.abs(from_axis) > FRINGES_DEG
    pair = polar[keep].ravel(), image[keep].ravel()
    return float(np.corrcoef(*pair)[0, 1]) if min(np.ptp(p) for p in pair) > 0 else np.nan
