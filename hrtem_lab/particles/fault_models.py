"""One crystal, one crystal with a stacking fault, or a twin: how well each explains the two sides of a line.

On each side of a line, a reflection has a complex amplitude. In one crystal, whatever its thickness, all reflections
change by one real factor from one side to the other, since each is as strong as the crystal is thick. Beyond a stacking
fault the crystal is displaced by R, and the phase of a reflection g moves by 2 pi g . R besides (Hytch, Snoeck and
Kilaas 1998, Ultramicroscopy 74, 131). The halves of a twin have reflections of their own, of any amplitude and phase.

Each model holds the one before it. The power that it explains, in units of the noise, is the logarithm of its
likelihood up to a constant, so that differences are likelihood ratios (Kay 1998, Fundamentals of Statistical Signal
Processing II, chapter 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hrtem_lab.particles.fringe_maps import Array, Indices, Waves
from hrtem_lab.particles.line_sides import Sides
from hrtem_lab.particles.peak_arrangement import line_angle_deg
from hrtem_lab.particles.peaks import Peak
from hrtem_lab.particles.planar_break import PARALLEL_DEG

SHIFTS_NM = np.linspace(-0.2, 0.2, 25)
"""Displacements along a line that are tried: a row of atoms of the metals and of CdSe repeats within them."""


@dataclass(frozen=True)
class FaultModels:
    """Reflections on the two sides of lines.

    Attributes:
        left: Amplitudes on the left side over the standard deviation of their noise, (reflections, lines).
        right: The same on the right side.
    """

    left: Waves
    right: Waves

    @classmethod
    def from_sides(cls, sides: Sides) -> FaultModels:
        """Divide the sums of each side by the standard deviation of their noise."""
        return cls(sides.left / np.sqrt(sides.left_noise), sides.right / np.sqrt(sides.right_noise))

    @cached_property
    def _powers(self) -> tuple[Array, Array]:
        """Power of the left and of the right side, (lines,)."""
        left, right = ((np.abs(waves) ** 2).sum(axis=0) for waves in (self.left, self.right))
        return left, right

    @cached_property
    def twin(self) -> Array:
        """Power that an amplitude of each reflection on each side explains: all of it, (lines,)."""
        left, right = self._powers
        return np.asarray(left + right)

    @cached_property
    def one_crystal(self) -> Array:
        """Power that one crystal of any thickness explains, (lines,)."""
        return self._explained((self.left.conj() * self.right).real.sum(axis=0), np.s_[:])

    def stacking_fault(self, lines: Indices, peaks: Sequence[Peak], normal_deg: float) -> Array:
        """Power that one crystal explains whose part beyond a line is displaced along it.

        Across the line it may be displaced by one of the planes along it as well: the two that make a period of
        wurtzite are not alike.

        Args:
            lines: Numbers of lines, (n,).
            peaks: (reflections).
            normal_deg: Direction of the lines' common normal, as `Peak.angle_deg`.

        Returns:
            (n,), at least that of `one_crystal`.
        """
        angle = np.deg2rad(normal_deg)
        g = np.array([(peak.row_per_nm, peak.column_per_nm) for peak in peaks])
        across, along = g @ [np.sin(angle), np.cos(angle)], g @ [np.cos(angle), -np.sin(angle)]
        planes_nm = [1 / p.frequency_per_nm for p in peaks if line_angle_deg(p.angle_deg, normal_deg) < PARALLEL_DEG]
        pairs = self.left[:, lines].conj() * self.right[:, lines]
        common = [
            (np.exp(-2j * np.pi * (np.outer(SHIFTS_NM, along) + step * across)) @ pairs).real.max(axis=0)
            for step in (0.0, *planes_nm[:1])
        ]
        return self._explained(np.max(common, axis=0), lines)

    def _explained(self, common: Array, lines: Indices | slice) -> Array:
        """Largest power of one pattern of amplitudes that the right side repeats by a real, positive factor.

        It is the larger eigenvalue of the matrix of both sides' powers and of what they have in common.
        """
        left, right = (power[lines] for power in self._powers)
        explained: Array = (left + right) / 2 + np.hypot((left - right) / 2, np.maximum(common, 0.0))
        return explained
