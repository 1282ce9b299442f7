"""The straight line on which the reflections of a particle break, as on a planar fault that is seen edge-on.

Such a fault divides a particle in two. A twin's reflections alternate: some diffract on one side only, some on the
other. A stacking fault shifts the phase of some from one side to the other. In both cases, for the right line, one
amplitude for each side explains the image better than one amplitude for all; the increase is the logarithm of a
likelihood ratio (Kay 1998, Fundamentals of Statistical Signal Processing II, chapter 7), here over all lines.

The planes that a fault lies in are not interrupted by it: their own reflection, along the line's normal, does not
break, and a twin's second half is the mirror image of the first about that normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

from hrtem_lab.particles.fringe_maps import FringeMap, MapPoints, Waves, fringe_maps
from hrtem_lab.particles.line_sides import Lines, Sides
from hrtem_lab.particles.peak_arrangement import line_angle_deg
from hrtem_lab.particles.peaks import Peak
from hrtem_lab.particles.spectrum import Spectrum

Array = npt.NDArray[np.float64]

PARALLEL_DEG = 10.0
"""Angle of a reflection from a line's normal, or from the line, below which a fault on the line leaves it the same on
both sides."""


def planar_break(spectrum: Spectrum, peaks: Sequence[Peak], maps: Sequence[FringeMap]) -> dict[str, float]:
    """Compute the features `PLANAR_BREAK_FEATURES`.

    Every line with a fifth of the particle on either side is tried. On each side, a reflection's amplitude is the sum
    of its map there, and has the noise that the spectrum has at its distance from zero.

    Args:
        spectrum: The particle's spectrum.
        peaks: (k) reflections.
        maps: Maps of the fringes, (k), all with the same points.
    """
    lines = Lines.through(maps[0].points)
    if not len(lines):
        return {}
    waves = np.stack([fringes.flat_wave * fringes.points.weight for fringes in maps])
    sides = Sides.from_maps(lines, waves, reflection_noise(spectrum, peaks))
    features = _break(lines, sides, peaks) | _alternation(lines, sides, peaks)
    features |= _best("fault_gain", [_fault_on_planes(lines, sides, peaks, n) for n in range(len(peaks))])
    features |= _best("mirror_turns", _mirror_alternations(spectrum, lines, waves, peaks))
    return {name: float(value) for name, value in features.items()}


def _break(lines: Lines, sides: Sides, peaks: Sequence[Peak]) -> dict[str, float]:
    """Describe the line for which one amplitude per side explains most."""
    gain = sides.gain
    best = int(gain.sum(axis=0).argmax())
    return {
        "break_gain": np.sqrt(gain[:, best].sum()),
        "break_share": gain[:, best].sum() / sides.power[:, best].sum(),
        "break_phase": sides.phase_difference[best],
        "break_weaker": sides.snr[..., best].max(axis=1).min(),
        "break_normal_deg": min(line_angle_deg(lines.normal_deg[best], peak.angle_deg) for peak in peaks),
    }


def _alternation(lines: Lines, sides: Sides, peaks: Sequence[Peak]) -> dict[str, float]:
    """Describe the line on whose two sides different reflections are stronger."""
    excess = sides.excess
    turns = np.minimum(excess.max(axis=0), -excess.min(axis=0))
    best = int(turns.argmax())
    asymmetry = sides.asymmetry[:, best]
    return {
        "turns": turns[best],
        "turns_share": min(asymmetry.max(), -asymmetry.min()),
        "turns_normal_deg": min(line_angle_deg(lines.normal_deg[best], peak.angle_deg) for peak in peaks),
    }


def _best(name: str, candidates: list[dict[str, float]]) -> dict[str, float]:
    """Select the candidate with the largest value of this name; empty without candidates."""
    return max(candidates, key=lambda values: values.get(name, -1.0), default={})


def reflection_noise(spectrum: Spectrum, peaks: Sequence[Peak]) -> Array:
    """Variance of the sum of each reflection's weighted map where there is only noise, (peaks,)."""
    return spectrum.energy * np.array([spectrum.background[peak.index] for peak in peaks])


def _fault_on_planes(lines: Lines, sides: Sides, peaks: Sequence[Peak], planes: int) -> dict[str, float]:
    """Describe the best line along the planes of one reflection, by the reflections that are not parallel to it."""
    parallel = lines.with_normal(peaks[planes].angle_deg)
    others = [
        n for n, peak in enumerate(peaks) if line_angle_deg(peak.angle_deg, peaks[planes].angle_deg) > PARALLEL_DEG
    ]
    if not (len(parallel) and others):
        return {}
    gain, power = sides.gain[:, parallel], sides.power[:, parallel]
    best = int(gain[others].sum(axis=0).argmax())
    return {
        "fault_gain": np.sqrt(gain[others, best].sum()),
        "fault_share": gain[others, best].sum() / power[others, best].sum(),
        "fault_own_gain": np.sqrt(gain[planes, best]),
        "fault_own_share": gain[planes, best] / power[planes, best],
    }


def _mirror_alternations(
    spectrum: Spectrum, lines: Lines, waves: Waves, peaks: Sequence[Peak]
) -> list[dict[str, float]]:
    """Compare each reflection with its mirror image about the normal of planes, on the two sides of lines along these.

    Returns:
        A dictionary for every pair of planes and a reflection that is neither parallel nor perpendicular to them.
    """
    pairs = [
        (planes, number)
        for planes, number in permutations(range(len(peaks)), 2)
        if PARALLEL_DEG < line_angle_deg(peaks[planes].angle_deg, peaks[number].angle_deg) < 90 - PARALLEL_DEG
    ]
    parallels = [lines.select_normal(peak.angle_deg) for peak in peaks]
    images = [_mirror_image(spectrum, peaks[number], peaks[planes]) for planes, number in pairs]
    alternations = []
    for (planes, number), image, fringes in zip(pairs, images, fringe_maps(spectrum, images), strict=True):
        parallel = parallels[planes]
        if not len(parallel):
            continue
        both = np.array([waves[number], fringes.wave * lines.weight * _phase_ramp(spectrum, image, fringes.points)])
        sides = Sides.from_maps(parallel, both, reflection_noise(spectrum, [peaks[number], image]))
        excess = sides.excess
        turns = np.abs(excess[0] - excess[1]) / np.sqrt(2)
        best = int(turns.argmax())
        asymmetry = sides.asymmetry[:, best]
        alternations.append({"mirror_turns": turns[best], "mirror_share": min(max(asymmetry), -min(asymmetry))})
    return alternations


def _phase_ramp(spectrum: Spectrum, peak: Peak, points: MapPoints) -> Waves:
    """Factor that refers the phase of a map to a peak's exact frequency instead of its nearest sample, (n,)."""
    row, column = (
        frequency - (i - spectrum.middle) * spectrum.step_per_nm
        for frequency, i in zip((peak.row_per_nm, peak.column_per_nm), peak.index, strict=True)
    )
    ramp: Waves = np.exp(-2j * np.pi * (row * points.row_nm + column * points.column_nm))
    return ramp


def _mirror_image(spectrum: Spectrum, peak: Peak, normal: Peak) -> Peak:
    """Mirror a peak about the line along a normal, as a twin on the planes of that normal would show it."""
    along = np.array([normal.row_per_nm, normal.column_per_nm]) / normal.frequency_per_nm
    position = np.array([peak.row_per_nm, peak.column_per_nm])
    row, column = 2 * (position @ along) * along - position
    nearest = np.rint(np.array([row, column]) / spectrum.step_per_nm).astype(int) + spectrum.middle
    index = np.clip(nearest, 0, len(spectrum.transform) - 1)  # near the Nyquist frequency it may lie just outside
    return Peak(float(row), float(column), 0.0, (int(index[0]), int(index[1])))
