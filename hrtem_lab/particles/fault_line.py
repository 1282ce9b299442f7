"""The line on which a planar fault divides a particle, as far as its reflections tell.

A fault lies on planes of the crystal, seen edge-on: its normal is along a reflection, or, between the halves of a twin,
it is the mirror line of two reflections of equal spacing. Only such lines are tried: a line of any other direction
explains a particle with a fault nearly as well, and is off by several degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from hrtem_lab.micrograph import BoolArray
from hrtem_lab.particles.fault_models import FaultModels
from hrtem_lab.particles.fringe_maps import Array, FringeMap
from hrtem_lab.particles.line_sides import Lines, Sides
from hrtem_lab.particles.peak_arrangement import RING_TOLERANCE, line_angle_deg
from hrtem_lab.particles.peaks import Peak
from hrtem_lab.particles.planar_break import reflection_noise
from hrtem_lab.particles.spectrum import Spectrum

NEAR_NM, NEAR_DEG = 0.3, 5.0
"""Distance and angle within which two lines are the same."""
MISFIT = 0.1
"""Standard deviation, as a part of the best line's evidence, by which simulated particles with a fault deviate from the
model; noise adds a unit. With it, as large a part of the lines is right as the certainty says."""
MIN_SIDE = 0.06
"""Least part of a particle on either side of the line of a fault."""
MIN_EDGE_SIDE = 0.02
"""Least part of a particle on either side of any line."""
MIRROR_DEG = 58.0
"""Least angle of two reflections from the normal of the twin plane that mirrors them."""
MIN_EVIDENCE = 0.3
"""Part of the largest gain from which on a stacking fault on a line is considered."""


@dataclass(frozen=True)
class CrystalLines:
    """Lines through a particle that a fault may lie on.

    Attributes:
        lines: The lines.
        offset_nm: Distance of each from the middle of the crop along its normal, (lines,).
        gap_nm: Distance to its neighbours of the same normal, (lines,).
        depth_nm: Largest distance from it that its smaller side reaches, (lines,).
        models: Power that each model explains.
        peaks: The reflections.
    """

    lines: Lines
    offset_nm: Array
    gap_nm: Array
    depth_nm: Array
    models: FaultModels
    peaks: tuple[Peak, ...]

    @classmethod
    def from_maps(cls, spectrum: Spectrum, peaks: Sequence[Peak], maps: Sequence[FringeMap]) -> CrystalLines:
        """Compare the models on every line along planes of the crystal.

        Args:
            spectrum: The particle's spectrum.
            peaks: (k) significant reflections.
            maps: Maps of their fringes, (k), all with the same points.
        """
        points = maps[0].points
        lines = Lines.across(points, fault_normals(peaks), MIN_EDGE_SIDE)
        met = np.take_along_axis(points.along(lines.angle_deg), lines.order, axis=1)
        before, after = met[lines.direction, lines.stop], met[lines.direction, lines.stop + 1]
        offset_nm = (before + after) / 2
        depth_nm = np.minimum(offset_nm - met[lines.direction, 0], met[lines.direction, -1] - offset_nm)
        waves = np.stack([fringes.flat_wave * fringes.points.weight for fringes in maps])
        models = FaultModels.from_sides(Sides.from_maps(lines, waves, reflection_noise(spectrum, peaks)))
        return cls(lines, offset_nm, after - before, depth_nm, models, tuple(peaks))

    @cached_property
    def gain(self) -> Array:
        """Power that a twin explains and one crystal does not, (lines,): the logarithm of their likelihood ratio."""
        return np.maximum(self.models.twin - self.models.one_crystal, 0.0)

    @cached_property
    def shift_gain(self) -> Array:
        """Power that a stacking fault explains and one crystal does not, (lines,); 0 on lines of little gain."""
        shift_gain = np.zeros(len(self.lines))
        clear = self.is_inner & (self.gain > MIN_EVIDENCE * self.gain.max(where=self.is_inner, initial=0.0))
        for number, normal_deg in enumerate(self.lines.angle_deg):
            chosen = np.flatnonzero(clear & (self.lines.direction == number))
            explained = self.models.stacking_fault(chosen, self.peaks, float(normal_deg))
            shift_gain[chosen] = explained - self.models.one_crystal[chosen]
        return shift_gain

    @cached_property
    def is_inner(self) -> BoolArray:
        """Whether a line has `MIN_SIDE` of the particle on either side, (lines,)."""
        part = self.lines.left_part
        return np.asarray(np.minimum(part, 1 - part) >= MIN_SIDE)

    @cached_property
    def evidence(self) -> Array:
        """Both gains together, (lines,): a fault shows in phases, or in amplitudes, or in both; 0 beside the edge."""
        return np.where(self.is_inner, self.gain + self.shift_gain, 0.0)

    @property
    def best(self) -> int:
        """Number of the line with most evidence."""
        return int(self.evidence.argmax())

    @property
    def certainty(self) -> float:
        """Part of the likelihood of all lines that the best one has and those within 0.3 nm and 5 degrees of it."""
        best, normals_deg = self.best, self.lines.normal_deg
        turn = np.cos(np.deg2rad(normals_deg - normals_deg[best]))
        near = np.abs(turn) > np.cos(np.deg2rad(NEAR_DEG))
        near &= np.abs(np.sign(turn) * self.offset_nm - self.offset_nm[best]) < NEAR_NM
        excess = self.evidence - self.evidence[best]
        likelihood = self.gap_nm * np.exp(excess / (1 + MISFIT * self.evidence[best]))
        return float(likelihood[near].sum() / likelihood.sum())


def fault_normals(peaks: Sequence[Peak]) -> list[float]:
    """Directions that the normal of a fault may have: of each reflection, and of the mirror line of each equal pair.

    Mirror lines count where both reflections are `MIRROR_DEG` or more from the normal. The {111} of a twin are 71
    degrees from it, the {10-11} of wurtzite 62; the {111} of one crystal, 55 degrees from a mirror line, make no twin.
    """
    angles = [peak.angle_deg for peak in peaks]
    for a, b in combinations(peaks, 2):
        if abs(a.frequency_per_nm / b.frequency_per_nm - 1) < RING_TOLERANCE:
            middle = (a.angle_deg + b.angle_deg) / 2
            angles += [m for m in (middle, middle + 90) if line_angle_deg(m, a.angle_deg) >= MIRROR_DEG]
    return angles
