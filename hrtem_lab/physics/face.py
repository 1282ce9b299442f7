"""One face of a film, on which particles are laid side by side."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hrtem_lab.physics.material import Points
from hrtem_lab.physics.placed_particle import PlacedParticle

MIN_GAP_NM = 0.15
"""Smallest distance between the atoms of two particles in projection, about half a bond."""


@dataclass(frozen=True)
class ParticleAtoms:
    """A particle with its atoms.

    Attributes:
        placed: The particle in the field.
        points: Positions of the atoms about its centre, (n, 3) in nm as (row, column, height).
        numbers: Atomic numbers, (n,).
        radius_nm: Largest distance of an atom from the centre in the plane.
    """

    placed: PlacedParticle
    points: Points
    numbers: npt.NDArray[np.int64]
    radius_nm: float


@dataclass
class Face:
    """Particles on one face of a film; their projections do not overlap.

    Attributes:
        field_nm: Side length of the square field, which is periodic.
        particles: Particles that lie there.
    """

    field_nm: float
    particles: list[ParticleAtoms] = field(default_factory=list)

    def sample_spot(self, diameter_nm: float, touching: float, rng: np.random.Generator) -> Points:
        """Sample a (row, column) for a particle: anywhere or, with the probability `touching`, beside another one."""
        if not self.particles or rng.random() >= touching:
            return rng.uniform(0, self.field_nm, 2)
        other = self.particles[rng.integers(len(self.particles))]
        angle, gap = rng.uniform(0, 2 * np.pi), diameter_nm / 2 + other.radius_nm + 2 * MIN_GAP_NM
        return (other.placed.centre_nm[:2] + gap * np.array([np.cos(angle), np.sin(angle)])) % self.field_nm

    def has_room(self, spot: Points, radius_nm: float) -> bool:
        """Tell whether a disc at `spot` is clear of all particles."""
        return all(self._is_apart(spot, radius_nm, other) for other in self.particles)

    def add_if_free(self, particle: ParticleAtoms) -> None:
        """Add a particle if it is clear of all others and of its own periodic images."""
        # a rod may be longer than the field
        clear_of_itself = 2 * particle.radius_nm + MIN_GAP_NM <= self.field_nm
        if clear_of_itself and self.has_room(particle.placed.centre_nm[:2], particle.radius_nm):
            self.particles.append(particle)

    def _is_apart(self, spot: Points, radius_nm: float, other: ParticleAtoms) -> bool:
        away = np.abs(spot - other.placed.centre_nm[:2])
        away = np.minimum(away, self.field_nm - away)
        return bool(np.hypot(*away) > radius_nm + other.radius_nm + MIN_GAP_NM)
