"""Maps of single reflections over a particle: where their fringes are, how strong and in which phase.

Geometric phase analysis: the transform around one Bragg peak, brought to zero frequency and low-passed, is the local
amplitude and phase of that set of fringes (Hytch, Snoeck and Kilaas 1998, Ultramicroscopy 74, 131).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.fft import fftshift, ifft2, ifftshift
from scipy.stats import kurtosis, skew

from hrtem_lab.particles.peaks import Peak, wrapped_patch
from hrtem_lab.particles.spectrum import Spectrum

Array = npt.NDArray[np.float64]
Waves = npt.NDArray[np.complex128]

BLUR_NM = 0.3
"""Standard deviation of the low-pass in real space, a little more than a fringe."""
HALF_WIDTH_PER_NM = 2.0
"""Half width of the patch around a peak; the map's pixel is the inverse of twice as much, at most 0.25 nm."""
MIN_WINDOW = 0.4
"""Least part of the window's maximum at which a pixel belongs to the map."""
MIN_POINTS = 12
"""Number of map pixels below which a particle is too small to be mapped."""
DIRECTIONS = 24
"""Number of directions of the straight lines through a particle, evenly over 180 deg."""
MIN_SIDE = 0.2
"""Least part of the particle on either side of a line."""


@dataclass(frozen=True)
class FringeMap:
    """Local complex amplitude of one reflection where the particle is.

    Attributes:
        wave: Amplitude and phase relative to the nearest sample of the peak, (n,).
        weight: The window after the same low-pass, (n,).
        row_nm: Positions, (n,), from the middle of the crop.
        column_nm: The same along columns.
        pixel_nm: Distance of neighbours.
    """

    wave: Waves
    weight: Array
    row_nm: Array
    column_nm: Array
    pixel_nm: float


def fringe_maps(spectrum: Spectrum, peaks: Sequence[Peak]) -> list[FringeMap]:
    """Demodulate reflections, all at the same points.

    The maps are divided by the window after the same low-pass, so that the amplitude does not fall towards the
    particle's edge.

    Returns:
        One map per peak; an empty list where the particle is too small.
    """
    half = int(np.ceil(HALF_WIDTH_PER_NM / spectrum.step_per_nm))
    distance = np.arange(-half, half + 1) * spectrum.step_per_nm
    blur = np.exp(-2 * (np.pi * BLUR_NM * distance) ** 2)
    low_pass = ifftshift(np.outer(blur, blur))

    def demodulate(transform: Waves, index: tuple[int, int]) -> Waves:
        wave: Waves = fftshift(ifft2(ifftshift(wrapped_patch(transform, index, half)) * low_pass))
        return wave

    weight = demodulate(spectrum.window_transform, (spectrum.middle, spectrum.middle)).real
    inside = weight > MIN_WINDOW * weight.max()
    if np.count_nonzero(inside) < MIN_POINTS:
        return []
    weight = weight[inside]
    pixel_nm = 1 / (len(distance) * spectrum.step_per_nm)
    row_nm, column_nm = (np.argwhere(inside) - half).T * pixel_nm
    waves = [demodulate(spectrum.transform, peak.index)[inside] / weight for peak in peaks]
    return [FringeMap(wave, weight, row_nm, column_nm, pixel_nm) for wave in waves]


def amplitude_spread(fringes: FringeMap) -> tuple[float, float]:
    """Standard deviation over mean of the amplitude, and Sarle's bimodality coefficient (5/9 for a uniform one)."""
    amplitude = np.abs(fringes.wave)
    if not np.ptp(amplitude) > 1e-9 * amplitude.max():
        return 0.0, np.nan
    bimodality = (skew(amplitude) ** 2 + 1) / kurtosis(amplitude, fisher=False)
    return float(amplitude.std() / amplitude.mean()), float(bimodality)


def dark_field_asymmetry(fringes: FringeMap) -> float:
    """Largest |a - b| / (a + b) of the mean amplitudes on the two sides of any line through the particle.

    Near 1 where only one part of the particle diffracts into this reflection, as in a twin; 0 for one crystal.
    """
    amplitude = np.abs(fringes.wave)
    order, stops = sweep_lines(fringes)
    left = np.cumsum(amplitude[order], axis=1)[:, :-1]
    count = np.arange(1, len(amplitude))
    a, b = left / count, (amplitude.sum() - left) / (len(amplitude) - count)
    return float(np.max(np.abs(a - b) / (a + b), where=stops, initial=0.0))


def opposition(maps: Sequence[FringeMap]) -> float:
    """Largest anticorrelation of the amplitudes of two reflections over the particle, in [-1, 1]; `nan` without two.

    Reflections of one crystal fade together towards its thin edges; those of twins are strong in different parts.
    """
    amplitudes = [np.abs(fringes.wave) for fringes in maps]
    pairs = [pair for pair in combinations(amplitudes, 2) if min(np.ptp(p) for p in pair) > 0]
    return max((-float(np.corrcoef(*pair)[0, 1]) for pair in pairs), default=np.nan)


def phase_std_deg(fringes: FringeMap) -> float:
    """Circular standard deviation of the phase about the plane of the median slope, weighted by the amplitude."""
    wave = fringes.wave * np.exp(-1j * median_phase_plane(fringes))
    coherence = np.clip(abs(wave.sum()) / np.abs(wave).sum(), 1e-9, 1.0)
    return float(np.rad2deg(np.sqrt(-2 * np.log(coherence))))


def median_phase_plane(fringes: FringeMap) -> Array:
    """Phase of a plane with the median slope between strong neighbours, (n,).

    A phase jump across one line hardly changes the median.
    """
    phase = np.zeros(len(fringes.wave))
    grid = np.rint(np.column_stack([fringes.row_nm, fringes.column_nm]) / fringes.pixel_nm).astype(int)
    field = np.zeros(np.ptp(grid, axis=0) + 1, dtype=complex)
    field[tuple((grid - grid.min(axis=0)).T)] = fringes.wave
    strong = np.abs(field) > 0.5 * np.median(np.abs(fringes.wave))
    for axis, position in enumerate((fringes.row_nm, fringes.column_nm)):
        ahead, behind = (np.moveaxis(field, axis, 0)[s] for s in (slice(1, None), slice(None, -1)))
        both = np.moveaxis(strong, axis, 0)[1:] & np.moveaxis(strong, axis, 0)[:-1]
        if both.any():
            phase += np.median(np.angle(ahead[both] * behind[both].conj())) / fringes.pixel_nm * position
    return phase


def sweep_lines(fringes: FringeMap) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Sweep straight lines of `DIRECTIONS` directions over the particle, each along its normal.

    Returns:
        The order in which each line meets the points, (directions, n), and after which of them it may stop,
        (directions, n - 1): not between points that it meets at once, and not with too few on one side.
    """
    angles = np.pi / DIRECTIONS * np.arange(DIRECTIONS)
    along = np.outer(np.sin(angles), fringes.row_nm) + np.outer(np.cos(angles), fringes.column_nm)
    order = np.argsort(along, axis=1)
    stops = np.diff(np.take_along_axis(along, order, axis=1)) > 1e-3 * fringes.pixel_nm
    least = int(np.ceil(MIN_SIDE * len(fringes.wave)))
    stops[:, : least - 1] = stops[:, len(fringes.wave) - least :] = False
    return order, stops
