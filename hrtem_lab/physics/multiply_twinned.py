"""The lattices of decahedra and icosahedra: tetrahedra of fcc round a common axis or point, each the twin of the next.

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

# Edges of a tetrahedron of the perfect stack, in the frame of the stack and in rows of atoms.
TETRAHEDRON = np.array([[1, 0, 0], [0.5, np.sqrt(3) / 2, 0], [0.5, np.sqrt(3) / 6, np.sqrt(2 / 3)]])


def ring(angles_deg: npt.NDArray[np.floating[Any]], along: float, radius: float) -> Points:
    """Points round the x axis, (n, 3); the angle is counted from y."""
    angles = np.radians(angles_deg)
    return np.column_stack([np.full(len(angles), along), radius * np.cos(angles), radius * np.sin(angles)])


FIFTHS = 72.0 * np.arange(5)
UPPER = np.concatenate([[[1.0, 0, 0]], ring(FIFTHS, 1 / np.sqrt(5), 2 / np.sqrt(5))])
ICOSAHEDRON = np.concatenate([UPPER, -UPPER])  # its corners


@lru_cache
def tetrahedra(shape: str) -> Points:
    """The three edges of each tetrahedron that start in the centre, (5 or 20, 3, 3) in rows of atoms, right-handed.

    A decahedron's first edge is that along the axis.
    """
    if shape == "decahedron":
        corners = ring(FIFTHS, 0.5, np.sqrt(3) / 2)
        edges = np.array([[[1, 0, 0], corners[m], corners[(m + 1) % 5]] for m in range(5)])
    else:
        near = [
            np.array(three)
            for three in combinations(ICOSAHEDRON, 3)
            if min(three[0] @ three[1], three[1] @ three[2], three[0] @ three[2]) > 0
        ]
        edges = np.array([three if np.linalg.det(three) > 0 else three[::-1] for three in near])
    squeezed = np.linalg.det(TETRAHEDRON) / np.linalg.det(edges)
    if shape == "decahedron":  # the axis keeps its length
        edges[:, :, 1:] *= np.sqrt(squeezed)[:, None, None]
        return edges
    return edges * np.cbrt(squeezed)[:, None, None]


@lru_cache
def orientations(shape: str) -> Points:
    """From the frame of a perfect stack to each tetrahedron: rotation and strain, (5 or 20, 3, 3)."""
    return np.linalg.solve(TETRAHEDRON, tetrahedra(shape)).transpose(0, 2, 1)


@lru_cache
def twin_planes(shape: str) -> tuple[Points, Points]:
    """Unit normals of the twin planes, (5 or 30, 3), and whether each bounds each tetrahedron, (5 or 20, 5 or 30)."""
    edges = tetrahedra(shape)
    sides = [(0, 1), (0, 2)] if shape == "decahedron" else [(0, 1), (1, 2), (0, 2)]
    middles = np.array([[(e[i] + e[j]) / 2 for i, j in sides] for e in edges]).reshape(-1, 3)
    normals = np.array([[np.cross(e[i], e[j]) for i, j in sides] for e in edges]).reshape(-1, 3)
    _, first, which = np.unique(np.round(middles, 6), axis=0, return_index=True, return_inverse=True)
    bounds = np.zeros((len(edges), len(first)), dtype=bool)
    bounds[np.repeat(np.arange(len(edges)), len(sides)), which.ravel()] = True
    return normals[first] / np.linalg.norm(normals[first], axis=1, keepdims=True), bounds


def sites(shape: str, reach: float) -> Points:
    """All atoms within `reach` of the centre, (n, 3) in rows of atoms."""
    edges = tetrahedra(shape)
    most = int(np.ceil(1.5 * reach)) + 1  # a step along the edges leads at least 0.69 away, in the worst direction
    if shape == "decahedron":
        axis = edges[0, 0] * np.arange(-2 * most, 2 * most + 1)[:, None]
        rays = [*edges[:, 1:2], *edges[:, 1:]]
        columns = [np.zeros((1, 3)), *(_sums(r, most) for r in rays)]
        points = (np.concatenate(columns)[:, None] + axis).reshape(-1, 3)
    else:
        subsets = (g for n in (1, 2, 3) for e in edges for g in combinations(e, n))
        groups = {tuple(sorted(tuple(np.round(v, 6)) for v in g)): np.array(g) for g in subsets}
        points = np.concatenate([np.zeros((1, 3)), *(_sums(g, most) for g in groups.values())])
    return points[(points**2).sum(1) < reach**2]


def _sums(vectors: Points, most: int) -> Points:
    """All sums of whole positive numbers of each vector, up to `most` together."""
    counts = np.array(np.meshgrid(*[np.arange(1, most + 1)] * len(vectors))).reshape(len(vectors), -1).T
    return counts[counts.sum(1) <= most] @ vectors
