"""Shapes that a particle is cut to, each as the depth of a point below its surface.

Each shape is defined at some size; `Body` scales it to the volume of a sphere. Its frame is that of the stack: x is a
close-packed row, z the normal of the planes and the long axis of a rod.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from hrtem_lab.physics import multiply_twinned
from hrtem_lab.physics.material import STACK_AXES, Points

Shape = Literal["sphere", "faceted", "ellipsoid", "rod", "irregular", "decahedron", "icosahedron"]
MULTIPLY_TWINNED = ("decahedron", "icosahedron")
DepthFunction = Callable[[Points], npt.NDArray[np.float64]]
"""Depth of points, (n, 3) -> (n,); negative outside."""

N_DIRECTIONS = 4000
"""Number of directions in which the surface is searched for, to integrate the volume."""
IRREGULARITY = 0.13
"""Standard deviation of the logarithm of an irregular particle's radius."""
ROD_ASPECTS = (1.4, 2.6)
"""Smallest and largest length of a rod over its width."""
# Distances of the facets from the centre. Metals: {111} a little nearer than {100}, as in the Wulff shape (ratio 1.15;
# Marks, Rep. Prog. Phys. 57, 603, 1994), also in the multiply twinned ones, whose corners are rounded off by a sphere.
FACET_111, FACET_100, ROUNDING_RADIUS = 0.93, 1.07, 1.1
# Wurtzite: prisms {10-10} with flat {0001} and pyramidal {10-11} ends, a little longer along c than wide.
FACET_10_10, FACET_0001, FACET_10_11 = 0.85, 1.05, 1.0


@dataclass(frozen=True)
class Body:
    """A shape with the volume of a sphere of diameter 1.

    Attributes:
        unscaled_depth: Depth below the surface at the size in which the shape is defined.
        scale: Factor by which that size is too large.
        max_radius: Largest distance of the surface from the centre.
    """

    unscaled_depth: DepthFunction
    scale: float
    max_radius: float

    def depth(self, points: Points) -> npt.NDArray[np.float64]:
        """Return the depth of points, (n, 3), below the surface; negative outside."""
        return self.unscaled_depth(points * self.scale) / self.scale


@lru_cache(1024)
def make_body(shape: Shape, is_cubic: bool, seed: int) -> Body:
    """Make a shape; `seed` decides what is random in it: the surface of an irregular one, the length of a rod."""
    rng = np.random.default_rng([seed, 1])
    depth: DepthFunction = {
        "sphere": lambda: lambda points: 0.5 - np.linalg.norm(points, axis=1),
        "ellipsoid": lambda: lambda points: 0.5 - np.linalg.norm(points / [0.8, 1.2, 1.0], axis=1),
        "rod": lambda: _rod(rng.uniform(*ROD_ASPECTS)),
        "irregular": lambda: _irregular(rng),
        "faceted": lambda: _polyhedron(*(_truncated_octahedron() if is_cubic else _hexagonal_prism())),
        "decahedron": lambda: _rounded_polyhedron(*_decahedron()),
        "icosahedron": lambda: _rounded_polyhedron(*_icosahedron()),
    }[shape]()
    radii = _surface_radii(depth)
    return Body(depth, scale := float(2 * np.cbrt((radii**3).mean())), float(radii.max()) / scale)


def fibonacci_sphere(count: int) -> Points:
    """Return unit vectors that cover the sphere evenly along a Fibonacci spiral, (count, 3)."""
    number = np.arange(count) + 0.5
    z, angle = 1 - 2 * number / count, np.pi * (1 + np.sqrt(5)) * number
    return np.column_stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z])


def _surface_radii(depth: DepthFunction) -> npt.NDArray[np.float64]:
    """Find the distance of the surface in evenly spread directions by bisection, (N_DIRECTIONS,)."""
    directions = fibonacci_sphere(N_DIRECTIONS)
    low, high = np.zeros(N_DIRECTIONS), np.full(N_DIRECTIONS, 8.0)
    for _ in range(24):
        middle = (low + high) / 2
        inside = depth(middle[:, None] * directions) > 0
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return low


def _rod(aspect: float) -> DepthFunction:
    """Return the depth in a cylinder of diameter 1 with hemispherical ends."""
    half = (aspect - 1) / 2

    def depth(points: Points) -> npt.NDArray[np.float64]:
        beyond = np.maximum(np.abs(points[:, 2]) - half, 0)
        return 0.5 - np.sqrt(points[:, 0] ** 2 + points[:, 1] ** 2 + beyond**2)

    return depth


def _irregular(rng: np.random.Generator) -> DepthFunction:
    """Return the depth in a sphere with its radius multiplied by exp(IRREGULARITY f).

    f is a smooth random function of direction with variance 1.
    """
    waves, phases = rng.normal(0, 2.0, (12, 3)), rng.uniform(0, 2 * np.pi, 12)

    def depth(points: Points) -> npt.NDArray[np.float64]:
        distance = np.linalg.norm(points, axis=1)
        directions = points / np.maximum(distance, 1e-9)[:, None]
        field = np.cos(directions @ waves.T + phases).sum(1) * np.sqrt(2 / len(waves))
        return 0.5 * np.exp(IRREGULARITY * field) - distance

    return depth


def _polyhedron(normals: Points, distances: npt.NDArray[np.float64]) -> DepthFunction:
    """Return the depth in a convex polyhedron: the depth below the nearest of its facets."""
    units = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    return lambda points: (distances - points @ units.T).min(1)


def _rounded_polyhedron(normals: Points, distances: npt.NDArray[np.float64]) -> DepthFunction:
    """Return the depth in a polyhedron whose corners a sphere cuts off."""
    depth = _polyhedron(normals, distances)
    return lambda points: np.minimum(depth(points), ROUNDING_RADIUS - np.linalg.norm(points, axis=1))


def _truncated_octahedron() -> tuple[Points, npt.NDArray[np.float64]]:
    """Return normals and distances of the facets {111} and {100} of an fcc or zinc blende crystal."""
    octahedron = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
    cube = np.concatenate([np.eye(3), -np.eye(3)])
    return np.concatenate([octahedron, cube]) @ STACK_AXES.T, np.repeat([FACET_111, FACET_100], [8, 6])


def _hexagonal_prism() -> tuple[Points, npt.NDArray[np.float64]]:
    """Return normals and distances of the facets of a wurtzite crystal."""
    angles = np.pi / 6 + np.pi / 3 * np.arange(6)
    sides = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(6)])
    ends = np.array([[0, 0, 1.0], [0, 0, -1.0]])
    steepness = np.sqrt(3) / 2 / np.sqrt(8 / 3)  # {10-11} at the ideal c/a
    pyramids = np.concatenate([sides + steepness * end for end in ends])
    distances = np.repeat([FACET_10_10, FACET_0001, FACET_10_11], [6, 2, 12])
    return np.concatenate([sides, ends, pyramids]), distances


def _decahedron() -> tuple[Points, npt.NDArray[np.float64]]:
    """Return normals and distances of Ino's decahedron: ten {111} towards the ends of the axis, five {100} round it."""
    edges = multiply_twinned.tetrahedra("decahedron")
    outer = np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])
    sides = (edges[:, 1] + edges[:, 2]) * [0, 1, 1]
    return np.concatenate([outer, outer * [-1, 1, 1], sides]), np.repeat([FACET_111, FACET_100], [10, 5])


def _icosahedron() -> tuple[Points, npt.NDArray[np.float64]]:
    """Return normals and distances of the twenty {111} facets."""
    return multiply_twinned.tetrahedra("icosahedron").sum(1), np.full(20, FACET_111)
