"""Random specimens of nanoparticles on a support."""

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
from hrtem_lab.physics.crystal import Crystal, sample_planes
from hrtem_lab.physics.face import Face, ParticleAtoms
from hrtem_lab.physics.material import Defect, Material, Points
from hrtem_lab.physics.placed_particle import PlacedParticle
from hrtem_lab.physics.shapes import MULTIPLY_TWINNED, Shape
from hrtem_lab.physics.specimen import Range, Specimen
from hrtem_lab.physics.support import Film, Relief, sample_soot

Name = TypeVar("Name", bound=str)

CLOSE_PACKED_ROW = np.array([1.0, 0.0, 0.0])
"""Zone axis along which the stacked planes stand edge-on."""
DEFECT_WEIGHTS: dict[Defect, float] = {"twin": 0.5, "intrinsic": 0.35, "extrinsic": 0.15}
CARBON = atomic_numbers["C"]
CLEARANCE_NM = 0.22
"""Distance from a particle within which the support has no atom: the sum of the two atoms' radii."""
FLIP = np.diag([1.0, 1.0, -1.0])


@dataclass(frozen=True)
class ParticlesOnFilm:
    """Samples specimens: particles, some with planar faults, on both faces of a film, from sparse to crowded.

    Attributes:
        materials: Materials of the particles; each specimen has one.
        supports: Films; each specimen has one.
        shapes: Relative frequency of each shape; multiply twinned ones are for fcc metals only.
        field_nm: Side length of the square field, periodic in the plane.
        diameter_nm: Smallest and largest diameter; one specimen's particles vary by a tenth about a common one, sampled
            evenly in its logarithm.
        coverage: Smallest and largest fraction of a field that particles are to cover, if they find room.
        max_particles: Largest number of particles in a field.
        empty: Fraction of the fields that hold no particle.
        film_nm: Smallest and largest thickness of the film.
        relief: Largest fraction of its thickness that a film loses from place to place.
        holes: Fraction of the films with a hole, through which the beam passes in vacuum.
        graphitic: Fraction of the fields with curved graphite, as in soot; half of these hold no particle.
        faulted: Fraction of the particles that hold one to three planar defects.
        edge_on: Fraction of the particles whose stacked planes stand edge-on within a few degrees.
        on_zone: Fraction of the particles near another low-index zone axis; the rest is turned at random.
        touching: Fraction of the particles that are laid against another one.
        opposite: Fraction of the specimens with particles on both faces of the film, where they overlap in projection.
        sunk: Largest fraction of its radius that a particle sinks into the film.
        vacancies: Largest fraction of a particle's atoms that is missing.
        absorption: Smallest and largest imaginary part of the potential, as a fraction of the real one; it makes
            thick and heavy matter dark.

    Raises:
        InputError: The particles do not fit the field, or there is no material, no support or no shape.
    """

    materials: Mapping[str, Material]
    supports: Mapping[str, Film] = field(default_factory=lambda: {"carbon": Film()})
    shapes: Mapping[Shape, float] = field(default_factory=lambda: {"sphere": 1.0, "faceted": 1.0, "ellipsoid": 1.0})
    field_nm: float = 15.36
    diameter_nm: Range = (2.0, 7.0)
    coverage: Range = (0.03, 0.4)
    max_particles: int = 40
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

    def sample(self, rng: np.random.Generator) -> Specimen:
        """Sample a specimen."""
        material = self.materials[rng.choice(sorted(self.materials))]
        film_nm = rng.uniform(*self.film_nm)
        relief = Relief.sample(self.field_nm, self.relief, self.holes, rng)
        has_soot = rng.random() < self.graphitic
        support, numbers = self._sample_support(film_nm, relief, has_soot, rng)
        is_empty = rng.random() < (0.5 if has_soot else self.empty)
        particles = [] if is_empty else self._sample_particles(material, film_nm, relief, rng)
        clouds = [p.points + p.placed.centre_nm for p in particles]
        if clouds:
            free = self._is_clear(support, np.concatenate(clouds))
            support, numbers = support[free], numbers[free]
        displaced = [points + rng.normal(0, material.rms_displacement_nm, points.shape) for points in clouds]
        points = np.concatenate([support, *displaced])
        particle_ids = np.repeat(np.arange(len(particles) + 1), [len(support), *map(len, displaced)])
        numbers = np.concatenate([numbers, *(p.numbers for p in particles)])
        placed, flipped = [p.placed for p in particles], rng.random() < 0.5
        specimen = self._put_in_cell(points, numbers, particle_ids, placed, flipped)
        return replace(specimen, absorption=rng.uniform(*self.absorption))

    def _sample_support(
        self, film_nm: float, relief: Relief, has_soot: bool, rng: np.random.Generator
    ) -> tuple[Points, npt.NDArray[np.int64]]:
        """Sample the atoms of the film, thinned by its relief from above, and of the graphite on it."""
        film = self.supports[rng.choice(sorted(self.supports))]
        points, numbers = film.sample(self.field_nm, film_nm, rng)
        kept = points[:, 2] < film_nm * relief(points)
        if has_soot:  # half of it hangs over the edge of its film
            kept &= rng.random() < 0.5
        points, numbers = points[kept], numbers[kept]
        if has_soot:
            balls = [self._sample_soot_ball(film_nm, rng) for _ in range(rng.integers(1, 5, endpoint=True))]
            points = np.concatenate([points, *balls])
            numbers = np.concatenate([numbers, np.full(len(points) - len(numbers), CARBON)])
        return points, numbers

    def _sample_soot_ball(self, film_nm: float, rng: np.random.Generator) -> Points:
        """Sample the part of a ball of graphite on the film that lies in the field; the ball may be larger."""
        ball = sample_soot(np.exp(rng.uniform(*np.log([2, self.field_nm]))), rng.uniform(3, 15), rng)
        reach = np.abs(ball).max(axis=0)
        ball += np.array([*rng.uniform(-reach[:2] / 2, self.field_nm + reach[:2] / 2), film_nm + 0.3 + reach[2]])
        return ball[((ball[:, :2] >= 0) & (ball[:, :2] < self.field_nm)).all(axis=1)]

    def _is_clear(self, support: Points, particles: Points) -> npt.NDArray[np.bool_]:
        """Tell which atoms of the support are clear of the particles: a sunk particle has pushed the others away."""
        tree = cKDTree(self._wrap(particles), boxsize=[self.field_nm, self.field_nm, 0])
        return np.isinf(tree.query(self._wrap(support), distance_upper_bound=CLEARANCE_NM)[0])

    def _wrap(self, points: Points) -> Points:
        """Return the same points of the periodic field, all within it."""
        # twice: a remainder of -1e-17 is rounded to the field's edge itself
        return np.column_stack([points[:, :2] % self.field_nm % self.field_nm, points[:, 2]])

    def _put_in_cell(
        self,
        points: Points,
        numbers: npt.NDArray[np.int64],
        particle_ids: npt.NDArray[np.int64],
        particles: list[PlacedParticle],
        flipped: bool,
    ) -> Specimen:
        """Return the specimen in its periodic cell, upside down if `flipped`."""
        if flipped:
            points = points @ FLIP
            particles = [replace(p, centre_nm=FLIP @ p.centre_nm, rotation=FLIP @ p.rotation) for p in particles]
        lowest, highest = (points[:, 2].min(), points[:, 2].max()) if len(points) else (0.0, 0.0)
        lift = np.array([0, 0, 0.2 - lowest])
        points = self._wrap(points + lift)
        cell = np.array([self.field_nm, self.field_nm, highest - lowest + 0.4])
        atoms = Atoms(numbers, positions=10 * points, cell=10 * cell, pbc=True)
        return Specimen(atoms, particle_ids, tuple(replace(p, centre_nm=p.centre_nm + lift) for p in particles))

    def _sample_particles(
        self, material: Material, film_nm: float, relief: Relief, rng: np.random.Generator
    ) -> list[ParticleAtoms]:
        """Sample particles on the faces of the film, apart or touching; only those on two faces may overlap."""
        typical_nm = np.exp(rng.uniform(*np.log(self.diameter_nm)))
        count = rng.uniform(*self.coverage) * self.field_nm**2 / (np.pi / 4 * typical_nm**2)
        wanted = int(np.clip(round(count), 1, self.max_particles))
        both = rng.random() < self.opposite
        upper, lower = faces = Face(self.field_nm), Face(self.field_nm)
        for _ in range(20 * wanted):
            if sum(len(face.particles) for face in faces) == wanted:
                break
            face = lower if both and rng.random() < 0.5 else upper
            diameter_nm = float(np.clip(typical_nm * rng.normal(1, 0.1), *self.diameter_nm))
            spot = face.sample_spot(diameter_nm, self.touching, rng)
            if face.has_room(spot, diameter_nm / 2):  # before its atoms are made
                height_nm = 0.0 if face is lower else film_nm * float(relief(spot[None])[0])
                crystal = self._sample_crystal(material, diameter_nm, rng)
                face.add_if_free(self._sample_particle(crystal, spot, height_nm, face is lower, rng))
        return [*upper.particles, *lower.particles]

    def _sample_particle(
        self, crystal: Crystal, spot: Points, height_nm: float, below: bool, rng: np.random.Generator
    ) -> ParticleAtoms:
        """Sample orientation, depth in the film and atoms of a particle.

        Args:
            crystal: The particle in its own frame.
            spot: Row and column of its centre in nm.
            height_nm: Height of the film's face at that place.
            below: Whether the particle hangs below the film.
            rng: Random number generator.
        """
        rotation = self._sample_rotation(crystal.material, rng)
        points, numbers = crystal.sample_atoms(rng)
        points = points @ rotation.T
        sunk_nm = crystal.diameter_nm / 2 * rng.uniform(0, self.sunk) - 0.1
        centre = height_nm + sunk_nm - points[:, 2].max() if below else height_nm - sunk_nm - points[:, 2].min()
        placed = PlacedParticle(crystal, np.array([*spot, centre]), rotation)
        return ParticleAtoms(placed, points, numbers, float(np.hypot(*points.T[:2]).max()))

    def _sample_crystal(self, material: Material, diameter_nm: float, rng: np.random.Generator) -> Crystal:
        """Sample shape, vacancies and planar defects of a particle."""
        is_fcc = material.structure == "fcc"
        shape = _choose({s: w for s, w in self.shapes.items() if is_fcc or s not in MULTIPLY_TWINNED}, rng)
        vacancies, seed = rng.uniform(0, self.vacancies), int(rng.integers(2**31))
        crystal = Crystal(material, diameter_nm, shape, vacancies=vacancies, seed=seed)
        if shape in MULTIPLY_TWINNED or rng.random() >= self.faulted:
            return crystal
        kinds = [_choose(DEFECT_WEIGHTS, rng) for _ in range(rng.integers(1, 3, endpoint=True))]
        return sample_planes(crystal, kinds, rng)

    def _sample_rotation(self, material: Material, rng: np.random.Generator) -> Points:
        """Sample a rotation matrix from the crystal's frame to (row, column, height), (3, 3)."""
        kind = rng.random()
        if kind >= self.edge_on + self.on_zone:
            return Rotation.random(rng=rng).as_matrix()
        zones = material.zone_axes()
        zone = CLOSE_PACKED_ROW if kind < self.edge_on else rng.choice(zones[rng.choice(list(zones))])
        onto_beam = Rotation.align_vectors([[0, 0, 1]], [zone])[0]
        tilt = Rotation.from_rotvec(np.radians([*rng.normal(0, 2.5, 2), 0]))
        spin = Rotation.from_euler("z", rng.uniform(0, 360), degrees=True)
        return (spin * tilt * onto_beam).as_matrix()


def _choose(weights: Mapping[Name, float], rng: np.random.Generator) -> Name:
    """Choose one of the keys with a probability in proportion to its weight."""
    keys = sorted(weights)
    values = np.array([weights[key] for key in keys])
    return keys[rng.choice(len(keys), p=values / values.sum())]
