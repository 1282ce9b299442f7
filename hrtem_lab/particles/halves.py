"""Two sides of a line: whether all reflections of a particle break on one straight line, as on a planar fault.

A fault that is seen edge-on divides a particle in two. A twin's reflections take turns: some diffract on one side only,
some on the other. A stacking fault shifts the phase of some from one side to the other. Either way, for the right line,
the amplitudes of the two sides explain the image better than one amplitude for all does; by how much is the logarithm
of a likelihood ratio (Kay 1998, Fundamentals of Statistical Signal Processing II, chapter 7), here over all lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hrtem_lab.particles.fringes import FringeMap, common_slope, lines
from hrtem_lab.particles.peaks import Peak, between_deg
from hrtem_lab.particles.spectrum import Spectrum

Array = npt.NDArray[np.float64]


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
    raw = np.array([of.wave * of.weight * np.exp(-1j * common_slope(of)) for of in maps])
    share = maps[0].weight ** 2 / (maps[0].weight ** 2).sum()
    noise = own.energy * np.array([own.background[peak.index] for peak in peaks])
    # (directions, stops) of the lines that are tried, then (k, lines)
    which = np.nonzero(stops)
    left = np.cumsum(raw[:, order], axis=2)[:, which[0], which[1]]
    part = np.cumsum(share[order], axis=1)[which]
    weight = np.cumsum(maps[0].weight[order], axis=1)[which]
    right, total = raw.sum(axis=1)[:, None] - left, maps[0].weight.sum()
    left_noise, right_noise = noise[:, None] * part, noise[:, None] * (1 - part)
    apart = np.abs(left) ** 2 / left_noise + np.abs(right) ** 2 / right_noise
    gain = (apart - np.abs(left + right) ** 2 / (left_noise + right_noise)).sum(axis=0)
    best = int(np.argmax(gain))
    a, b = np.abs(left) / weight, np.abs(right) / (total - weight)
    error = np.sqrt((left_noise / weight**2 + right_noise / (total - weight) ** 2) / 2)
    turns = np.minimum(((a - b) / error).max(axis=0), ((b - a) / error).max(axis=0))
    turn = int(np.argmax(turns))
    asymmetry = (a - b)[:, turn] / (a + b)[:, turn]
    normal_deg = 180 / len(order) * which[0]
    pair = left[:, best] * right[:, best].conj() / np.sqrt(left_noise * right_noise)[:, best]
    sides = np.abs([left[:, best] / np.sqrt(left_noise[:, best]), right[:, best] / np.sqrt(right_noise[:, best])])
    angles = [peak.angle_deg for peak in peaks]
    return {
        "break_gain": float(np.sqrt(gain[best])),
        "break_share": float(gain[best] / apart[:, best].sum()),
        "break_phase": float(0.5 - 0.5 * pair.real.sum() / np.abs(pair).sum()),
        "break_weaker": float(sides.max(axis=1).min()),
        "break_normal_deg": min(between_deg(normal_deg[best], angle) for angle in angles),
        "turns": float(turns[turn]),
        "turns_share": float(min(asymmetry.max(), -asymmetry.min())),
        "turns_normal_deg": min(between_deg(normal_deg[turn], angle) for angle in angles),
    }
