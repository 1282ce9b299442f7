"""Two sides of a line: whether all reflections of a particle break on one straight line, as on a planar fault.

A fault that is seen edge-on divides a particle in two. A twin's reflections take turns: some diffract on one side only,
some on the other. A stacking fault shifts the phase of some from one side to the other. Either way, for the right line,
the amplitudes of the two sides explain the image better than one amplitude for all does; by how much is the logarithm
of a likelihood ratio (Kay 1998, Fundamentals of Statistical Signal Processing II, chapter 7), here over all lines.

The planes that a fault lies in go through it: their own reflection, along the line's normal, does not break, and a
twin's second half is the mirror image of the first about that normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from hrtem_lab.particles.fringes import DIRECTIONS, FringeMap, Waves, common_slope, fringe_maps, lines
from hrtem_lab.particles.peaks import Peak, between_deg
from hrtem_lab.particles.spectrum import Spectrum

Array = npt.NDArray[np.float64]

ALONG_DEG = 10.0
"""Reflections nearer than this to a line's normal, or to the line, are the same on both sides of a fault on it."""


@dataclass(frozen=True)
class _Lines:
    """Straight lines through a particle's map.

    Attributes:
        order: Points as the line of each direction, swept along its normal, meets them, (directions, points).
        direction: Of each line, (lines,).
        stop: The last point on its left, in that order, (lines,).
        weight: Of the points, (points,).
    """

    order: npt.NDArray[np.intp]
    direction: npt.NDArray[np.intp]
    stop: npt.NDArray[np.intp]
    weight: Array

    @property
    def normal_deg(self) -> Array:
        """Of each line, as `Peak.angle_deg`."""
        return np.asarray(self.direction * (180.0 / DIRECTIONS), dtype=np.float64)

    def left(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Sums over the left sides, (..., points) -> (..., lines)."""
        sums: npt.NDArray[Any] = np.cumsum(values[..., self.order], axis=-1)[..., self.direction, self.stop]
        return sums

    def across(self, angle_deg: float) -> npt.NDArray[np.intp]:
        """The lines whose normal is nearest to an angle."""
        return np.flatnonzero(self.direction == _nearest(angle_deg))


@dataclass(frozen=True)
class _Sides:
    """Reflections on the two sides of lines; all arrays (reflections, lines).

    Attributes:
        left: Sum of the map there.
        right: The same of the other side.
        left_noise: Variance of `left` where there is only noise.
        right_noise: The same of the other side.
        left_weight: Sum of the window there, (lines,).
        right_weight: The same of the other side.
    """

    left: Waves
    right: Waves
    left_noise: Array
    right_noise: Array
    left_weight: Array
    right_weight: Array

    @property
    def apart(self) -> Array:
        """Power of the two sides by themselves, in that of the noise."""
        power: Array = np.abs(self.left) ** 2 / self.left_noise + np.abs(self.right) ** 2 / self.right_noise
        return power

    @property
    def gain(self) -> Array:
        """How much of it is lost where the two have to be one."""
        one: Array = np.abs(self.left + self.right) ** 2 / (self.left_noise + self.right_noise)
        return np.maximum(self.apart - one, 0.0)  # by rounding it may fall below

    @property
    def means(self) -> tuple[Array, Array]:
        """Mean amplitude of the left and of the right side."""
        return np.abs(self.left) / self.left_weight, np.abs(self.right) / self.right_weight

    @property
    def excess(self) -> Array:
        """How much stronger the left side is than the right one, in standard errors."""
        a, b = self.means
        error = np.sqrt((self.left_noise / self.left_weight**2 + self.right_noise / self.right_weight**2) / 2)
        return np.asarray((a - b) / error)

    @property
    def asymmetry(self) -> Array:
        """(a - b) / (a + b) of the mean amplitudes."""
        a, b = self.means
        return np.asarray((a - b) / (a + b))

    @property
    def out_of_phase(self) -> Array:
        """0 where the two sides are in phase, 1 where they are opposite; weighted by both."""
        pair = self.left * self.right.conj() / np.sqrt(self.left_noise * self.right_noise)
        return np.asarray(0.5 - 0.5 * pair.real.sum(axis=0) / np.abs(pair).sum(axis=0))

    @property
    def strength(self) -> Array:
        """Amplitude of each side in that of the noise, (2, reflections, lines)."""
        return np.abs([self.left / np.sqrt(self.left_noise), self.right / np.sqrt(self.right_noise)])


def _nearest(angle_deg: float) -> int:
    """The direction whose normal is nearest to an angle."""
    return round(angle_deg / (180 / DIRECTIONS)) % DIRECTIONS


def _along(at: _Lines, angle_deg: float) -> _Lines:
    """The lines whose normal is nearest to an angle, as the only direction there is."""
    stop = at.stop[at.across(angle_deg)]
    return _Lines(at.order[[_nearest(angle_deg)]], np.zeros_like(stop), stop, at.weight)


def _sides(at: _Lines, waves: Waves, noise: Array) -> _Sides:
    """From weighted maps, (reflections, points), and the variance of each one's sum in noise, (reflections,)."""
    left = at.left(waves)
    part = at.left(at.weight**2) / (at.weight**2).sum()
    weight = at.left(at.weight)
    return _Sides(
        left,
        waves.sum(axis=1)[:, None] - left,
        noise[:, None] * part,
        noise[:, None] * (1 - part),
        weight,
        at.weight.sum() - weight,
    )


def halves(own: Spectrum, peaks: Sequence[Peak], maps: Sequence[FringeMap]) -> dict[str, float]:
    """The features `HALVES`, from reflections and their maps.

    Every line with a fifth of the particle on either side is tried. On each side, a reflection's amplitude is the sum
    of its map there, and has the noise that the spectrum has at its distance from zero.

    Args:
        own: Of the particle.
        peaks: (k) reflections.
        maps: Of the same; all have the same points.
    """
    order, stops = lines(maps[0])
    if not stops.any():
        return {}
    direction, stop = np.nonzero(stops)
    at = _Lines(order, direction, stop, maps[0].weight)
    waves = np.array([of.wave * of.weight * np.exp(-1j * common_slope(of)) for of in maps])
    sides = _sides(at, waves, _noise(own, peaks))
    gain, excess = sides.gain, sides.excess
    turns = np.minimum(excess.max(axis=0), -excess.min(axis=0))
    best, turn = int(gain.sum(axis=0).argmax()), int(turns.argmax())
    angles = [peak.angle_deg for peak in peaks]
    found: dict[str, float] = {
        "break_gain": np.sqrt(gain[:, best].sum()),
        "break_share": gain[:, best].sum() / sides.apart[:, best].sum(),
        "break_phase": sides.out_of_phase[best],
        "break_weaker": sides.strength[..., best].max(axis=1).min(),
        "break_normal_deg": min(between_deg(at.normal_deg[best], angle) for angle in angles),
        "turns": turns[turn],
        "turns_share": min(sides.asymmetry[:, turn].max(), -sides.asymmetry[:, turn].min()),
        "turns_normal_deg": min(between_deg(at.normal_deg[turn], angle) for angle in angles),
    }
    found |= _best("fault_gain", [_on_plane(at, sides, peaks, plane) for plane in range(len(peaks))])
    found |= _best("mirror_turns", _mirrored(own, at, waves, peaks))
    return {name: float(value) for name, value in found.items()}


def _best(name: str, tried: list[dict[str, float]]) -> dict[str, float]:
    """What has the largest value of this name."""
    return max(tried, key=lambda values: values.get(name, -1.0), default={})


def _noise(own: Spectrum, peaks: Sequence[Peak]) -> Array:
    return own.energy * np.array([own.background[peak.index] for peak in peaks])


def _on_plane(at: _Lines, sides: _Sides, peaks: Sequence[Peak], plane: int) -> dict[str, float]:
    """The best line along the planes of one reflection, by the others that are not along them."""
    across = at.across(peaks[plane].angle_deg)
    others = [n for n, peak in enumerate(peaks) if between_deg(peak.angle_deg, peaks[plane].angle_deg) > ALONG_DEG]
    if not (len(across) and others):
        return {}
    gain, apart = sides.gain[:, across], sides.apart[:, across]
    best = int(gain[others].sum(axis=0).argmax())
    return {
        "fault_gain": np.sqrt(gain[others, best].sum()),
        "fault_share": gain[others, best].sum() / apart[others, best].sum(),
        "fault_own_gain": np.sqrt(gain[plane, best]),
        "fault_own_share": gain[plane, best] / apart[plane, best],
    }


def _mirrored(own: Spectrum, at: _Lines, waves: Waves, peaks: Sequence[Peak]) -> list[dict[str, float]]:
    """How far each reflection and its mirror image about the normal of planes take turns on a line along these planes.

    Of every pair of planes and a reflection that is neither along them nor along their normal.
    """
    pairs = [
        (plane, number)
        for plane, number in permutations(range(len(peaks)), 2)
        if ALONG_DEG < between_deg(peaks[plane].angle_deg, peaks[number].angle_deg) < 90 - ALONG_DEG
    ]
    images = [_image(own, peaks[number], peaks[plane]) for plane, number in pairs]
    found = []
    for (plane, number), image, of in zip(pairs, images, fringe_maps(own, images), strict=True):
        along = _along(at, peaks[plane].angle_deg)
        if not len(along.stop):
            continue
        row, column = (
            f - (i - own.middle) * own.step_per_nm
            for f, i in zip((image.row_per_nm, image.column_per_nm), image.index, strict=True)
        )
        ramp = np.exp(-2j * np.pi * (row * of.row_nm + column * of.column_nm))
        both = np.array([waves[number], of.wave * of.weight * ramp])
        sides = _sides(along, both, _noise(own, [peaks[number], image]))
        excess = sides.excess
        turns = np.abs(excess[0] - excess[1]) / np.sqrt(2)
        best = int(turns.argmax())
        asymmetry = sides.asymmetry[:, best]
        found.append({"mirror_turns": turns[best], "mirror_share": min(max(asymmetry), -min(asymmetry))})
    return found


def _image(own: Spectrum, peak: Peak, normal: Peak) -> Peak:
    """A reflection of the lattice that is the mirror image about the line along a normal, as seen in the spectrum."""
    along = np.array([normal.row_per_nm, normal.column_per_nm]) / normal.frequency_per_nm
    place = np.array([peak.row_per_nm, peak.column_per_nm])
    row, column = 2 * (place @ along) * along - place
    nearest = np.rint(np.array([row, column]) / own.step_per_nm).astype(int) + own.middle
    index = np.clip(nearest, 0, len(own.wave) - 1)  # a turned reflection near the Nyquist frequency may be just beyond
    return Peak(float(row), float(column), 0.0, (int(index[0]), int(index[1])))
