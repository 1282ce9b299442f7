"""The jump of a fringe map's phase across a straight line, as a stacking fault that is seen edge-on makes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hrtem_lab.particles.fringe_maps import (
    BLUR_NM,
    DIRECTIONS,
    Array,
    FringeMap,
    MapPoints,
    Waves,
)


@dataclass(frozen=True)
class PhaseStep:
    """The best description of a phase map as two sides with one jump across a straight line.

    Attributes:
        jump_deg: Size of the jump, in [0, 180]; 120 for a stacking fault in fcc, for two of the three {111} in view.
        gain: Increase of the coherence |sum| / sum || by the jump; 0 for a perfect lattice, 0.5 for a central fault.
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

    def side_sums(self, wave: Waves) -> tuple[np.complex128, np.complex128]:
        """Sum of the left and of the right side."""
        return wave[self.left].sum(), wave[~self.left].sum()


def phase_step(fringes: FringeMap) -> PhaseStep:
    """Find the straight line across which the phase jumps, after removing the plane common to both sides."""
    wave, points = fringes.flat_wave, fringes.points
    line = _best_line(points, wave)
    for _ in range(2):
        wave = wave * np.exp(-1j * _shared_phase_plane(points, fringes.amplitude, wave, line))
        line = _best_line(points, wave)
    left, right = line.side_sums(wave)
    far_left, far_right = line.side_sums(np.where(line.clear, wave, 0))
    total = fringes.amplitude.sum()
    return PhaseStep(
        jump_deg=float(abs(np.rad2deg(np.angle(far_left * far_right.conj())))),
        gain=float((abs(left) + abs(right) - abs(left + right)) / total),
        normal_deg=float(np.rad2deg(line.normal_rad)),
    )


def _shared_phase_plane(points: MapPoints, amplitude: Array, wave: Waves, line: _Line) -> Array:
    """Phase of the plane with the slope that both sides of a line share; the blurred jump on the line is left out."""
    left, right = line.side_sums(wave)
    weight = amplitude * line.clear
    residual = np.angle(wave * np.where(line.left, left, right).conj())
    terms = np.array([points.row_nm, points.column_nm, line.left, ~line.left])
    weighted = terms * weight**2
    slope = np.linalg.lstsq(weighted @ terms.T, weighted @ residual, rcond=None)[0][:2]
    plane: Array = slope @ terms[:2]
    return plane


def _best_line(points: MapPoints, wave: Waves) -> _Line:
    """Find the line whose two sides are most coherent."""
    order, stops = points.sweep
    left = np.cumsum(wave[order], axis=1)[:, :-1]
    coherence = np.where(stops, np.abs(left) + np.abs(wave.sum() - left), -1.0)
    direction, stop = np.unravel_index(np.argmax(coherence), coherence.shape)
    side = np.zeros(len(wave), dtype=bool)
    side[order[direction, : stop + 1]] = True
    normal = np.pi / DIRECTIONS * direction
    along = np.sin(normal) * points.row_nm + np.cos(normal) * points.column_nm
    position = (along[side].max() + along[~side].min()) / 2
    return _Line(normal, side, np.abs(along - position) > 1.5 * BLUR_NM)
