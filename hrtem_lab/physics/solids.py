"""Solids whose projected thickness is known in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from hrtem_lab.physics.shapes import fibonacci_sphere

KINDS = ("sphere", "ellipsoid", "cut sphere", "rod", "polyhedron", "aggregate")
"""Kinds of solids, in the order of the weights of `sample_solid`."""


@dataclass(frozen=True)
class ConvexPart:
    """The intersection of an ellipsoid and half-spaces.

    Attributes:
        quadric: Symmetric matrix of the ellipsoid x^T quadric x <= 1 in nm^-2, (3, 3); axes (row, column, beam).
        normals: Unit normals of the half-spaces, (n, 3).
        distances_nm: Distance of each plane from the centre, (n,).
        centre_nm: Position in the solid, (3,).
    """

    quadric: npt.NDArray[np.float64]
    normals: npt.NDArray[np.float64]
    distances_nm: npt.NDArray[np.float64]
    centre_nm: npt.NDArray[np.float64]

    def thickness(self, row_nm: npt.NDArray[np.float64], column_nm: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Length of the beam's path inside, in nm, of the shape that the coordinates broadcast to."""
        row, column = row_nm - self.centre_nm[0], column_nm - self.centre_nm[1]
        q = self.quadric
        half_b = q[0, 2] * row + q[1, 2] * column
        c = q[0, 0] * row**2 + 2 * q[0, 1] * row * column + q[1, 1] * column**2 - 1
        discriminant = half_b**2 - q[2, 2] * c
        root = np.sqrt(np.maximum(discriminant, 0))
        low, high = (-half_b - root) / q[2, 2], (-half_b + root) / q[2, 2]
        high = np.where(discriminant > 0, high, low)
        for (n_row, n_column, n_beam), distance in zip(self.normals, self.distances_nm, strict=True):
            room = distance - n_row * row - n_column * column
            if abs(n_beam) < 1e-9:
                high = np.where(room < 0, low, high)
            elif n_beam > 0:
                high = np.minimum(high, room / n_beam)
            else:
                low = np.maximum(low, room / n_beam)
        return np.maximum(high - low, 0)


@dataclass(frozen=True)
class Solid:
    """One or several convex parts that have grown together.

    Attributes:
        parts: The parts; where they overlap in projection, the thickest counts.
        radius_nm: Radius of a circle about the centre that holds the projection.
    """

    parts: tuple[ConvexPart, ...]
    radius_nm: float

    def thickness(self, row_nm: npt.NDArray[np.float64], column_nm: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Projected thickness in nm at coordinates relative to the centre, of the shape that they broadcast to."""
        return np.max([part.thickness(row_nm, column_nm) for part in self.parts], axis=0)


def sample_solid(diameter_nm: float, weights: npt.NDArray[np.float64], rng: np.random.Generator) -> Solid:
    """Sample a solid in a random orientation.

    Args:
        diameter_nm: Diameter, about that of the sphere of the same volume.
        weights: Probability of each of `KINDS`.
        rng: Random number generator.
    """
    kind = KINDS[rng.choice(len(KINDS), p=weights)]
    if kind != "aggregate":
        part = _sample_part(kind, diameter_nm, np.zeros(3), rng)
        return Solid((part,), _reach(part))
    kinds = ("sphere", "ellipsoid", "polyhedron")
    parts = [_sample_part(str(rng.choice(kinds)), 0.75 * diameter_nm, np.zeros(3), rng)]
    for _ in range(rng.integers(1, 4)):  # each grows out of the first one, never apart from it
        away = rng.normal(size=3) * [1, 1, 0.3]
        centre = 0.3 * diameter_nm * away / np.linalg.norm(away)
        parts.append(_sample_part(str(rng.choice(kinds)), rng.uniform(0.45, 0.75) * diameter_nm, centre, rng))
    return Solid(tuple(parts), max(_reach(part) + float(np.hypot(*part.centre_nm[:2])) for part in parts))


def _sample_part(
    kind: str, diameter_nm: float, centre_nm: npt.NDArray[np.float64], rng: np.random.Generator
) -> ConvexPart:
    """Sample one convex part."""
    radius = diameter_nm / 2
    axes, normals, distances = np.full(3, radius), np.empty((0, 3)), np.empty(0)
    if kind == "ellipsoid":
        axes = radius * np.exp(rng.normal(0, 0.2, 3))
    elif kind == "rod":
        length = rng.uniform(1.3, 4.0)
        axes = radius * np.array([1, 1, 100.0]) / np.cbrt(length)
        normals, distances = np.array([[0, 0, 1.0], [0, 0, -1.0]]), np.full(2, radius * length ** (2 / 3))
    elif kind == "polyhedron":
        normals, distances = _sample_facets(rng)
        axes, distances = axes * rng.uniform(1.1, 1.3), distances * radius
    turn = Rotation.random(rng=rng).as_matrix()
    if kind == "rod" and rng.random() < 0.8:  # most lie on their support
        turn = Rotation.from_euler("z", rng.uniform(0, 360), degrees=True).as_matrix() @ np.eye(3)[[2, 1, 0]]
    normals = normals @ turn.T
    if kind == "cut sphere":  # as it wets a support: seen from above it is flatter in the middle than a sphere
        normals, distances = np.array([[0, 0, -1.0]]), np.array([radius * rng.uniform(-0.4, 0.6)])
    return ConvexPart(turn @ np.diag(axes**-2.0) @ turn.T, normals, distances, centre_nm)


def _sample_facets(rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sample normals and distances (in radii) of the facets of a polyhedron: of a lattice's symmetry, or irregular."""
    cube = np.concatenate([np.eye(3), -np.eye(3)])
    octahedron = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T / np.sqrt(3)
    choice = rng.random()
    if choice < 0.35:
        normals, distances = np.concatenate([octahedron, cube]), np.repeat([0.93, rng.uniform(0.85, 1.15)], [8, 6])
    elif choice < 0.5:
        normals, distances = cube, np.full(6, 0.85)
    elif choice < 0.7:  # a hexagonal or triangular plate or prism
        sides, height = int(rng.choice([3, 6])), rng.uniform(0.25, 1.0)
        angle = 2 * np.pi * np.arange(sides) / sides
        normals = np.concatenate([np.column_stack([np.cos(angle), np.sin(angle), 0 * angle]), cube[[2, 5]]])
        distances = np.concatenate([np.full(sides, 0.95 if sides == 6 else 0.65), np.full(2, height)])
    else:
        normals = fibonacci_sphere(int(rng.integers(8, 20)))
        distances = rng.uniform(0.8, 1.05, len(normals))
    return normals, distances * rng.uniform(0.97, 1.03, len(distances))


def _reach(part: ConvexPart) -> float:
    """Radius of a circle about the part's own centre that holds its projection."""
    inverse = np.linalg.inv(part.quadric)
    ellipse = float(np.sqrt(np.linalg.eigvalsh(inverse[:2, :2]).max()))
    if len(part.normals) == 2:  # the long axis of a rod is cut by its ends
        radius, half = float(np.sqrt(np.linalg.eigvalsh(inverse).min())), float(part.distances_nm.max())
        return min(ellipse, float(np.hypot(radius, half)))
    return ellipse
