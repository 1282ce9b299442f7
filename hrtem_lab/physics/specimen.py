"""Nanoparticles on a support: what lies under the beam, and the truth about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.data import atomic_numbers
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics.crystal import Crystal, Defect, Shape, draw_planes
from hrtem_lab.physics.material import Material, Points
from hrtem_lab.physics.placed import Placed
from hrtem_lab.physics.shapes import Twinned
from hrtem_lab.physics.support import Film, Relief, soot

Name = TypeVar("Name", bound=str)
Range = tuple[float, float]

EDGE_ON = np.array([1.0, 0.0, 0.0])  # a close-packed row along the beam: the stacked planes stand edge-on
KINDS: dict[Defect, float] = {"twin": 0.5, "intrinsic": 0.35, "extrinsic": 0.15}
CARBON = atomic_numbers["C"]
CLEARANCE_NM = 0.22  # no atom of the support within the sum of the two atoms' radii
CONTACT_NM = 0.15  # least distance of two particles' atoms in projection, about half a bond
FLIP = np.diag([1.0, 1.0, -1.0])


@dataclass(frozen=True)
class Specimen:
    """Atoms and truth of one field.

    Attributes:
        atoms: In Angstrom, periodic in the plane: ASE's x is the row, y the column, z runs along the beam.
        owner: Per atom, the number of its particle from 1, or 0 for the support.
        particles: In the order of their numbers.
        absorption: Imaginary part of the potential, as a share of the real one.
    """

    atoms: Atoms
    owner: npt.NDArray[np.int64]
    particles: tuple[Placed, ...]
    absorption: float = 0.0


@dataclass(frozen=True)
class _Laid:
    """A particle on its way into the field, with its atoms about its centre and how far they reach in the plane."""

    placed: Placed
    points: Points
    numbers: npt.NDArray[np.int64]
    reach_nm: float


@dataclass(frozen=True)
class ParticlesOnFilm:
    """Draws specimens: particles, some with planar faults, on both faces of a film, from sparse to crowded.

    Attributes:
        materials: One of them for each specimen.
        supports: One of them for each specimen.
        shapes: How often each shape is drawn, relative to the others; a multiply twinned one is for fcc metals only.
        field_nm: Edge of the square field, periodic in the plane.
        diameter_nm: Smallest and largest diameter; one specimen's particles spread by a tenth about a common one, drawn
            evenly in its logarithm.
        coverage: Least and greatest share of a field that is not empty that particles are to cover, if they find room.
        most: The most particles in a field.
        empty: Share of the fields that hold no particle.
        film_nm: Thinnest and thickest film.
        relief: Greatest share of its thickness that a film loses from place to place.
        holes: Share of the films with a hole, through which the beam passes in vacuum.
        graphitic: Share of the fields with curved graphite, as in soot; half of these hold no particle.
        faulted: Share of the particles that hold one to three planar defects.
        edge_on: Share of the particles whose stacked planes stand edge-on within a few degrees.
        on_zone: Share of the particles near another low-index zone; the rest is turned at random.
        touching: Share of the particles laid against another one.
        opposite: Share of the specimens with particles on both faces of the film, where they overlap in projection.
        sunk: Largest part of the radius that a particle sinks into the film.
        vacancies: Greatest share of a particle's atoms that are missing.
        absorption: Least and greatest imaginary part of the potential, as a share of the real one: what is thick and
            heavy is dark by it.

    Raises:
        InputError: The particles do not fit the field, or there is no material, no support or no shape.
    """

    materials: Mapping[str, Material]
    supports: Mapping[str, Film] = field(default_factory=lambda: {"carbon": Film()})
    shapes: Mapping[Shape, float] = field(default_factory=lambda: {"sphere": 1.0, "faceted": 1.0, "ellipsoid": 1.0})
    field_nm: float = 15.36
    diameter_nm: Range = (2.0, 7.0)
    coverage: Range = (0.03, 0.4)
    most: int = 40
    empty: float = 0.2
    film_nm: Range = (1.5, 8.0)
    relief: float = 0.0
    holes: float = 0.0
    graphitic: float = 0.0
    faulted: float = 0.5
    edge_on: float = 0.45
    on_zone: float = 0.2
    touching: float = 0.15
    opposite: float = 0.0
    sunk: float = 0.3
    vacancies: float = 0.0
    absorption: Range = (0.02, 0.1)

    def __post_init__(self) -> None:
        if not (self.materials and self.supports and any(self.shapes.values())):
            raise InputError("materials, supports or shapes is empty; expected at least one of each")
        if self.diameter_nm[1] * 1.3 > self.field_nm:
            raise InputError(
                f"diameter_nm goes to {self.diameter_nm[1]} nm, the field is {self.field_nm} nm wide; "
                f"give diameter_nm up to {self.field_nm / 1.3:.1f} nm or a larger field_nm"
            )
        for name in ("diameter_nm", "coverage", "film_nm", "absorption"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise InputError(f"{name} is [{low}, {high}], expected the least, at least 0, then the greatest")

    def draw(self, rng: np.random.Generator) -> Specimen:
        """One specimen."""
        material = self.materials[rng.choice(sorted(self.materials))]
        film_nm = rng.uniform(*self.film_nm)
        relief = Relief.draw(self.field_nm, self.relief, self.holes, rng)
        graphitic = rng.random() < self.graphitic
        support, numbers = self._support(film_nm, relief, graphitic, rng)
        bare = rng.random() < (0.5 if graphitic else self.empty)
        laid = [] if bare else self._lay(material, film_nm, relief, rng)
        particles = [p.points + p.placed.centre_nm for p in laid]
        if particles:
            free = self._free(support, np.concatenate(particles))
            support, numbers = support[free], numbers[free]
        shaken = [points + rng.normal(0, material.rms_displacement_nm, points.shape) for points in particles]
        points = np.concatenate([support, *shaken])
        owner = np.repeat(np.arange(len(laid) + 1), [len(support), *map(len, shaken)])
        numbers = np.concatenate([numbers, *(p.numbers for p in laid)])
        specimen = self._in_cell(points, numbers, owner, [p.placed for p in laid], turned=rng.random() < 0.5)
        return replace(specimen, absorption=rng.uniform(*self.absorption))

    def _support(
        self, film_nm: float, relief: Relief, graphitic: bool, rng: np.random.Generator
    ) -> tuple[Points, npt.NDArray[np.int64]]:
        """Atoms of the film, thinned by its relief from above, and of the graphite on it."""
        film = self.supports[rng.choice(sorted(self.supports))]
        points, numbers = film.draw(self.field_nm, film_nm, rng)
        kept = points[:, 2] < film_nm * relief(points)
        if graphitic:  # half of it hangs over the edge of its film
            kept &= rng.random() < 0.5
        points, numbers = points[kept], numbers[kept]
        if graphitic:
            balls = [self._soot(film_nm, rng) for _ in range(rng.integers(1, 5, endpoint=True))]
            points = np.concatenate([points, *balls])
            numbers = np.concatenate([numbers, np.full(len(points) - len(numbers), CARBON)])
        return points, numbers

    def _soot(self, film_nm: float, rng: np.random.Generator) -> Points:
        """A ball of graphite at a height of the film, as far as it lies in the field, which it may be larger than."""
        ball = soot(np.exp(rng.uniform(*np.log([2, self.field_nm]))), rng.uniform(3, 15), rng)
        reach = np.abs(ball).max(axis=0)
        ball += np.array([*rng.uniform(-reach[:2] / 2, self.field_nm + reach[:2] / 2), film_nm + 0.3 + reach[2]])
        return ball[((ball[:, :2] >= 0) & (ball[:, :2] < self.field_nm)).all(axis=1)]

    def _free(self, support: Points, particles: Points) -> npt.NDArray[np.bool_]:
        """Where the support does not run into a particle: a sunk one has pushed it away."""
        tree = cKDTree(self._wrapped(particles), boxsize=[self.field_nm, self.field_nm, 0])
        return np.isinf(tree.query(self._wrapped(support), distance_upper_bound=CLEARANCE_NM)[0])

    def _wrapped(self, points: Points) -> Points:
        """The same points of the periodic field, all within it."""
        # twice: a remainder of -1e-17 is rounded to the field's edge itself
        return np.column_stack([points[:, :2] % self.field_nm % self.field_nm, points[:, 2]])

    def _in_cell(
        self,
        points: Points,
        numbers: npt.NDArray[np.int64],
        owner: npt.NDArray[np.int64],
        particles: list[Placed],
        turned: bool,
    ) -> Specimen:
        """The specimen in its cell, upside down or not."""
        if turned:
            points = points @ FLIP
            particles = [replace(p, centre_nm=FLIP @ p.centre_nm, rotation=FLIP @ p.rotation) for p in particles]
        lowest, highest = (points[:, 2].min(), points[:, 2].max()) if len(points) else (0.0, 0.0)
        lift = np.array([0, 0, 0.2 - lowest])
        points = self._wrapped(points + lift)
        cell = np.array([self.field_nm, self.field_nm, highest - lowest + 0.4])
        atoms = Atoms(numbers, positions=10 * points, cell=10 * cell, pbc=True)
        return Specimen(atoms, owner, tuple(replace(p, centre_nm=p.centre_nm + lift) for p in particles))

    def _lay(self, material: Material, film_nm: float, relief: Relief, rng: np.random.Generator) -> list[_Laid]:
        """Particles on the film's faces, apart from each other or touching; only those on two faces may overlap."""
        typical = np.exp(rng.uniform(*np.log(self.diameter_nm)))
        share = rng.uniform(*self.coverage) * self.field_nm**2 / (np.pi / 4 * typical**2)
        wanted = int(np.clip(round(share), 1, self.most))
        both = rng.random() < self.opposite
        faces: tuple[list[_Laid], list[_Laid]] = ([], [])
        for _ in range(20 * wanted):
            if sum(map(len, faces)) == wanted:
                break
            below = int(both and rng.random() < 0.5)
            diameter = float(np.clip(typical * rng.normal(1, 0.1), *self.diameter_nm))
            spot = self._spot(faces[below], diameter, rng)
            if all(self._apart(spot, diameter / 2, p) for p in faces[below]):  # before its atoms are made
                top = 0.0 if below else film_nm * float(relief(spot[None])[0])
                one = self._one(self._crystal(material, diameter, rng), spot, top, bool(below), rng)
                if self._fits(one) and all(self._apart(spot, one.reach_nm, p) for p in faces[below]):
                    faces[below].append(one)
        return [*faces[0], *faces[1]]

    def _one(self, crystal: Crystal, spot: Points, top: float, below: bool, rng: np.random.Generator) -> _Laid:
        """A particle at a place on the film, whose face there is at the height `top`."""
        rotation = self._turn(crystal.material, rng)
        points, numbers = crystal.positions(rng)
        points = points @ rotation.T
        sunk = crystal.diameter_nm / 2 * rng.uniform(0, self.sunk) - 0.1
        height = top + sunk - points[:, 2].max() if below else top - sunk - points[:, 2].min()
        placed = Placed(crystal, np.array([*spot, height]), rotation)
        return _Laid(placed, points, numbers, float(np.hypot(*points.T[:2]).max()))

    def _spot(self, laid: list[_Laid], diameter: float, rng: np.random.Generator) -> Points:
        """A place at random, or beside a particle that is there."""
        if not laid or rng.random() >= self.touching:
            return rng.uniform(0, self.field_nm, 2)
        other = laid[rng.integers(len(laid))]
        angle, gap = rng.uniform(0, 2 * np.pi), diameter / 2 + other.reach_nm + 2 * CONTACT_NM
        return (other.placed.centre_nm[:2] + gap * np.array([np.cos(angle), np.sin(angle)])) % self.field_nm

    def _fits(self, one: _Laid) -> bool:
        """Whether a particle in the periodic field is clear of itself, as a rod longer than the field is not."""
        return 2 * one.reach_nm + CONTACT_NM <= self.field_nm

    def _apart(self, spot: Points, reach_nm: float, other: _Laid) -> bool:
        away = np.abs(spot - other.placed.centre_nm[:2])
        away = np.minimum(away, self.field_nm - away)
        return bool(np.hypot(*away) > reach_nm + other.reach_nm + CONTACT_NM)

    def _crystal(self, material: Material, diameter: float, rng: np.random.Generator) -> Crystal:
        shares = {s: w for s, w in self.shapes.items() if material.structure == "fcc" or s not in Twinned}
        shape = _chosen(shares, rng)
        crystal = Crystal(
            material, diameter, shape, vacancies=rng.uniform(0, self.vacancies), seed=int(rng.integers(2**31))
        )
        if shape in Twinned or rng.random() >= self.faulted:
            return crystal
        return draw_planes(crystal, [_chosen(KINDS, rng) for _ in range(rng.integers(1, 3, endpoint=True))], rng)

    def _turn(self, material: Material, rng: np.random.Generator) -> Points:
        kind = rng.random()
        if kind >= self.edge_on + self.on_zone:
            return Rotation.random(rng=rng).as_matrix()
        zones = material.zones()
        zone = EDGE_ON if kind < self.edge_on else rng.choice(zones[rng.choice(list(zones))])
        onto_beam = Rotation.align_vectors([[0, 0, 1]], [zone])[0]
        tilt = Rotation.from_rotvec(np.radians([*rng.normal(0, 2.5, 2), 0]))
        spin = Rotation.from_euler("z", rng.uniform(0, 360), degrees=True)
        return (spin * tilt * onto_beam).as_matrix()


def _chosen(shares: Mapping[Name, float], rng: np.random.Generator) -> Name:
    """One of the keys, as often as its share says."""
    keys = sorted(shares)
    weights = np.array([shares[key] for key in keys])
    return keys[rng.choice(len(keys), p=weights / weights.sum())]
