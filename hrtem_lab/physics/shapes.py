"""What a particle is cut to: the depth of a point under the surface of each shape.

Each shape is given at some size; `Body` scales it to the volume of a sphere. Its frame is that of the stack: x is a
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
Twinned = ("decahedron", "icosahedron")
Depth = Callable[[Points], npt.NDArray[np.float64]]

DIRECTIONS = 4000
LUMPS = 0.13  # standard deviation of an irregular particle's radius, as a part of it
ASPECTS = (1.4, 2.6)  # a rod's length over its width
# Distances of the facets from the centre. Metals: {111} a little nearer than {100}, as in the Wulff shape (ratio 1.15;
# Marks, Rep. Prog. Phys. 57, 603, 1994), also in the multiply twinned ones, whose corners are rounded off by a sphere.
NEAR, FAR, ROUND = 0.93, 1.07, 1.1
# Wurtzite: prisms {10-10} with flat {0001} and pyramidal {10-11} ends, a little longer along c than wide.
PRISM, FLAT, PYRAMID = 0.85, 1.05, 1.0


@dataclass(frozen=True)
class Body:
    """A shape that holds the volume of a sphere of diameter 1.

    Attributes:
        unscaled: Depth at the size that the shape is given in; it grows in proportion to that size.
        size: By how much that is too large.
        reach: The largest distance of the surface from the centre.
    """

    unscaled: Depth
    size: float
    reach: float

    def depth(self, points: Points) -> npt.NDArray[np.float64]:
        """How far each point, (n, 3), lies under the surface; negative outside."""
        return self.unscaled(points * self.size) / self.size


@lru_cache(1024)
def body(shape: Shape, cubic: bool, seed: int) -> Body:
    """The shape with what chance adds to it, drawn from `seed`: an irregular one's lumps, a rod's length."""
    rng = np.random.default_rng([seed, 1])
    unscaled: Depth = {
        "sphere": lambda: lambda points: 0.5 - np.linalg.norm(points, axis=1),
        "ellipsoid": lambda: lambda points: 0.5 - np.linalg.norm(points / [0.8, 1.2, 1.0], axis=1),
        "rod": lambda: _rod(rng.uniform(*ASPECTS)),
        "irregular": lambda: _lumpy(rng),
        "faceted": lambda: _faceted(*(_truncated_octahedron() if cubic else _prism())),
        "decahedron": lambda: _rounded(*_decahedron()),
        "icosahedron": lambda: _rounded(*_icosahedron()),
    }[shape]()
    radii = _radii(unscaled)
    return Body(unscaled, size := float(2 * np.cbrt((radii**3).mean())), float(radii.max()) / size)


def _radii(depth: Depth) -> npt.NDArray[np.float64]:
    """Distance of the surface in directions that cover the sphere evenly (a Fibonacci spiral), by bisection."""
    n = np.arange(DIRECTIONS) + 0.5
    z, turn = 1 - 2 * n / DIRECTIONS, np.pi * (1 + np.sqrt(5)) * n
    directions = np.column_stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z])
    low, high = np.zeros(DIRECTIONS), np.full(DIRECTIONS, 8.0)
    for _ in range(24):
        middle = (low + high) / 2
        inside = depth(middle[:, None] * directions) > 0
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return low


def _rod(aspect: float) -> Depth:
    """A cylinder of diameter 1 with round ends."""
    half = (aspect - 1) / 2

    def depth(points: Points) -> npt.NDArray[np.float64]:
        beyond = np.maximum(np.abs(points[:, 2]) - half, 0)
        return 0.5 - np.sqrt(points[:, 0] ** 2 + points[:, 1] ** 2 + beyond**2)

    return depth


def _lumpy(rng: np.random.Generator) -> Depth:
    """A sphere whose radius is exp(LUMPS f) times its own; f is a smooth random field of variance 1 over directions."""
    waves, phases = rng.normal(0, 2.0, (12, 3)), rng.uniform(0, 2 * np.pi, 12)

    def depth(points: Points) -> npt.NDArray[np.float64]:
        distance = np.linalg.norm(points, axis=1)
        directions = points / np.maximum(distance, 1e-9)[:, None]
        field = np.cos(directions @ waves.T + phases).sum(1) * np.sqrt(2 / len(waves))
        return 0.5 * np.exp(LUMPS * field) - distance

    return depth


def _faceted(normals: Points, distances: npt.NDArray[np.float64]) -> Depth:
    """A convex polyhedron: as deep as under the nearest of its planes."""
    units = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    return lambda points: (distances - points @ units.T).min(1)


def _rounded(normals: Points, distances: npt.NDArray[np.float64]) -> Depth:
    faceted = _faceted(normals, distances)
    return lambda points: np.minimum(faceted(points), ROUND - np.linalg.norm(points, axis=1))


def _truncated_octahedron() -> tuple[Points, npt.NDArray[np.float64]]:
    octahedron = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
    cube = np.concatenate([np.eye(3), -np.eye(3)])
    return np.concatenate([octahedron, cube]) @ STACK_AXES.T, np.repeat([NEAR, FAR], [8, 6])


def _prism() -> tuple[Points, npt.NDArray[np.float64]]:
    angles = np.pi / 6 + np.pi / 3 * np.arange(6)
    sides = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(6)])
    ends = np.array([[0, 0, 1.0], [0, 0, -1.0]])
    steepness = np.sqrt(3) / 2 / np.sqrt(8 / 3)  # {10-11} at the ideal c/a
    pyramids = np.concatenate([sides + steepness * end for end in ends])
    return np.concatenate([sides, ends, pyramids]), np.repeat([PRISM, FLAT, PYRAMID], [6, 2, 12])


def _decahedron() -> tuple[Points, npt.NDArray[np.float64]]:
    """Ino's: ten {111} towards the ends of the axis, five {100} round it."""
    tetrahedra = multiply_twinned.tetrahedra("decahedron")
    outer = np.cross(tetrahedra[:, 1] - tetrahedra[:, 0], tetrahedra[:, 2] - tetrahedra[:, 0])
    sides = (tetrahedra[:, 1] + tetrahedra[:, 2]) * [0, 1, 1]
    return np.concatenate([outer, outer * [-1, 1, 1], sides]), np.repeat([NEAR, FAR], [10, 5])


def _icosahedron() -> tuple[Points, npt.NDArray[np.float64]]:
    return multiply_twinned.tetrahedra("icosahedron").sum(1), np.full(20, NEAR)
