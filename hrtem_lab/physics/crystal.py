"""Particles with planar defects, atom by atom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import get_args

import numpy as np
import numpy.typing as npt

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import multiply_twinned
from hrtem_lab.physics.material import STACK_AXES, Defect, Material, Points
from hrtem_lab.physics.shapes import Body, Shape, Twinned, body

__all__ = ["STACK_AXES", "Crystal", "Defect", "Material", "Plane", "Points", "Shape", "draw_planes"]

TURN = np.diag([-1.0, -1.0, 1.0])  # half a turn about the planes' normal: the other twin of a cubic stack
APART = 3  # planes nearer than this many steps make one other defect, or none


@dataclass(frozen=True)
class Plane:
    """A defect that goes through the whole stack.

    Attributes:
        kind: `twin` (all steps above it turn), `intrinsic` (one step goes the other way) or `extrinsic` (a plane more).
            In wurtzite these are the faults I1, I2 and E.
        height_nm: Above the centre, to within the distance of two planes of atoms.
    """

    kind: Defect
    height_nm: float

    def __post_init__(self) -> None:
        if self.kind not in get_args(Defect):
            raise InputError(f"kind of a plane is {self.kind!r}, expected one of {', '.join(get_args(Defect))}")


@dataclass(frozen=True)
class Crystal:
    """One particle before it is placed: stacked close-packed planes or a multiply twinned lattice, cut to a shape.

    Attributes:
        material: What it is made of.
        diameter_nm: Diameter of the sphere of the same volume.
        shape: See `hrtem_lab.physics.shapes`; decahedra and icosahedra are for fcc, and hold no planes but their own.
        planes: Defects of the stack, at least three steps apart and within the particle.
        vacancies: Share of the atoms that is missing.
        roughness_nm: Standard deviation of the surface about its shape, from atom to atom.
        seed: Of what chance adds to the shape: an irregular one's lumps, a rod's length.
    """

    material: Material
    diameter_nm: float
    shape: Shape = "sphere"
    planes: tuple[Plane, ...] = ()
    vacancies: float = 0.0
    roughness_nm: float = 0.03
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.diameter_nm < np.inf:
            raise InputError(f"diameter_nm is {self.diameter_nm}, expected a length above 0")
        if not 0 <= self.vacancies < 1 or self.roughness_nm < 0:
            raise InputError(
                f"vacancies are {self.vacancies} and roughness_nm is {self.roughness_nm}; expected a share from 0 to "
                "below 1 and a length of at least 0"
            )
        if self.shape not in get_args(Shape):
            raise InputError(f"shape is {self.shape!r}, expected one of {', '.join(get_args(Shape))}")
        if self.shape in Twinned and (self.material.structure != "fcc" or self.planes):
            raise InputError(
                f"shape is {self.shape} for {self.material.name} with {len(self.planes)} planes; only fcc twins that "
                "way, and such a particle holds no other planes: give another shape"
            )
        self._check_planes()

    def _check_planes(self) -> None:
        places = sorted(self._place(p) for p in self.planes)
        heights = ", ".join(f"{p.height_nm:.2f}" for p in self.planes)
        if any(b - a < APART for a, b in pairwise(places)):
            raise InputError(
                f"planes at {heights} nm are nearer to each other than "
                f"{APART} steps of {self.material.plane_nm:.3f} nm; give planes farther apart"
            )
        sides = self.material.plane_nm * np.array([*places, *(place + 1 for place in places)])
        if self.planes and not (self.depth(sides[:, None] * [0, 0, 1]) > 0).all():
            raise InputError(
                f"planes at {heights} nm do not all lie within a {self.shape} of {self.diameter_nm:.2f} nm; "
                "give heights nearer to 0"
            )

    def _place(self, plane: Plane) -> int:
        """The step that a plane falls on: step k leads from the plane of atoms k to k + 1."""
        return int(np.floor(plane.height_nm / self.material.plane_nm))

    @property
    def _body(self) -> Body:
        return body(self.shape, self.material.cubic, self.seed)

    @property
    def reach_nm(self) -> float:
        """The largest distance of the surface from the centre."""
        return self.diameter_nm * self._body.reach

    def depth(self, points: Points) -> npt.NDArray[np.float64]:
        """How far each point, (n, 3) in nm, lies under the surface; negative outside."""
        return self.diameter_nm * self._body.depth(points / self.diameter_nm)

    @cached_property
    def variants(self) -> Points:
        """From the frame of a perfect stack to each lattice in the particle, (n, 3, 3).

        These are rotations, in multiply twinned particles with the lattice's strain.
        """
        if self.shape in Twinned:
            return multiply_twinned.orientations(self.shape)
        twinned = self.material.cubic and any(p.kind == "twin" for p in self.planes)
        return np.array([np.eye(3), TURN] if twinned else [np.eye(3)])

    @cached_property
    def normals(self) -> Points:
        """Unit normals of the planar defects, (m, 3); those of one stack count once."""
        if self.shape in Twinned:
            return multiply_twinned.twin_planes(self.shape)[0]
        return np.array([[0.0, 0.0, 1.0]] if self.planes else np.empty((0, 3)))

    def reflections(self, variant: int) -> Points:
        """The reflections of one lattice in nm^-1, (n, 3)."""
        return np.linalg.solve(self.variants[variant].T, self.material.wave_vectors().T).T

    def changed(self, variant: int) -> npt.NDArray[np.bool_]:
        """Which reflections of one lattice the defects change, (m, n): those whose g . R is not whole.

        R is the shift at the plane, see `Material.shift`. A twin plane of a multiply twinned particle changes those of
        the two lattices that it bounds.
        """
        g = self.material.wave_vectors()
        if self.shape not in Twinned:
            shifts = np.array([self.material.shift(kind) for kind in {p.kind for p in self.planes}]).reshape(-1, 3)
            return _fraction(shifts @ g.T).any(axis=0).reshape(1, -1)[: len(self.normals)]
        normals, bounds = multiply_twinned.twin_planes(self.shape)
        # in cubic axes: the signs of the plane's (111), and 1/6 <112> in that plane
        signs = np.sign(np.round(normals @ self.variants[variant] @ STACK_AXES, 1))
        shifts = signs * [1, 1, -2] * self.material.a_nm / 6 @ STACK_AXES.T
        return _fraction(shifts @ g.T) & bounds[variant][:, None]

    def stacking(self) -> tuple[Points, npt.NDArray[np.int64]]:
        """Heights of the close-packed planes in nm, and the letter of each (0, 1, 2 for A, B, C); A at height 0."""
        half = int(np.ceil(self.reach_nm / self.material.plane_nm)) + 2
        at = {self._place(p): p.kind for p in self.planes}
        steps, level, turned = [], -half, 1
        for k in range(-half, half):
            step = turned * (1 if self.material.cubic or level % 2 == 0 else -1)
            if at.get(k) or at.get(k - 1) == "extrinsic":  # the plane too many is reached and left the other way
                step = -step
            if at.get(k) == "twin":
                turned = -turned
            if at.get(k) != "extrinsic":
                level += 1
            steps.append(step)
        letters = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
        return np.arange(-half, half + 1) * np.float64(self.material.plane_nm), (letters - letters[half]) % 3

    def positions(self, rng: np.random.Generator) -> tuple[Points, npt.NDArray[np.int64]]:
        """Atoms about the centre, (n, 3) in nm, and their atomic numbers, (n,)."""
        atoms, numbers = self._twinned_atoms(rng) if self.shape in Twinned else self._stacked_atoms(rng)
        near = np.flatnonzero((atoms**2).sum(1) < (self.reach_nm + 5 * self.roughness_nm) ** 2)
        kept = near[self.depth(atoms[near]) > rng.normal(0, self.roughness_nm, len(near))]
        kept = kept[rng.random(len(kept)) >= self.vacancies]
        return atoms[kept], numbers[kept]

    def _stacked_atoms(self, rng: np.random.Generator) -> tuple[Points, npt.NDArray[np.int64]]:
        row, reach_nm = self.material.row_nm, self.reach_nm + 5 * self.roughness_nm
        heights, letters = self.stacking()
        most = int(np.ceil(1.2 * reach_nm / row)) + 2
        i, j = np.meshgrid(np.arange(-most, most + 1), np.arange(-most, most + 1))
        plane: Points = row * np.stack([(i + j / 2).ravel(), (np.sqrt(3) / 2 * j).ravel(), np.zeros(i.size)], axis=1)
        plane = plane[np.hypot(*plane.T[:2]) < reach_nm + 2 * row]
        levels = letters[:, None] * self.material.step + heights[:, None] * [0, 0, 1]
        numbers = np.array([number for number, _ in self.material.basis], dtype=np.int64)
        up = np.array([[0, 0, height] for _, height in self.material.basis])
        # the centre lies anywhere between atoms, or facets and planes that coincide would decide the size
        origin = rng.uniform(-0.5, 0.5, 3) * [row, row, self.material.plane_nm]
        atoms: Points = plane[:, None, None] + levels[:, None] + up - origin
        return atoms.reshape(-1, 3), np.broadcast_to(numbers, atoms.shape[:-1]).ravel()

    def _twinned_atoms(self, rng: np.random.Generator) -> tuple[Points, npt.NDArray[np.int64]]:
        # off the centre by up to half a plane, or complete shells alone would decide the size
        away = rng.uniform(-self.material.plane_nm / 2, self.material.plane_nm / 2, 3)
        reach = (self.reach_nm + 5 * self.roughness_nm + float(np.linalg.norm(away))) / self.material.row_nm
        atoms = multiply_twinned.sites(self.shape, reach) * self.material.row_nm + away
        return atoms, np.full(len(atoms), self.material.basis[0][0])


def draw_planes(crystal: Crystal, kinds: Sequence[Defect], rng: np.random.Generator) -> Crystal:
    """The crystal with planes of these kinds at random heights in the inner part of its stack, as many as have room."""
    spacing = crystal.material.plane_nm
    half = int(crystal.reach_nm / spacing)
    middles = spacing * (np.arange(-half, half) + 0.5)
    # the middle of the stack, where a plane divides the particle into parts that are worth the name
    free = list(middles[crystal.depth(middles[:, None] * [0, 0, 1]) > max(0.2 * crystal.diameter_nm, spacing)])
    planes = []
    for kind in kinds:
        if not free:
            break
        height = float(rng.choice(free))
        planes.append(Plane(kind, height))
        free = [h for h in free if abs(h - height) > (APART - 0.5) * spacing]
    return replace(crystal, planes=tuple(planes))


def _fraction(turns: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether each number is not whole."""
    return np.abs(turns - np.round(turns)) > 1e-3
