"""Amorphous carbon."""

from __future__ import annotations

import numpy as np
from scipy.constants import Avogadro
from scipy.spatial import cKDTree

from hrtem_lab.physics.crystal import Points

CARBON_G_PER_MOL = 12.011
CELL_NM = 0.4


def amorphous_carbon(
    field_nm: float,
    thickness_nm: float,
    rng: np.random.Generator,
    density_g_per_cm3: float = 2.0,
    distance_nm: float = 0.135,
) -> Points:
    """Carbon atoms at random, none nearer to another than a bond.

    The smallest distance matters: without it the speckle is stronger than any real film's.

    Args:
        field_nm: Edge of the square film; it is periodic in the plane.
        thickness_nm: Thickness of the film.
        rng: Source of chance.
        density_g_per_cm3: 1.8 to 2.2 for evaporated films (Robertson, Mater. Sci. Eng. R 37, 129, 2002).
        distance_nm: Smallest distance of two atoms; 0.142 nm is the bond in graphite.

    Returns:
        Positions, (n, 3) in nm: two coordinates in the plane from 0 to `field_nm`, height from 0 to `thickness_nm`.
    """
    per_nm3 = density_g_per_cm3 / CARBON_G_PER_MOL * Avogadro * 1e-21
    box = np.array([field_nm, field_nm, thickness_nm])
    wanted = round(per_nm3 * box.prod())
    atoms = np.empty((0, 3))
    while len(atoms) < wanted:
        new = rng.random((2 * (wanted - len(atoms)), 3)) * box
        new = new[np.lexsort((new // CELL_NM).T)]  # neighbours in space near in memory: twice as fast
        if len(atoms):
            new = new[np.isinf(_tree(atoms, field_nm).query(new, distance_upper_bound=distance_nm)[0])]
        one, other = _tree(new, field_nm).query_pairs(distance_nm, output_type="ndarray").T
        chance = rng.random(len(new))
        atoms = np.concatenate([atoms, np.delete(new, np.where(chance[one] > chance[other], one, other), axis=0)])
    return rng.permutation(atoms)[:wanted]


def _tree(points: Points, field_nm: float) -> cKDTree:
    """For distances in a film that is periodic in the plane."""
    return cKDTree(points, compact_nodes=False, balanced_tree=False, boxsize=[field_nm, field_nm, 0])
