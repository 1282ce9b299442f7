"""Class labels by what an image shows of a particle's lattice.

A reflection is *resolved* in an image when its `lattice_snr` is above `RESOLVED`: the particle's Fourier amplitude
there is so many times the noise and the support's speckle. By Rose's criterion an observer needs 5 to be certain (Rose
1948, J. Opt. Soc. Am. 38, 196). The image is the final one, with its shot noise and its postprocessing: nobody can
see what a filter has removed. A particle is then

* `no_fringe` when no reflection of any lattice in it is resolved, either where the Ewald sphere passes near by or where
  it cuts the rod into which planar defects draw a reflection,
* `fault` when a planar defect in it stands edge-on, to within `EDGE_ON_DEG`, and on each of its two sides, as far as
  they are clear of its projection, a reflection is resolved that this defect affects: one whose g . R is no integer for
  the displacement R of the crystal beyond the defect (`Material.displacement_nm`; for a twin, one that is no reflection
  of its other side). Where the edge of the image or the noise leaves one side only, nobody can see that there is
  another,
* `no_fault` otherwise.

`agglomerate` and `empty` are properties of a predicted outline, not of a particle: see `hrtem_lab.defects.labelling`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import find_objects

from hrtem_lab.micrograph import BoolArray, FloatArray, IntArray, ParticleClass
from hrtem_lab.particle_facts import IMAGE_FACTS
from hrtem_lab.physics.lattice_snr import lattice_snr
from hrtem_lab.physics.placed_particle import PlacedParticle

RESOLVED = 5.0
"""Signal-to-noise ratio above which a reflection is resolved."""
EDGE_ON_DEG = 20.0
"""Largest tilt of a plane from edge-on; its projection then covers a third of a ball at most."""
SAME_PER_NM = 0.01
"""Reflections nearer to each other than this are one."""
RELROD = 4.0
"""A crystal of thickness t diffracts while g lies within this over t of the Ewald sphere, here a plane."""


def label_particles(
    image: FloatArray,
    instances: IntArray,
    pixel_size_nm: float,
    particles: tuple[PlacedParticle, ...],
    field_nm: float | None = None,
) -> pd.DataFrame:
    """Label each particle in one image.

    Args:
        image: Final image, (n, n), in any unit.
        instances: Particle numbers, (n, n).
        pixel_size_nm: Pixel of both.
        particles: Particles in the order of their numbers.
        field_nm: Period of the field, by default the side length of the image.

    Returns:
        One row per particle, indexed by its number: `resolved` (number of resolved reflections of any of its lattices),
        `lattice_snr` (of the strongest reflection), `fault_snr` (of the strongest reflection that an edge-on defect
        affects, on the side of the defect where it is weaker; 0 without such a defect) and `label`.
    """
    boxes = find_objects(instances, max_label=len(particles))
    rows = []
    for number, (particle, box) in enumerate(zip(particles, boxes, strict=True), start=1):
        values = (0, 0.0, 0.0)
        if box is not None:
            window = instances[box] == number
            position_nm = _position_nm(particle, box, window, pixel_size_nm, field_nm or pixel_size_nm * len(image))
            values = _measure(particle, image[box], window, pixel_size_nm, position_nm)
        rows.append((*values, _class(*values)))
    return pd.DataFrame(
        rows, columns=[fact.name for fact in IMAGE_FACTS], index=pd.RangeIndex(1, len(rows) + 1, name="particle")
    )


def _class(resolved: int, snr: float, fault_snr: float) -> str:
    """Return the label for the measured values of a particle."""
    if fault_snr > RESOLVED:
        return ParticleClass.FAULT.value
    return (ParticleClass.NO_FAULT if resolved else ParticleClass.NO_FRINGE).value


def _measure(
    particle: PlacedParticle,
    image: FloatArray,
    window: BoolArray,
    pixel_size_nm: float,
    position_nm: npt.NDArray[np.float64],
) -> tuple[int, float, float]:
    """Return number of resolved reflections, SNR of the strongest one, and SNR of the clearest edge-on defect.

    Args:
        particle: The particle.
        image: Crop of the image, (rows, columns).
        window: True in the particle, (rows, columns).
        pixel_size_nm: Pixel of both.
        position_nm: Position of each pixel from the particle's centre, (rows, columns, 2).
    """
    crystal = particle.crystal
    g, affected = _visible_spots(particle)
    # lattices that are twins share reflections: each spot is measured once
    g, spot = _merge_equal(g)
    snr = lattice_snr(image, window, pixel_size_nm, g[:, :2])
    resolved = snr > RESOLVED
    cosines = np.abs(particle.plane_normals[:, 2])
    widths_nm = crystal.diameter_nm * cosines
    edge_on = cosines <= np.sin(np.radians(EDGE_ON_DEG))
    faults = [
        _weaker_side(
            image,
            window,
            pixel_size_nm,
            g[np.unique(spot[affected[plane]])],
            position_nm @ normal - height,
            widths_nm[plane],
        )
        for plane, normal, height in _planes(particle)
        if edge_on[plane] and (affected[plane] & resolved[spot]).any()
    ]
    return int(resolved.sum()), float(snr.max(initial=0.0)), max(faults, default=0.0)


def _planes(particle: PlacedParticle) -> Iterator[tuple[int, npt.NDArray[np.float64], float]]:
    """Yield every planar defect: index of its normal, in-plane part (2,) of that normal, and height in nm."""
    crystal, normals = particle.crystal, particle.plane_normals[:, :2]
    if crystal.planes:
        yield from ((0, normals[0], plane.height_nm) for plane in crystal.planes)
    else:  # those of a multiply twinned particle go through its middle
        yield from ((number, normal, 0.0) for number, normal in enumerate(normals))


def _position_nm(
    particle: PlacedParticle, box: tuple[slice, slice], window: BoolArray, pixel_size_nm: float, field_nm: float
) -> npt.NDArray[np.float64]:
    """Return row and column of every pixel of a box from the particle's centre in nm, (rows, columns, 2).

    The field is periodic, and a part of a particle may lie on its far side: the nearest centre counts.
    """
    pixels = np.moveaxis(np.array(np.mgrid[box], dtype=np.float64), 0, -1) + 0.5
    away = pixels * pixel_size_nm - particle.centre_nm[:2]
    middle = away[window].mean(axis=0)
    return np.asarray(away - field_nm * np.round(middle / field_nm))


def _weaker_side(
    image: FloatArray,
    window: BoolArray,
    pixel_size_nm: float,
    g: npt.NDArray[np.float64],
    distance_nm: npt.NDArray[np.float64],
    width_nm: float,
) -> float:
    """Return the SNR of the strongest reflection on the side of a defect where that is lower.

    Args:
        image: Crop of the image, (rows, columns).
        window: True in the particle, (rows, columns).
        pixel_size_nm: Pixel of both.
        g: Reflections, (n, 3) in nm^-1.
        distance_nm: Signed distance of each pixel from the defect, (rows, columns).
        width_nm: Width of the defect's projection, which belongs to no side.
    """
    sides = window & (distance_nm > width_nm / 2), window & (distance_nm < -width_nm / 2)
    return min(float(lattice_snr(image, side, pixel_size_nm, g[:, :2]).max(initial=0.0)) for side in sides)


def _visible_spots(particle: PlacedParticle) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the places where reflections can show in an image, and which of them each defect affects.

    A perfect crystal shows those near the Ewald sphere. The planes of a stack draw the reflections that they affect
    into rods along their normal (Warren 1969, X-ray Diffraction, chapter 13); of each the point counts at which the
    sphere cuts it, up to the middle between two reflections on the rod. Fringes then lie up to 2 nm^-1 from any
    reflection.

    Returns:
        Places, (n, 3) in nm^-1, and for each defect a mask of them, (m, n).
    """
    crystal = particle.crystal
    variants = range(len(crystal.variants))
    g = np.concatenate([particle.g_vectors(v) for v in variants])
    affected = np.concatenate([crystal.reflections_affected(v) for v in variants], axis=1)
    near = np.abs(g[:, 2]) < RELROD / crystal.diameter_nm
    if not crystal.planes:
        return g[near], affected[:, near]
    normal = particle.plane_normals[0]
    along = -g[:, 2] / np.where(normal[2] == 0, np.nan, normal[2])
    cut = affected[0] & (np.abs(along) <= 0.5 / crystal.material.d_spacing_nm)
    rods = g[cut] + along[cut, None] * normal
    return np.concatenate([g[near], rods]), np.concatenate([affected[:, near], affected[:, cut]], axis=1)


def _merge_equal(g: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the distinct rows, g and -g counting as equal, and the index of the distinct row for each row."""
    equal = [np.linalg.norm(g[:, None] + sign * g, axis=2) < SAME_PER_NM for sign in (-1, 1)]
    first = np.array([row.argmax() for row in equal[0] | equal[1]], dtype=np.int64)
    distinct, index = np.unique(first, return_inverse=True)
    return g[distinct], index
