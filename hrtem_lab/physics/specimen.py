"""Nanoparticles on amorphous carbon: what lies under the beam, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics.crystal import Crystal, Defect, Material, Points, Shape, draw_planes
from hrtem_lab.physics.placed import Placed
from hrtem_lab.physics.support import amorphous_carbon

Range = tuple[float, float]

EDGE_ON = np.array([1.0, 0.0, 0.0])  # a close-packed row along the beam: the stacked planes stand edge-on


@dataclass(frozen=True)
class Specimen:
    """Atoms and truth of one field.

    Attributes:
        atoms: In Angstrom, periodic in the plane: ASE's x is the row, y the column, z runs along the beam.
        owner: Per atom, the number of its particle from 1, or 0 for the support.
        particles: In the order of their numbers.
    """

    atoms: Atoms
    owner: np.ndarray[Any, np.dtype[np.int64]]
    particles: tuple[Placed, ...]


@dataclass(frozen=True)
class ParticlesOnCarbon:
    """Draws specimens: fcc particles, some with planar faults, on an amorphous carbon film.

    Attributes:
        material: What the particles are made of.
        field_nm: Edge of the square field, periodic in the plane.
        diameter_nm: Smallest and largest diameter; one specimen's particles spread by a tenth about a common one.
        particles: Fewest and most particles of a field that is not empty.
        empty: Share of the fields that hold no particle.
        film_nm: Thinnest and thickest film.
        faulted: Share of the particles that hold one to three twin planes or stacking faults.
        edge_on: Share of the particles whose stacked planes stand edge-on within a few degrees.
        on_zone: Share of the particles near another low-index zone; the rest is turned at random.
        touching: Share of the particles laid against another one.
        sunk: Largest part of the radius that a particle sinks into the film.
    """

    material: Material
    field_nm: float = 15.36
    diameter_nm: Range = (2.0, 7.0)
    particles: tuple[int, int] = (1, 7)
    empty: float = 0.2
    film_nm: Range = (1.5, 8.0)
    faulted: float = 0.5
    edge_on: float = 0.45
    on_zone: float = 0.2
    touching: float = 0.15
    sunk: float = 0.3

    def __post_init__(self) -> None:
        if self.diameter_nm[1] * 1.3 > self.field_nm:
            raise InputError(
                f"diameter_nm goes to {self.diameter_nm[1]} nm, the field is {self.field_nm} nm wide; "
                f"give diameter_nm up to {self.field_nm / 1.3:.1f} nm or a larger field_nm"
            )

    def draw(self, rng: np.random.Generator) -> Specimen:
        """One specimen."""
        film_nm = rng.uniform(*self.film_nm)
        film = amorphous_carbon(self.field_nm, film_nm, rng)
        particles = self._place(rng, film_nm)
        atoms = [p.crystal.positions(rng) for p in particles]
        clouds = [points @ p.rotation.T + p.centre_nm for (points, _), p in zip(atoms, particles, strict=True)]
        if clouds:
            # a sunk particle has pushed the carbon away: none within the sum of the two atoms' radii
            metal = np.concatenate(clouds)
            metal[:, :2] %= self.field_nm
            metal_tree = cKDTree(metal, boxsize=[self.field_nm, self.field_nm, 0])
            film = film[np.isinf(metal_tree.query(film, distance_upper_bound=0.22)[0])]
        clouds = [c + rng.normal(0, self.material.rms_displacement_nm, c.shape) for c in clouds]
        points = np.concatenate([film, *clouds])
        owner = np.repeat(np.arange(len(clouds) + 1), [len(film), *map(len, clouds)])
        if rng.random() < 0.5:  # particles under the film as often as on it
            points[:, 2] *= -1
            flip = np.diag([1.0, 1.0, -1.0])
            particles = [Placed(p.crystal, flip @ p.centre_nm, flip @ p.rotation) for p in particles]
        lift = np.array([0, 0, 0.2 - points[:, 2].min()])
        points += lift
        particles = [replace(p, centre_nm=p.centre_nm + lift) for p in particles]
        points[:, :2] %= self.field_nm
        numbers = np.concatenate([np.full(len(film), atomic_numbers["C"]), *(n for _, n in atoms)])
        cell = np.array([self.field_nm, self.field_nm, points[:, 2].max() + 0.2])
        return Specimen(Atoms(numbers, positions=10 * points, cell=10 * cell, pbc=True), owner, tuple(particles))

    def _place(self, rng: np.random.Generator, film_nm: float) -> list[Placed]:
        """Particles on the film's upper face, apart from each other or touching, never one inside another."""
        if rng.random() < self.empty:
            return []
        wanted = rng.integers(self.particles[0], self.particles[1], endpoint=True)
        typical = np.exp(rng.uniform(*np.log(self.diameter_nm)))
        placed: list[Placed] = []
        for _ in range(20 * wanted):
            if len(placed) == wanted:
                break
            diameter = float(np.clip(typical * rng.normal(1, 0.1), *self.diameter_nm))
            spot = rng.uniform(0, self.field_nm, 2)
            if placed and rng.random() < self.touching:
                other = placed[rng.integers(len(placed))]
                angle, gap = rng.uniform(0, 2 * np.pi), (diameter + other.crystal.diameter_nm) / 2 + 0.05
                spot = (other.centre_nm[:2] + gap * np.array([np.cos(angle), np.sin(angle)])) % self.field_nm
            if all(self._apart(spot, diameter, p) for p in placed):
                height = film_nm + diameter / 2 * (1 - rng.uniform(0, self.sunk)) + 0.1
                rotation = self._turn(rng)
                placed.append(Placed(self._crystal(diameter, rng), np.array([*spot, height]), rotation))
        return placed

    def _apart(self, spot: Points, diameter: float, other: Placed) -> bool:
        away = np.abs(spot - other.centre_nm[:2])
        away = np.minimum(away, self.field_nm - away)
        return bool(np.hypot(*away) > 0.49 * (diameter + other.crystal.diameter_nm))

    def _crystal(self, diameter: float, rng: np.random.Generator) -> Crystal:
        shape: Shape = rng.choice(["sphere", "faceted", "ellipsoid"])
        crystal = Crystal(self.material, diameter, shape)
        if rng.random() >= self.faulted:
            return crystal
        kinds: list[Defect] = list(rng.choice(["twin", "intrinsic"], rng.integers(1, 3, endpoint=True)))
        return draw_planes(crystal, kinds, rng)

    def _turn(self, rng: np.random.Generator) -> Points:
        kind = rng.random()
        if kind >= self.edge_on + self.on_zone:
            return Rotation.random(rng=rng).as_matrix()
        zones = self.material.zones()
        zone = EDGE_ON if kind < self.edge_on else rng.choice(zones[rng.choice(list(zones))])
        onto_beam = Rotation.align_vectors([[0, 0, 1]], [zone])[0]
        tilt = Rotation.from_rotvec(np.radians([*rng.normal(0, 2.5, 2), 0]))
        spin = Rotation.from_euler("z", rng.uniform(0, 360), degrees=True)
        return (spin * tilt * onto_beam).as_matrix()
