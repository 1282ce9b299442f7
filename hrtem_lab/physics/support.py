"""Supports of the particles: amorphous films, their relief and holes, and graphitic carbon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from ase.data import atomic_masses, atomic_numbers
from scipy.constants import Avogadro
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hrtem_lab.physics.material import Points
from hrtem_lab.physics.shapes import fibonacci_sphere

SORTING_CELL_NM = 0.4
LAYER_SPACING_NM = 0.344
"""Spacing of turbostratic graphite (Franklin, Acta Cryst. 4, 253, 1951)."""
GRAPHENE_ATOMS_PER_NM2 = 38.2
"""Density of graphene: two atoms in a cell of 0.246 nm."""
DOMAIN_SIZE_NM = (1.2, 6.0)
"""Size of ordered domains, from fresh soot to soot that was heated."""
DOMAIN_ROTATION_RAD = (0.03, 0.25)
"""Rotation of domains about each axis."""


@dataclass(frozen=True)
class Film:
    """An amorphous film.

    Attributes:
        elements: Atoms of the formula unit, such as {"Si": 3, "N": 4}.
        density_g_per_cm3: Lowest and highest density.
        distance_nm: Smallest distance between two atoms; without it the speckle is stronger than any real film's.
    """

    elements: Mapping[str, int] = field(default_factory=lambda: {"C": 1})
    density_g_per_cm3: tuple[float, float] = (1.8, 2.2)
    distance_nm: float = 0.135

    def sample(
        self, field_nm: float, thickness_nm: float, rng: np.random.Generator
    ) -> tuple[Points, npt.NDArray[np.int64]]:
        """Sample the atoms of a film between the heights 0 and `thickness_nm`, periodic in the plane.

        Args:
            field_nm: Side length of the square film.
            thickness_nm: Thickness of the film.
            rng: Random number generator.

        Returns:
            Positions, (n, 3) in nm as (row, column, height), and atomic numbers, (n,).
        """
        numbers = np.array([atomic_numbers[e] for e in self.elements])
        fractions = np.array(list(self.elements.values())) / sum(self.elements.values())
        grams = float(fractions @ atomic_masses[numbers]) / Avogadro
        per_nm3 = rng.uniform(*self.density_g_per_cm3) * 1e-21 / grams
        points = sample_points(field_nm, thickness_nm, per_nm3, self.distance_nm, rng)
        return points, rng.choice(numbers, len(points), p=fractions)


def sample_points(
    field_nm: float, thickness_nm: float, per_nm3: float, distance_nm: float, rng: np.random.Generator
) -> Points:
    """Sample random points in a box that is periodic in the plane, (n, 3).

    Args:
        field_nm: Side length of the box in the plane.
        thickness_nm: Height of the box.
        per_nm3: Number density.
        distance_nm: Smallest distance between two points.
        rng: Random number generator.
    """
    box = np.array([field_nm, field_nm, thickness_nm])
    wanted = round(per_nm3 * box.prod())
    points = np.empty((0, 3))
    while len(points) < wanted:
        # at least a fifth of all, else the last few, which hardly find room, take many rounds
        new = rng.random((max(2 * (wanted - len(points)), wanted // 5), 3)) * box
        new = new[np.lexsort((new // SORTING_CELL_NM).T)]  # neighbours in space near in memory: twice as fast
        if len(points):
            new = new[np.isinf(_periodic_tree(points, field_nm).query(new, distance_upper_bound=distance_nm)[0])]
        one, other = _periodic_tree(new, field_nm).query_pairs(distance_nm, output_type="ndarray").T
        priority = rng.random(len(new))
        losers = np.where(priority[one] > priority[other], one, other)
        points = np.concatenate([points, np.delete(new, losers, axis=0)])
    return rng.permutation(points)[:wanted]


def _periodic_tree(points: Points, field_nm: float) -> cKDTree:
    """Return a tree for distances in a film that is periodic in the plane."""
    return cKDTree(points, compact_nodes=False, balanced_tree=False, boxsize=[field_nm, field_nm, 0])


@dataclass(frozen=True)
class Relief:
    """Local thickness of a film as a fraction of its greatest thickness: a wave along one direction.

    Attributes:
        field_nm: Side length of the periodic field.
        periods: Number of periods of the wave in the field along rows and columns: (1, 0), (0, 1), ...
        phase: Phase of the wave in radians.
        depth: Fraction of the thickness that is missing at the thinnest place.
        hole: Row, column and radius in nm of a round hole with a wavy rim, or None.
    """

    field_nm: float
    periods: tuple[int, int] = (1, 0)
    phase: float = 0.0
    depth: float = 0.0
    hole: tuple[float, float, float] | None = None

    @classmethod
    def sample(cls, field_nm: float, max_depth: float, hole_fraction: float, rng: np.random.Generator) -> Relief:
        """Sample a relief.

        Args:
            field_nm: Side length of the periodic field.
            max_depth: Greatest `depth`.
            hole_fraction: Probability of a hole, whose radius is a tenth to four tenths of the field.
            rng: Random number generator.
        """
        periods = [(1, 0), (0, 1), (1, 1), (1, -1)][rng.integers(4)]
        phase, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0, max_depth)
        hole = None
        if rng.random() < hole_fraction:
            hole = (*rng.uniform(0, field_nm, 2), rng.uniform(0.1, 0.4) * field_nm)
        return cls(field_nm, periods, phase, depth, hole)

    def __call__(self, points: Points) -> npt.NDArray[np.float64]:
        """Return the fraction of the greatest thickness at points, (n, 2 or more) in nm -> (n,); 0 in the hole."""
        angle = 2 * np.pi * (points[:, :2] @ np.array(self.periods)) / self.field_nm + self.phase
        fraction: npt.NDArray[np.float64] = 1 - self.depth * (0.5 - 0.5 * np.cos(angle))
        if self.hole is None:
            return fraction
        away = (points[:, :2] - self.hole[:2] + self.field_nm / 2) % self.field_nm - self.field_nm / 2
        rim = self.hole[2] * (1 + 0.1 * np.cos(3 * np.arctan2(away[:, 0], away[:, 1]) + self.phase))
        return np.where(np.hypot(*away.T) < rim, 0.0, fraction)


def sample_soot(radius_nm: float, slab_nm: float, rng: np.random.Generator) -> Points:
    """Sample a ball of graphitic carbon as in soot: curved, broken layers about a centre, (n, 3) in nm.

    Edge-on, its layers show fringes of 0.34 nm: a lattice without any particle. They are ordered over a few nanometres
    at most: shells about the centre, torn into domains, each turned and moved out of line by itself, so that fringes
    are short, wavy, and cross those above and below (Vander Wal and Tomasek, Combust. Flame 134, 1, 2003).
    Atoms within a layer have the density of graphene and no order; every shell lacks some patches.

    Args:
        radius_nm: Radius of the outermost shell.
        slab_nm: Thickness of the slab about the centre that is kept, where the shells are edge-on.
        rng: Random number generator.
    """
    waves, phases = 3 * rng.normal(size=(4, 3)), rng.uniform(0, 2 * np.pi, 4)
    bend, patch_threshold = rng.uniform(0.03, 0.12), rng.uniform(-1.2, 0.2)
    shells = []
    for radius in np.arange(rng.uniform(0.3, 0.6), radius_nm, LAYER_SPACING_NM):
        unit = _sample_directions(round(4 * np.pi * radius**2 * GRAPHENE_ATOMS_PER_NM2), rng)
        unit = unit[radius * np.abs(unit[:, 2]) < slab_nm / 2]
        patches = np.cos(radius * unit @ (2 * rng.normal(size=(3, 3))).T + rng.uniform(0, 2 * np.pi, 3)).sum(1)
        unit = unit[patches > patch_threshold]
        bent = radius * (1 + bend * np.cos(unit @ waves.T + phases).sum(1) / 2)
        shells.append(unit * bent[:, None] + rng.normal(0, 0.01, unit.shape))
    points = np.concatenate(shells)
    size_nm = np.exp(rng.uniform(*np.log(DOMAIN_SIZE_NM)))
    return _break_into_domains(points, size_nm, rng.uniform(*DOMAIN_ROTATION_RAD), rng)


def _break_into_domains(points: Points, size_nm: float, rotation_rad: float, rng: np.random.Generator) -> Points:
    """Break layers about the origin into domains of about `size_nm`, each turned and moved by itself."""
    low, high = points.min(axis=0), points.max(axis=0)
    centres = rng.uniform(low, high, (max(1, round(float(np.prod((high - low) / size_nm)))), 3))
    domain = cKDTree(centres).query(points)[1]
    outwards = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    half = LAYER_SPACING_NM / 2
    moved = centres + outwards * rng.uniform(-half, half, (len(centres), 1))
    rotations = Rotation.from_rotvec(rng.normal(0, rotation_rad, centres.shape))
    return moved[domain] + rotations[domain].apply(points - centres[domain])


def _sample_directions(count: int, rng: np.random.Generator) -> Points:
    """Return unit vectors that cover the sphere evenly, with a random rotation, (count, 3)."""
    return fibonacci_sphere(count) @ Rotation.random(rng=rng).as_matrix().T
