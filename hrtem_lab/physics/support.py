"""What the particles lie on: amorphous films, their thickness and holes, and graphitic carbon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from ase.data import atomic_masses, atomic_numbers
from scipy.constants import Avogadro
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hrtem_lab.physics.crystal import Points

CELL_NM = 0.4
LAYERS_NM = 0.344  # turbostratic graphite (Franklin, Acta Cryst. 4, 253, 1951)
GRAPHENE_PER_NM2 = 38.2  # two atoms to a cell of 0.246 nm
DOMAIN_NM = (1.2, 6.0)  # from soot as it is made to soot that was heated
DOMAIN_TURN = (0.03, 0.25)  # radians, about each axis


@dataclass(frozen=True)
class Film:
    """An amorphous film.

    Attributes:
        elements: Atoms of the formula unit, such as {"Si": 3, "N": 4}.
        density_g_per_cm3: Lowest and highest density.
        distance_nm: Smallest distance of two atoms; without it the speckle is stronger than any real film's.
    """

    elements: Mapping[str, int] = field(default_factory=lambda: {"C": 1})
    density_g_per_cm3: tuple[float, float] = (1.8, 2.2)
    distance_nm: float = 0.135

    def draw(
        self, field_nm: float, thickness_nm: float, rng: np.random.Generator
    ) -> tuple[Points, npt.NDArray[np.int64]]:
        """Atoms of a film between the heights 0 and `thickness_nm`, periodic in the plane.

        Args:
            field_nm: Edge of the square film.
            thickness_nm: Its thickness.
            rng: Source of chance.

        Returns:
            Positions, (n, 3) in nm as (row, column, height), and atomic numbers, (n,).
        """
        numbers = np.array([atomic_numbers[e] for e in self.elements])
        shares = np.array(list(self.elements.values())) / sum(self.elements.values())
        grams = float(shares @ atomic_masses[numbers]) / Avogadro
        per_nm3 = rng.uniform(*self.density_g_per_cm3) * 1e-21 / grams
        points = scatter(field_nm, thickness_nm, per_nm3, self.distance_nm, rng)
        return points, rng.choice(numbers, len(points), p=shares)


def scatter(
    field_nm: float, thickness_nm: float, per_nm3: float, distance_nm: float, rng: np.random.Generator
) -> Points:
    """Points at random in a box that is periodic in the plane, none nearer to another than `distance_nm`, (n, 3)."""
    box = np.array([field_nm, field_nm, thickness_nm])
    wanted = round(per_nm3 * box.prod())
    points = np.empty((0, 3))
    while len(points) < wanted:
        # at least a fifth of all, else the last few, which hardly find room, take many rounds
        new = rng.random((max(2 * (wanted - len(points)), wanted // 5), 3)) * box
        new = new[np.lexsort((new // CELL_NM).T)]  # neighbours in space near in memory: twice as fast
        if len(points):
            new = new[np.isinf(_tree(points, field_nm).query(new, distance_upper_bound=distance_nm)[0])]
        one, other = _tree(new, field_nm).query_pairs(distance_nm, output_type="ndarray").T
        chance = rng.random(len(new))
        points = np.concatenate([points, np.delete(new, np.where(chance[one] > chance[other], one, other), axis=0)])
    return rng.permutation(points)[:wanted]


def _tree(points: Points, field_nm: float) -> cKDTree:
    """For distances in a film that is periodic in the plane."""
    return cKDTree(points, compact_nodes=False, balanced_tree=False, boxsize=[field_nm, field_nm, 0])


@dataclass(frozen=True)
class Relief:
    """How thick a film is from place to place, as a share of its greatest thickness: a wave along one direction.

    Attributes:
        periods: Of the wave in the field along rows and columns: (1, 0), (0, 1), ...; periodic as the field is.
        phase: Of the wave, in radians.
        depth: Share of the thickness that is missing at the thinnest place.
        hole: Row, column and radius in nm of a round hole with a wavy rim, or None.
    """

    field_nm: float
    periods: tuple[int, int] = (1, 0)
    phase: float = 0.0
    depth: float = 0.0
    hole: tuple[float, float, float] | None = None

    @classmethod
    def draw(cls, field_nm: float, deepest: float, holes: float, rng: np.random.Generator) -> Relief:
        """A relief of at most `deepest`; a share `holes` of them has a hole of a tenth to four tenths of the field."""
        periods = [(1, 0), (0, 1), (1, 1), (1, -1)][rng.integers(4)]
        phase, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0, deepest)
        hole = None
        if rng.random() < holes:
            hole = (*rng.uniform(0, field_nm, 2), rng.uniform(0.1, 0.4) * field_nm)
        return cls(field_nm, periods, phase, depth, hole)

    def __call__(self, points: Points) -> npt.NDArray[np.float64]:
        """Share of the greatest thickness at each place, (n, 2 or more) in nm -> (n,); 0 in the hole."""
        turn = 2 * np.pi * (points[:, :2] @ np.array(self.periods)) / self.field_nm + self.phase
        share: npt.NDArray[np.float64] = 1 - self.depth * (0.5 - 0.5 * np.cos(turn))
        if self.hole is None:
            return share
        away = (points[:, :2] - self.hole[:2] + self.field_nm / 2) % self.field_nm - self.field_nm / 2
        rim = self.hole[2] * (1 + 0.1 * np.cos(3 * np.arctan2(away[:, 0], away[:, 1]) + self.phase))
        return np.where(np.hypot(*away.T) < rim, 0.0, share)


def soot(radius_nm: float, thick_nm: float, rng: np.random.Generator) -> Points:
    """Graphitic carbon as in soot: curved, broken layers about a centre, (n, 3) in nm.

    Edge-on, its layers show fringes of 0.34 nm: a lattice without any particle. They are ordered over a few nanometres
    at most: shells about the centre, torn into domains, each turned and moved out of line by itself, so that fringes
    are short, wavy, and cross those above and below (Vander Wal and Tomasek, Combust. Flame 134, 1, 2003).
    Atoms within a layer have the density of graphene and no order; every shell lacks some patches.

    Args:
        radius_nm: Of the outermost shell.
        thick_nm: Of what is kept, a slab about the centre, where the shells are edge-on.
        rng: Source of chance.
    """
    waves, phases = 3 * rng.normal(size=(4, 3)), rng.uniform(0, 2 * np.pi, 4)
    bend, torn = rng.uniform(0.03, 0.12), rng.uniform(-1.2, 0.2)
    shells = []
    for radius in np.arange(rng.uniform(0.3, 0.6), radius_nm, LAYERS_NM):
        unit = _sphere(round(4 * np.pi * radius**2 * GRAPHENE_PER_NM2), rng)
        unit = unit[radius * np.abs(unit[:, 2]) < thick_nm / 2]
        patches = np.cos(radius * unit @ (2 * rng.normal(size=(3, 3))).T + rng.uniform(0, 2 * np.pi, 3)).sum(1)
        unit = unit[patches > torn]
        bent = radius * (1 + bend * np.cos(unit @ waves.T + phases).sum(1) / 2)
        shells.append(unit * bent[:, None] + rng.normal(0, 0.01, unit.shape))
    points = np.concatenate(shells)
    return _in_domains(points, np.exp(rng.uniform(*np.log(DOMAIN_NM))), rng.uniform(*DOMAIN_TURN), rng)


def _in_domains(points: Points, size_nm: float, turn: float, rng: np.random.Generator) -> Points:
    """Layers about the origin, torn into domains of about `size_nm`, each turned by about `turn` rad and moved."""
    low, high = points.min(axis=0), points.max(axis=0)
    centres = rng.uniform(low, high, (max(1, round(float(np.prod((high - low) / size_nm)))), 3))
    domain = cKDTree(centres).query(points)[1]
    outwards = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    moved = centres + outwards * rng.uniform(-LAYERS_NM / 2, LAYERS_NM / 2, (len(centres), 1))
    turned = Rotation.from_rotvec(rng.normal(0, turn, centres.shape))
    return moved[domain] + turned[domain].apply(points - centres[domain])


def _sphere(count: int, rng: np.random.Generator) -> Points:
    """Directions spread evenly over the sphere, (count, 3), as the seeds of a sunflower, turned at random."""
    number = np.arange(count) + 0.5
    height, turn = 1 - 2 * number / count, np.pi * (1 + np.sqrt(5)) * number
    ring = np.sqrt(1 - height**2)
    unit = np.column_stack([ring * np.cos(turn), ring * np.sin(turn), height])
    return unit @ Rotation.random(rng=rng).as_matrix().T
