"""Specimens: atoms under the beam, and the ground truth about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ase import Atoms

from hrtem_lab.physics.placed_particle import PlacedParticle

Range = tuple[float, float]
"""Lowest and highest value of a setting."""


@dataclass(frozen=True)
class Specimen:
    """Atoms and ground truth of one field.

    Attributes:
        atoms: Atoms in Angstrom, periodic in the plane: ASE's x is the row, y the column, z runs along the beam.
        particle_ids: Number of the particle that each atom belongs to, from 1; 0 for the support.
        particles: Particles in the order of their numbers.
        absorption: Imaginary part of the potential, as a fraction of the real one.
    """

    atoms: Atoms
    particle_ids: npt.NDArray[np.int64]
    particles: tuple[PlacedParticle, ...]
    absorption: float = 0.0
