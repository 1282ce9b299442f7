"""Outlines of particles in projection, and the instance map that they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from scipy.stats import circmean

from hrtem_lab.micrograph import IntArray
from hrtem_lab.physics.material import Material
from hrtem_lab.physics.specimen import Specimen


class Silhouette(NamedTuple):
    """Projection of one particle.

    Attributes:
        pixels: Flat index (row * gpts + column) of each of its pixels, in rising order.
        depth: Distance of each pixel from the nearest one outside, in pixels.
    """

    pixels: npt.NDArray[np.int64]
    depth: npt.NDArray[np.float64]


def project_instances(specimen: Specimen, gpts: int) -> IntArray:
    """Return the instance map of a specimen's silhouettes, (gpts, gpts)."""
    return instance_map(silhouettes(specimen, gpts), gpts)


def instance_map(particles: Sequence[Silhouette], gpts: int) -> IntArray:
    """Return the particle number of each pixel, (gpts, gpts), from 1; 0 = background.

    A projection does not tell which of two overlapping particles is in front. A pixel therefore belongs to the one in
    which it lies deepest relative to the area: two of one size are cut through the middle of what they share, and a
    small one before or behind a large one keeps all but a rim.
    """
    instances = np.zeros(gpts * gpts, dtype=np.int32)
    deepest = np.zeros(gpts * gpts)
    for number, (pixels, depth) in enumerate(particles, start=1):
        relative = depth / len(pixels)
        won = relative > deepest[pixels]
        instances[pixels[won]] = number
        deepest[pixels[won]] = relative[won]
    return instances.reshape(gpts, gpts)


def overlap_fractions(particles: Sequence[Silhouette]) -> list[float]:
    """Return the fraction of each silhouette that lies over or under another one."""
    counts = np.bincount(np.concatenate([np.empty(0, dtype=np.int64), *(one.pixels for one in particles)]))
    return [float((counts[one.pixels] > 1).mean()) for one in particles]


def silhouettes(specimen: Specimen, gpts: int) -> list[Silhouette]:
    """Return the filled outline of each particle: its projected atoms, with the gaps between columns closed.

    The closing dilates by the distance between nearest neighbours, of which no empty channel of these crystals is wider
    than twice, and erodes until the particle ends `surface_margin_nm` beyond its outermost nuclei: then a ball of a
    crystal covers the area of the sphere with the same volume, to 3 % from 2 nm (metals) or 3 nm (CdSe) upwards. (With
    the whole radius of the atoms instead it would be too large, a ball of gold of 2 nm by 12 %.)
    """
    field_nm = specimen.atoms.cell.lengths()[0] / 10
    result = []
    for number, particle in enumerate(specimen.particles, start=1):
        atoms = specimen.atoms.positions[specimen.particle_ids == number, :2] / 10
        result.append(_silhouette(atoms, particle.crystal.material, field_nm, gpts))
    return result


def _silhouette(atoms: npt.NDArray[np.float64], material: Material, field_nm: float, gpts: int) -> Silhouette:
    """Return the silhouette of one particle's atoms, (n, 2) in nm, in a periodic field."""
    pixel = field_nm / gpts
    pad = int(np.ceil(2 * material.bond_nm / pixel))
    centre = np.floor(circmean(atoms, high=field_nm, axis=0) / pixel).astype(int)
    away = (np.floor(atoms / pixel).astype(int) - centre + gpts // 2) % gpts - gpts // 2
    half = int(np.abs(away).max()) + pad
    empty = np.ones((2 * half + 1, 2 * half + 1), dtype=bool)
    empty[tuple((away + half).T)] = False
    far = distance_transform_edt(empty) * pixel > material.bond_nm
    # half a pixel: the dilated region ends between its last pixel and the first one outside
    inside = (distance_transform_edt(~far) - 0.5) * pixel > material.bond_nm - surface_margin_nm(material)
    rows, columns = (np.argwhere(inside) - half + centre).T % gpts
    pixels, first = np.unique(rows * gpts + columns, return_index=True)
    return Silhouette(pixels, distance_transform_edt(inside)[inside][first])


def surface_margin_nm(material: Material) -> float:
    """Return how far a particle extends beyond its outermost nuclei: half the radius of the sphere that one atom fills.

    Where a surface cuts a lattice, the outermost nuclei lie below it by anything from nothing to the distance of two
    planes; seen from the side, by this much (measured on balls of 2 to 12 nm turned at random).
    """
    return float(0.5 * np.cbrt(3 * material.atom_volume_nm3 / (4 * np.pi)))
