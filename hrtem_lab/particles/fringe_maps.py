"""Maps of single reflections over a particle: where their fringes are, how strong and in which phase.

Geometric phase analysis: the transform around one Bragg peak, brought to zero frequency and low-passed, is the local
amplitude and phase of that set of fringes (Hytch, Snoeck and Kilaas 1998, Ultramicroscopy 74, 131).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.fft import fftshift, ifft2, ifftshift

from hrtem_lab.image import median
from hrtem_lab.particles.moments import standardised_moment
from hrtem_lab.particles.peaks import Peak, wrapped_patch
from hrtem_lab.particles.spectrum import Spectrum

Array = npt.NDArray[np.float64]
Waves = npt.NDArray[np.complex128]
Indices = npt.NDArray[np.intp]

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
NORMALS_DEG: Array = np.linspace(0.0, 180.0, DIRECTIONS, endpoint=False)
"""Normals of these lines, as `Peak.angle_deg`."""
MIN_SIDE = 0.2
"""Least part of the particle on either side of a line."""


@dataclass(frozen=True)
class MapPoints:
    """Points of a particle at which its reflections are mapped; what depends on them alone is computed once.

    Attributes:
        weight: The window after the low-pass of the maps, (n,).
        row_nm: Positions, (n,), from the middle of the crop.
        column_nm: The same along columns.
        pixel_nm: Distance of neighbours.
    """

    weight: Array
    row_nm: Array
    column_nm: Array
    pixel_nm: float

    def along(self, normals_deg: Array) -> Array:
        """Distance of each point from the middle of the crop along normals, as `Peak.angle_deg`, (normals, n)."""
        angles = np.deg2rad(normals_deg)
        along: Array = np.outer(np.sin(angles), self.row_nm) + np.outer(np.cos(angles), self.column_nm)
        return along

    @cached_property
    def sweep(self) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """Sweep straight lines of `DIRECTIONS` directions over the particle, each along its normal.

        Returns:
            The order in which each line meets the points, (directions, n), and after which of them it may stop,
            (directions, n - 1): not between points that it meets at once, and not with too few on one side.
        """
        along = self.along(NORMALS_DEG)
        order = np.argsort(along, axis=1)
        stops = np.diff(np.take_along_axis(along, order, axis=1)) > 1e-3 * self.pixel_nm
        least = int(np.ceil(MIN_SIDE * len(self.weight)))
        stops[:, : least - 1] = stops[:, len(self.weight) - least :] = False
        return order, stops

    @cached_property
    def neighbours(self) -> tuple[tuple[Indices, Indices], ...]:
        """Numbers of all points that have a neighbour ahead and of these neighbours, along rows and along columns."""
        row, column = (np.rint(nm / self.pixel_nm).astype(int) for nm in (self.row_nm, self.column_nm))
        row, column = row - row.min() + 1, column - column.min() + 1
        number = np.full((row.max() + 2, column.max() + 2), -1)
        number[row, column] = np.arange(len(row))
        ahead = number[row + 1, column], number[row, column + 1]
        return tuple((np.flatnonzero(points >= 0), points[points >= 0]) for points in ahead)


@dataclass(frozen=True)
class FringeMap:
    """Local complex amplitude of one reflection where the particle is.

    Attributes:
        wave: Amplitude and phase relative to the nearest sample of the peak, (n,).
        points: Where they are, the same for all reflections of a particle.
    """

    wave: Waves
    points: MapPoints

    @cached_property
    def amplitude(self) -> Array:
        """Local amplitude, (n,)."""
        return np.abs(self.wave)

    @cached_property
    def flat_wave(self) -> Waves:
        """The wave without a plane of the median phase slope between strong neighbours, (n,).

        A phase jump across one line hardly changes the median.
        """
        phase = np.zeros(len(self.wave))
        strong = self.amplitude > 0.5 * median(self.amplitude)
        positions = self.points.row_nm, self.points.column_nm
        for (behind, ahead), position in zip(self.points.neighbours, positions, strict=True):
            both = strong[behind] & strong[ahead]
            if both.any():
                turn = np.angle(self.wave[ahead[both]] * self.wave[behind[both]].conj())
                phase += median(turn) / self.points.pixel_nm * position
        flat: Waves = self.wave * np.exp(-1j * phase)
        return flat


def fringe_maps(spectrum: Spectrum, peaks: Sequence[Peak]) -> list[FringeMap]:
    """Demodulate reflections, all at the same points.

    The maps are divided by the window after the same low-pass, so that the amplitude does not fall towards the
    particle's edge.

    Returns:
        One map per peak; an empty list where the particle is too small.
    """
    middle = spectrum.middle
    weight = _demodulate(spectrum, spectrum.window_transform, [(middle, middle)])[0].real
    inside = weight > MIN_WINDOW * weight.max()
    if np.count_nonzero(inside) < MIN_POINTS:
        return []
    pixel_nm = 1 / (len(weight) * spectrum.step_per_nm)
    row_nm, column_nm = (np.argwhere(inside) - len(weight) // 2).T * pixel_nm
    points = MapPoints(weight[inside], row_nm, column_nm, pixel_nm)
    waves = _demodulate(spectrum, spectrum.transform, [peak.index for peak in peaks])[:, inside] / points.weight
    return [FringeMap(wave, points) for wave in waves]


def _demodulate(spectrum: Spectrum, transform: Waves, indices: Sequence[tuple[int, int]]) -> Waves:
    """Bring each of some samples to zero frequency, low-pass and transform back, (indices, 2 half + 1, 2 half + 1)."""
    half = int(np.ceil(HALF_WIDTH_PER_NM / spectrum.step_per_nm))
    distance = np.arange(-half, half + 1) * spectrum.step_per_nm
    blur = np.exp(-2 * (np.pi * BLUR_NM * distance) ** 2)
    patches = np.reshape([wrapped_patch(transform, index, half) for index in indices], (-1, len(blur), len(blur)))
    waves: Waves = fftshift(ifft2(ifftshift(patches * np.outer(blur, blur), axes=(1, 2))), axes=(1, 2))
    return waves


def amplitude_spread(fringes: FringeMap) -> tuple[float, float]:
    """Standard deviation over mean of the amplitude, and Sarle's bimodality coefficient (5/9 for a uniform one)."""
    amplitude = fringes.amplitude
    if not np.ptp(amplitude) > 1e-9 * amplitude.max():
        return 0.0, np.nan
    bimodality = (standardised_moment(amplitude, 3) ** 2 + 1) / standardised_moment(amplitude, 4)
    return float(amplitude.std() / amplitude.mean()), float(bimodality)


def dark_field_asymmetry(fringes: FringeMap) -> float:
    """Largest |a - b| / (a + b) of the mean amplitudes on the two sides of any line through the particle.

    Near 1 where only one part of the particle diffracts into this reflection, as in a twin; 0 for one crystal.
    """
    amplitude = fringes.amplitude
    order, stops = fringes.points.sweep
    left = np.cumsum(amplitude[order], axis=1)[:, :-1]
    count = np.arange(1, len(amplitude))
    a, b = left / count, (amplitude.sum() - left) / (len(amplitude) - count)
    return float(np.max(np.abs(a - b) / (a + b), where=stops, initial=0.0))


def opposition(maps: Sequence[FringeMap]) -> float:
    """Largest anticorrelation of the amplitudes of two reflections over the particle, in [-1, 1]; `nan` without two.

    Reflections of one crystal fade together towards its thin edges; those of twins are strong in different parts.
    """
    amplitudes = [fringes.amplitude for fringes in maps]
    pairs = [pair for pair in combinations(amplitudes, 2) if min(np.ptp(p) for p in pair) > 0]
    return max((-float(np.corrcoef(*pair)[0, 1]) for pair in pairs), default=np.nan)


def phase_std_deg(fringes: FringeMap) -> float:
    """Circular standard deviation of the phase about the plane of the median slope, weighted by the amplitude."""
    coherence = np.clip(abs(fringes.flat_wave.sum()) / fringes.amplitude.sum(), 1e-9, 1.0)
    return float(np.rad2deg(np.sqrt(-2 * np.log(coherence))))
