"""Lattices of decahedra and icosahedra: tetrahedra of fcc round a common axis or point, neighbours being twins.

Five or twenty tetrahedra of fcc leave a gap of 7 degrees or more; here each is strained evenly until it closes (Ino,
J. Phys. Soc. Jpn. 21, 346, 1966; Mackay, Acta Cryst. 15, 916, 1962), at the density of the bulk, so that some distances
are a little longer and others shorter than there. The common axis, for an icosahedron one of six, lies along x, and z
is the normal of a twin plane: turned as a stack is when its planes stand edge-on, both show five twin planes edge-on.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from hrtem_lab.physics.material import Points

TETRAHEDRON_EDGES = np.array([[1, 0, 0], [0.5, np.sqrt(3) / 2, 0], [0.5, np.sqrt(3) / 6, np.sqrt(2 / 3)]])
"""Edges of a tetrahedron of the perfect stack, in the frame of the stack and in units of the row spacing."""


def points_round_x(angles_deg: npt.NDArray[np.floating[Any]], x: float, radius: float) -> Points:
    """Return points on a circle round the x axis, (n, 3); angles are counted from y."""
    angles = np.radians(angles_deg)
    return np.column_stack([np.full(len(angles), x), radius * np.cos(angles), radius * np.sin(angles)])


FIFTHS_DEG = 72.0 * np.arange(5)
UPPER_CORNERS = np.concatenate([[[1.0, 0, 0]], points_round_x(FIFTHS_DEG, 1 / np.sqrt(5), 2 / np.sqrt(5))])
ICOSAHEDRON_CORNERS = np.concatenate([UPPER_CORNERS, -UPPER_CORNERS])


@lru_cache
def tetrahedra(shape: str) -> Points:
    """Return three edges of each tetrahedron, from the centre outwards, (5 or 20, 3, 3) in units of the row spacing.

    The three are right-handed. The first edge of a decahedron's tetrahedra is that along the axis.
    """
    if shape == "decahedron":
        corners = points_round_x(FIFTHS_DEG, 0.5, np.sqrt(3) / 2)
        edges = np.array([[[1, 0, 0], corners[m], corners[(m + 1) % 5]] for m in range(5)])
    else:
        neighbours = [
            np.array(three)
            for three in combinations(ICOSAHEDRON_CORNERS, 3)
            if min(three[0] @ three[1], three[1] @ three[2], three[0] @ three[2]) > 0
        ]
        edges = np.array([three if np.linalg.det(three) > 0 else three[::-1] for three in neighbours])
    compression = np.linalg.det(TETRAHEDRON_EDGES) / np.linalg.det(edges)
    if shape == "decahedron":  # the axis keeps its length
        edges[:, :, 1:] *= np.sqrt(compression)[:, None, None]
        return edges
    return edges * np.cbrt(compression)[:, None, None]


@lru_cache
def orientations(shape: str) -> Points:
    """Return rotation and strain from the frame of a perfect stack to each tetrahedron, (5 or 20, 3, 3)."""
    return np.linalg.solve(TETRAHEDRON_EDGES, tetrahedra(shape)).transpose(0, 2, 1)


@lru_cache
def twin_planes(shape: str) -> tuple[Points, Points]:
    """Return unit normals of the twin planes, (5 or 30, 3), and which tetrahedra each bounds, (5 or 20, 5 or 30)."""
    edges = tetrahedra(shape)
    sides = [(0, 1), (0, 2)] if shape == "decahedron" else [(0, 1), (1, 2), (0, 2)]
    middles = np.array([[(e[i] + e[j]) / 2 for i, j in sides] for e in edges]).reshape(-1, 3)
    normals = np.array([[np.cross(e[i], e[j]) for i, j in sides] for e in edges]).reshape(-1, 3)
    _, first, plane = np.unique(np.round(middles, 6), axis=0, return_index=True, return_inverse=True)
    bounds = np.zeros((len(edges), len(first)), dtype=bool)
    bounds[np.repeat(np.arange(len(edges)), len(sides)), plane.ravel()] = True
    return normals[first] / np.linalg.norm(normals[first], axis=1, keepdims=True), bounds


def atom_sites(shape: str, radius: float) -> Points:
    """Return all atoms within `radius` of the centre, (n, 3), both in units of the row spacing."""
    edges = tetrahedra(shape)
    count = int(np.ceil(1.5 * radius)) + 1  # a step along the edges leads at least 0.69 away, in the worst direction
    if shape == "decahedron":
        axis = edges[0, 0] * np.arange(-2 * count, 2 * count + 1)[:, None]
        rays = [*edges[:, 1:2], *edges[:, 1:]]
        columns = [np.zeros((1, 3)), *(_positive_combinations(r, count) for r in rays)]
        points = (np.concatenate(columns)[:, None] + axis).reshape(-1, 3)
    else:
        subsets = (g for n in (1, 2, 3) for e in edges for g in combinations(e, n))
        groups = {tuple(sorted(tuple(np.round(v, 6)) for v in g)): np.array(g) for g in subsets}
        points = np.concatenate([np.zeros((1, 3)), *(_positive_combinations(g, count) for g in groups.values())])
    return points[(points**2).sum(1) < radius**2]


def _positive_combinations(vectors: Points, max_sum: int) -> Points:
    """Return all combinations of the vectors with positive integers whose sum is at most `max_sum`."""
    counts = np.array(np.meshgrid(*[np.arange(1, max_sum + 1)] * len(vectors))).reshape(len(vectors), -1).T
    return counts[counts.sum(1) <= max_sum] @ vectors
