"""One reflection at a time, mapped over the particle: where its fringes are, and where they are shifted.

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

from hrtem_lab.particles.peaks import Peak, patch
from hrtem_lab.particles.spectrum import Spectrum

Array = npt.NDArray[np.float64]
Waves = npt.NDArray[np.complex128]

BLUR_NM = 0.3
"""Standard deviation of the low-pass in real space, a little more than a fringe."""
HALF_WIDTH_PER_NM = 2.0
"""Half width of the patch around a peak; the map's pixel is the inverse of twice as much, at most 0.25 nm."""
DIRECTIONS = 24
LEAST_SIDE = 0.2
"""Least part of the particle on either side of a line."""
LEAST_POINTS = 12
"""Map pixels below which a particle is too small to be mapped."""


@dataclass(frozen=True)
class FringeMap:
    """Local complex amplitude of one reflection where the particle is.

    Attributes:
        wave: Amplitude and phase relative to the nearest sample of the peak, (n,).
        weight: Of the window there, treated alike, (n,).
        row_nm: Positions, (n,), from the middle of the crop.
        column_nm: The same along columns.
        pixel_nm: Distance of neighbours.
    """

    wave: Waves
    weight: Array
    row_nm: Array
    column_nm: Array
    pixel_nm: float


@dataclass(frozen=True)
class Step:
    """The best description of a phase map as two halves with one jump across a straight line.

    Attributes:
        jump_deg: Size of the jump, in [0, 180]; 120 for a stacking fault in fcc, for two of the three {111} in view.
        gain: What the jump adds to the coherence |sum| / sum ||; 0 for a perfect lattice, 0.5 for a central fault.
        normal_deg: Direction of the line's normal, as `Peak.angle_deg`.
    """

    jump_deg: float
    gain: float
    normal_deg: float


@dataclass(frozen=True)
class _Line:
    """A line through the particle.

    Attributes:
        normal_rad: Direction of its normal, from that of columns towards that of rows.
        left: Points on its left side, (n,).
        clear: Points so far from it, 1.5 blurs, that a jump on the line is not smeared over them, (n,).
    """

    normal_rad: float
    left: npt.NDArray[np.bool_]
    clear: npt.NDArray[np.bool_]

    def sums(self, wave: Waves) -> tuple[np.complex128, np.complex128]:
        """Sum of the left and of the right side."""
        return wave[self.left].sum(), wave[~self.left].sum()


def fringe_maps(of: Spectrum, peaks: Sequence[Peak]) -> list[FringeMap]:
    """Demodulates reflections, all at the same points; none where the particle is too small for it.

    Divided by the window treated alike, so that the amplitude does not fall towards the particle's edge.
    """
    half = int(np.ceil(HALF_WIDTH_PER_NM / of.step_per_nm))
    distance = np.arange(-half, half + 1) * of.step_per_nm
    blur = np.exp(-2 * (np.pi * BLUR_NM * distance) ** 2)
    low_pass = ifftshift(np.outer(blur, blur))

    def demodulated(values: Waves, index: tuple[int, int]) -> Waves:
        around: Waves = fftshift(ifft2(ifftshift(patch(values, index, half)) * low_pass))
        return around

    weight = demodulated(of.window, (of.middle, of.middle)).real
    inside = weight > 0.4 * weight.max()
    if np.count_nonzero(inside) < LEAST_POINTS:
        return []
    weight = weight[inside]
    pixel_nm = 1 / (len(distance) * of.step_per_nm)
    row_nm, column_nm = (np.argwhere(inside) - half).T * pixel_nm
    waves = [demodulated(of.wave, peak.index)[inside] / weight for peak in peaks]
    return [FringeMap(wave, weight, row_nm, column_nm, pixel_nm) for wave in waves]


def amplitude_spread(of: FringeMap) -> tuple[float, float]:
    """Standard deviation over mean of the amplitude, and Sarle's bimodality coefficient (5/9 for a uniform one)."""
    amplitude = np.abs(of.wave)
    if not np.ptp(amplitude) > 1e-9 * amplitude.max():
        return 0.0, np.nan
    bimodality = (skew(amplitude) ** 2 + 1) / kurtosis(amplitude, fisher=False)
    return float(amplitude.std() / amplitude.mean()), float(bimodality)


def dark_field_asymmetry(of: FringeMap) -> float:
    """Largest |a - b| / (a + b) of the mean amplitudes on the two sides of any line through the particle.

    Near 1 where only one part of the particle diffracts into this reflection, as in a twin; 0 for one crystal.
    """
    amplitude = np.abs(of.wave)
    order, stops = lines(of)
    left = np.cumsum(amplitude[order], axis=1)[:, :-1]
    count = np.arange(1, len(amplitude))
    a, b = left / count, (amplitude.sum() - left) / (len(amplitude) - count)
    return float(np.max(np.abs(a - b) / (a + b), where=stops, initial=0.0))


def opposition(maps: Sequence[FringeMap]) -> float:
    """Largest anticorrelation of the amplitudes of two reflections over the particle, in [-1, 1]; `nan` without two.

    Reflections of one crystal fade together towards its thin edges, those of twins take turns.
    """
    amplitudes = [np.abs(each.wave) for each in maps]
    pairs = [pair for pair in combinations(amplitudes, 2) if min(np.ptp(p) for p in pair) > 0]
    return max((-float(np.corrcoef(*pair)[0, 1]) for pair in pairs), default=np.nan)


def phase_step(of: FringeMap) -> Step:
    """Finds the straight line across which the phase jumps, after removing the plane common to both sides."""
    wave = of.wave * np.exp(-1j * common_slope(of))
    line = _best_line(of, wave)
    for _ in range(2):
        wave = wave * np.exp(-1j * _slope_beside(of, wave, line))
        line = _best_line(of, wave)
    left, right = line.sums(wave)
    far_left, far_right = line.sums(np.where(line.clear, wave, 0))
    total = np.abs(wave).sum()
    return Step(
        jump_deg=float(abs(np.rad2deg(np.angle(far_left * far_right.conj())))),
        gain=float((abs(left) + abs(right) - abs(left + right)) / total),
        normal_deg=float(np.rad2deg(line.normal_rad)),
    )


def phase_std_deg(of: FringeMap) -> float:
    """Circular standard deviation of the phase about the plane of the median slope, weighted by the amplitude."""
    wave = of.wave * np.exp(-1j * common_slope(of))
    coherence = np.clip(abs(wave.sum()) / np.abs(wave).sum(), 1e-9, 1.0)
    return float(np.rad2deg(np.sqrt(-2 * np.log(coherence))))


def common_slope(of: FringeMap) -> Array:
    """Phase of a plane with the median slope between strong neighbours, which a jump across one line hardly moves."""
    phase = np.zeros(len(of.wave))
    grid = np.rint(np.column_stack([of.row_nm, of.column_nm]) / of.pixel_nm).astype(int)
    field = np.zeros(np.ptp(grid, axis=0) + 1, dtype=complex)
    field[tuple((grid - grid.min(axis=0)).T)] = of.wave
    strong = np.abs(field) > 0.5 * np.median(np.abs(of.wave))
    for axis, position in enumerate((of.row_nm, of.column_nm)):
        ahead, behind = (np.moveaxis(field, axis, 0)[s] for s in (slice(1, None), slice(None, -1)))
        both = np.moveaxis(strong, axis, 0)[1:] & np.moveaxis(strong, axis, 0)[:-1]
        if both.any():
            phase += np.median(np.angle(ahead[both] * behind[both].conj())) / of.pixel_nm * position
    return phase


def _slope_beside(of: FringeMap, wave: Waves, line: _Line) -> Array:
    """Phase of the plane with the slope that both sides of a line share; the blurred jump on the line is left out."""
    left, right = line.sums(wave)
    weight = np.abs(wave) * line.clear
    rest = np.angle(wave * np.where(line.left, left, right).conj())
    terms = np.column_stack([of.row_nm, of.column_nm, line.left, ~line.left])
    slope = np.linalg.lstsq(terms * weight[:, None], rest * weight, rcond=None)[0][:2]
    plane: Array = terms[:, :2] @ slope
    return plane


def lines(of: FringeMap) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """All straight lines through the particle, as orders in which a line swept along its normal meets the points.

    Returns:
        The orders, (directions, n), and where the line may stop, (directions, n - 1): not between points that it meets
        at once, and not with too few on one side.
    """
    angles = np.pi / DIRECTIONS * np.arange(DIRECTIONS)
    along = np.outer(np.sin(angles), of.row_nm) + np.outer(np.cos(angles), of.column_nm)
    order = np.argsort(along, axis=1)
    stops = np.diff(np.take_along_axis(along, order, axis=1)) > 1e-3 * of.pixel_nm
    least = int(np.ceil(LEAST_SIDE * len(of.wave)))
    stops[:, : least - 1] = stops[:, len(of.wave) - least :] = False
    return order, stops


def _best_line(of: FringeMap, wave: Waves) -> _Line:
    """The line with the most coherent sides."""
    order, stops = lines(of)
    left = np.cumsum(wave[order], axis=1)[:, :-1]
    coherent = np.where(stops, np.abs(left) + np.abs(wave.sum() - left), -1.0)
    direction, stop = np.unravel_index(np.argmax(coherent), coherent.shape)
    side = np.zeros(len(wave), dtype=bool)
    side[order[direction, : stop + 1]] = True
    normal = np.pi / DIRECTIONS * direction
    along = np.sin(normal) * of.row_nm + np.cos(normal) * of.column_nm
    at = (along[side].max() + along[~side].min()) / 2
    return _Line(normal, side, np.abs(along - at) > 1.5 * BLUR_NM)
