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
from hrtem_lab.physics.shapes import MULTIPLY_TWINNED, Body, Shape, make_body

TWIN_ROTATION = np.diag([-1.0, -1.0, 1.0])
"""Half a turn about the normal of the planes: the orientation of the other twin of a cubic stack."""
MIN_PLANE_STEPS = 3
"""Smallest distance between two planar defects in steps; nearer ones would make one other defect, or none."""


@dataclass(frozen=True)
class Plane:
    """A planar defect across the whole stack.

    Attributes:
        kind: `twin` (all steps above it turn), `intrinsic` (one step goes the other way) or `extrinsic` (one plane
            more). In wurtzite these are the faults I1, I2 and E.
        height_nm: Height above the centre, to within the distance between two planes of atoms.

    Raises:
        InputError: The kind is unknown.
    """

    kind: Defect
    height_nm: float

    def __post_init__(self) -> None:
        if self.kind not in get_args(Defect):
            raise InputError(f"kind of a plane is {self.kind!r}, expected one of {', '.join(get_args(Defect))}")


@dataclass(frozen=True)
class Crystal:
    """One particle in its own frame: stacked close-packed planes or a multiply twinned lattice, cut to a shape.

    Attributes:
        material: Material of all its atoms.
        diameter_nm: Diameter of the sphere of the same volume.
        shape: See `hrtem_lab.physics.shapes`; decahedra and icosahedra are for fcc and take no `planes`.
        planes: Defects of the stack, at least three steps apart and within the particle.
        vacancies: Fraction of the atoms that is missing.
        roughness_nm: Standard deviation of the surface about its shape, from atom to atom.
        seed: Seed of what is random in the shape: the surface of an irregular one, the length of a rod.

    Raises:
        InputError: A number is out of its range, or shape, material and planes do not fit each other.
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
        if self.shape in MULTIPLY_TWINNED and (self.material.structure != "fcc" or self.planes):
            raise InputError(
                f"shape is {self.shape} for {self.material.name} with {len(self.planes)} planes; only fcc twins that "
                "way, and such a particle holds no other planes: give another shape"
            )
        self._check_planes()

    def _check_planes(self) -> None:
        """Raise `InputError` where planes are too close to each other or outside the particle."""
        steps = sorted(self._step_index(p) for p in self.planes)
        heights = ", ".join(f"{p.height_nm:.2f}" for p in self.planes)
        if any(b - a < MIN_PLANE_STEPS for a, b in pairwise(steps)):
            raise InputError(
                f"planes at {heights} nm are nearer to each other than "
                f"{MIN_PLANE_STEPS} steps of {self.material.d_spacing_nm:.3f} nm; give planes farther apart"
            )
        sides = self.material.d_spacing_nm * np.array([*steps, *(step + 1 for step in steps)])
        if self.planes and not (self.depth_nm(sides[:, None] * [0, 0, 1]) > 0).all():
            raise InputError(
                f"planes at {heights} nm do not all lie within a {self.shape} of {self.diameter_nm:.2f} nm; "
                "give heights nearer to 0"
            )

    def _step_index(self, plane: Plane) -> int:
        """Return the step that a defect lies on: step k leads from the plane of atoms k to k + 1."""
        return int(np.floor(plane.height_nm / self.material.d_spacing_nm))

    @property
    def _body(self) -> Body:
        return make_body(self.shape, self.material.is_cubic, self.seed)

    @property
    def max_radius_nm(self) -> float:
        """Largest distance of the surface from the centre."""
        return self.diameter_nm * self._body.max_radius

    def depth_nm(self, points: Points) -> npt.NDArray[np.float64]:
        """Return the depth of points, (n, 3) in nm, below the surface; negative outside."""
        if self.shape == "faceted" and len(self.variants) == 2:
            # facets are those of the lattice that they bound: above a twin plane the shape is turned as the lattice is
            heights = [
                (self._step_index(p) + 0.5) * self.material.d_spacing_nm for p in self.planes if p.kind == "twin"
            ]
            turned = (points[:, 2:] > heights).sum(1, keepdims=True) % 2 == 1
            points = np.where(turned, points @ TWIN_ROTATION, points)
        return self.diameter_nm * self._body.depth(points / self.diameter_nm)

    @cached_property
    def variants(self) -> Points:
        """Matrices from the frame of a perfect stack to each lattice in the particle, (n, 3, 3).

        They are rotations, in multiply twinned particles with the strain of the lattice.
        """
        if self.shape in MULTIPLY_TWINNED:
            return multiply_twinned.orientations(self.shape)
        twinned = self.material.is_cubic and any(p.kind == "twin" for p in self.planes)
        return np.array([np.eye(3), TWIN_ROTATION] if twinned else [np.eye(3)])

    @cached_property
    def plane_normals(self) -> Points:
        """Unit normals of the planar defects, (m, 3); those of one stack count once."""
        if self.shape in MULTIPLY_TWINNED:
            return multiply_twinned.twin_planes(self.shape)[0]
        return np.array([[0.0, 0.0, 1.0]] if self.planes else np.empty((0, 3)))

    def g_vectors(self, variant: int) -> Points:
        """Return the reflections of one lattice, (n, 3) in nm^-1."""
        return np.linalg.solve(self.variants[variant].T, self.material.g_vectors().T).T

    def reflections_affected(self, variant: int) -> npt.NDArray[np.bool_]:
        """Return which reflections of one lattice each defect affects, (m, n): those whose g . R is no integer.

        R is the displacement at the plane, see `Material.displacement_nm`. A twin plane of a multiply twinned particle
        affects those of the two lattices that it bounds.
        """
        g = self.material.g_vectors()
        if self.shape not in MULTIPLY_TWINNED:
            kinds = {p.kind for p in self.planes}
            shifts = np.array([self.material.displacement_nm(kind) for kind in kinds]).reshape(-1, 3)
            return _is_fractional(shifts @ g.T).any(axis=0).reshape(1, -1)[: len(self.plane_normals)]
        normals, bounds = multiply_twinned.twin_planes(self.shape)
        # in cubic axes: the signs of the plane's (111), and 1/6 <112> in that plane
        signs = np.sign(np.round(normals @ self.variants[variant] @ STACK_AXES, 1))
        shifts = signs * [1, 1, -2] * self.material.a_nm / 6 @ STACK_AXES.T
        return _is_fractional(shifts @ g.T) & bounds[variant][:, None]

    def stacking_sequence(self) -> tuple[Points, npt.NDArray[np.int64]]:
        """Return the heights of the close-packed planes in nm, (k,), and the letter of each, (k,).

        Letters are 0, 1, 2 for A, B, C, with A at height 0.
        """
        half = int(np.ceil(self.max_radius_nm / self.material.d_spacing_nm)) + 2
        kinds = {self._step_index(p): p.kind for p in self.planes}
        steps, level, direction = [], -half, 1
        for k in range(-half, half):
            step = direction * (1 if self.material.is_cubic or level % 2 == 0 else -1)
            if (
                kinds.get(k) or kinds.get(k - 1) == "extrinsic"
            ):  # the additional plane is reached and left the other way
                step = -step
            if kinds.get(k) == "twin":
                direction = -direction
            if kinds.get(k) != "extrinsic":
                level += 1
            steps.append(step)
        letters = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
        return np.arange(-half, half + 1) * np.float64(self.material.d_spacing_nm), (letters - letters[half]) % 3

    def sample_atoms(self, rng: np.random.Generator) -> tuple[Points, npt.NDArray[np.int64]]:
        """Sample the atoms: positions about the centre, (n, 3) in nm, and atomic numbers, (n,)."""
        twinned = self.shape in MULTIPLY_TWINNED
        atoms, numbers = self._multiply_twinned_atoms(rng) if twinned else self._stacked_atoms(rng)
        near = np.flatnonzero((atoms**2).sum(1) < (self.max_radius_nm + 5 * self.roughness_nm) ** 2)
        kept = near[self.depth_nm(atoms[near]) > rng.normal(0, self.roughness_nm, len(near))]
        kept = kept[rng.random(len(kept)) >= self.vacancies]
        return atoms[kept], numbers[kept]

    def _stacked_atoms(self, rng: np.random.Generator) -> tuple[Points, npt.NDArray[np.int64]]:
        """Return the atoms of a stack that is larger than the particle, with a random origin."""
        row, radius_nm = self.material.row_spacing_nm, self.max_radius_nm + 5 * self.roughness_nm
        heights, letters = self.stacking_sequence()
        count = int(np.ceil(1.2 * radius_nm / row)) + 2
        i, j = np.meshgrid(np.arange(-count, count + 1), np.arange(-count, count + 1))
        plane: Points = row * np.stack([(i + j / 2).ravel(), (np.sqrt(3) / 2 * j).ravel(), np.zeros(i.size)], axis=1)
        plane = plane[np.hypot(*plane.T[:2]) < radius_nm + 2 * row]
        levels = letters[:, None] * self.material.stacking_step_nm + heights[:, None] * [0, 0, 1]
        numbers = np.array([number for number, _ in self.material.basis], dtype=np.int64)
        up = np.array([[0, 0, height] for _, height in self.material.basis])
        # the centre lies anywhere between atoms, or facets and planes that coincide would decide the size
        origin = rng.uniform(-0.5, 0.5, 3) * [row, row, self.material.d_spacing_nm]
        atoms: Points = plane[:, None, None] + levels[:, None] + up - origin
        return atoms.reshape(-1, 3), np.broadcast_to(numbers, atoms.shape[:-1]).ravel()

    def _multiply_twinned_atoms(self, rng: np.random.Generator) -> tuple[Points, npt.NDArray[np.int64]]:
        """Return the atoms of a multiply twinned lattice that is larger than the particle."""
        # off the centre by up to half a plane, or complete shells alone would decide the size
        offset = rng.uniform(-self.material.d_spacing_nm / 2, self.material.d_spacing_nm / 2, 3)
        radius_nm = self.max_radius_nm + 5 * self.roughness_nm + float(np.linalg.norm(offset))
        row = self.material.row_spacing_nm
        atoms = multiply_twinned.atom_sites(self.shape, radius_nm / row) * row + offset
        return atoms, np.full(len(atoms), self.material.basis[0][0])


def sample_planes(crystal: Crystal, kinds: Sequence[Defect], rng: np.random.Generator) -> Crystal:
    """Return the crystal with planes of these kinds at random heights in the inner part of its stack.

    Kinds that find no room are left out, the last first.
    """
    spacing = crystal.material.d_spacing_nm
    half = int(crystal.max_radius_nm / spacing)
    middles = spacing * (np.arange(-half, half) + 0.5)
    # the inner part of the stack, where a plane divides the particle into two parts of noticeable size
    depths = crystal.depth_nm(middles[:, None] * [0, 0, 1])
    free = list(middles[depths > max(0.2 * crystal.diameter_nm, spacing)])
    planes = []
    for kind in kinds:
        if not free:
            break
        height = float(rng.choice(free))
        planes.append(Plane(kind, height))
        free = [h for h in free if abs(h - height) > (MIN_PLANE_STEPS - 0.5) * spacing]
    return replace(crystal, planes=tuple(planes))


def _is_fractional(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Tell which numbers are no integers."""
    return np.abs(values - np.round(values)) > 1e-3
