"""Drawn lattices: cosines in a disc, counted as a camera counts."""

import numpy as np

PIXEL_NM = 0.04
SIZE = 125
G = np.array([[3.0, 3.0], [-3.0, -3.0]])


def window(radius_nm=2.0):
    row, column = (np.mgrid[:SIZE, :SIZE] - SIZE / 2) * PIXEL_NM
    return np.hypot(row, column) < radius_nm


def lattice(electrons, modulation, g=G[0]):
    row, column = np.mgrid[:SIZE, :SIZE] * PIXEL_NM
    return (electrons * (1 + modulation * np.cos(2 * np.pi * (row * g[0] + column * g[1])))).astype(np.float32)


def counted(expected, seed=0):
    """Poisson-distributed counts of an expected image."""
    return np.random.default_rng(seed).poisson(expected).astype(np.float32)
