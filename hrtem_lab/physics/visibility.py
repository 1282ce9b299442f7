"""What an image shows of a particle's lattice: the rule from facts to class labels.

A reflection is *resolved* in an image when the particle's Fourier amplitude at its place is `RESOLVED` times what noise
and the support's speckle put there; by Rose's criterion an observer needs 5 to be certain (Rose 1948, J. Opt. Soc. Am.
38, 196). Noise and speckle are measured in the same window, at about the same distance from the origin, away from the
particle's own reflections; a window smaller than `LEAST_NM2` resolves nothing. The image is the one that is handed on,
with its shot noise and after whatever was done to it: what a camera saw and a filter has lost, nobody can see. A
particle is then

* `no_fringe` when no reflection of any lattice in it is resolved, be it where the Ewald sphere passes near by or where
  it cuts the rod that planar defects draw a reflection into,
* `fault` when a planar defect in it stands edge-on, to within `EDGE_ON_DEG`, and on each of its two sides, as far as
  they are clear of its projection, a reflection is resolved that this defect changes: one whose g . R is not whole for
  the shift R of the crystal beyond the defect (`Material.shift`; for a twin, one that is no reflection of its other
  side). Where the edge of the image or the noise leaves one side only, nobody can see that there is another,
* `no_fault` otherwise.

`agglomerate` and `empty` are properties of a predicted outline, not of a particle: see `hrtem_lab.defects.labelling`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.fft import fftfreq, next_fast_len, rfft2, rfftfreq
from scipy.ndimage import find_objects, gaussian_filter
from scipy.spatial import KDTree

from hrtem_lab.image import Indices, ring_noise
from hrtem_lab.micrograph import BoolArray, FloatArray, IntArray, ParticleClass
from hrtem_lab.physics.placed import Placed

Mask = npt.NDArray[np.bool_]

RESOLVED = 5.0
EDGE_ON_DEG = 20.0  # the plane's projection then covers a third of a ball at most
LEAST_NM2 = 0.8  # a disc of four spacings of Au {111}: fewer fringes are no lattice to any eye
CLEAR = 3.0  # speckle is measured this many widths of a spot away from the particle's own
RING = 0.1  # nm^-1; reflections nearer to each other in distance from zero share one measure of speckle
SAME = 0.01  # nm^-1; reflections nearer to each other than this are one
RELROD = 4.0  # a crystal of thickness t diffracts while g lies within a few 1/t of the Ewald sphere, here a plane


def label(
    image: FloatArray,
    instances: IntArray,
    pixel_size_nm: float,
    particles: tuple[Placed, ...],
    field_nm: float | None = None,
) -> pd.DataFrame:
    """Class of each particle in one image.

    Args:
        image: As it is handed on, (n, n), in any unit.
        instances: Particle numbers, (n, n).
        pixel_size_nm: Pixel of both.
        particles: As they were placed, in the order of their numbers.
        field_nm: Period of the field, by default the edge of the image.

    Returns:
        One row per particle, indexed by its number: `resolved` (reflections of either variant), `strength` (the
        strongest reflection's amplitude over the noise's), `fault_strength` (the same of the strongest reflection that
        a defect changes, on the side of it where that is weaker; 0 where none stands edge-on) and `label`.
    """
    boxes = find_objects(instances, max_label=len(particles))
    rows = []
    for number, (particle, box) in enumerate(zip(particles, boxes, strict=True), start=1):
        shown = (0, 0.0, 0.0)
        if box is not None:
            window = instances[box] == number
            place = _place(particle, box, window, pixel_size_nm, field_nm or pixel_size_nm * len(image))
            shown = _shown(particle, image[box], window, pixel_size_nm, place)
        resolved, strength, fault = shown
        name = ParticleClass.NO_FAULT if resolved else ParticleClass.NO_FRINGE
        if fault > RESOLVED:
            name = ParticleClass.FAULT
        rows.append({"resolved": resolved, "strength": strength, "fault_strength": fault, "label": name.value})
    columns = ["resolved", "strength", "fault_strength", "label"]
    return pd.DataFrame(rows, columns=columns, index=pd.RangeIndex(1, len(rows) + 1, name="particle"))


def _shown(
    particle: Placed, image: FloatArray, window: Mask, pixel_size_nm: float, place: npt.NDArray[np.float64]
) -> tuple[int, float, float]:
    """How many reflections are resolved, the strongest one's significance, and that of the clearest defect."""
    crystal = particle.crystal
    g, changed = _spots(particle)
    # lattices that are twins share reflections: each place is looked at once
    g, which = _distinct(g)
    strength = significance(image, window, pixel_size_nm, g[:, :2])
    resolved = strength > RESOLVED
    wide_nm = crystal.diameter_nm * np.abs(particle.normals[:, 2])
    edge_on = np.abs(particle.normals[:, 2]) <= np.sin(np.radians(EDGE_ON_DEG))
    faults = [
        _weaker_side(
            image, window, pixel_size_nm, g[np.unique(which[changed[plane]])], place @ normal - height, wide_nm[plane]
        )
        for plane, normal, height in _planes(particle)
        if edge_on[plane] and (changed[plane] & resolved[which]).any()
    ]
    return int(resolved.sum()), float(strength.max(initial=0.0)), max(faults, default=0.0)


def _planes(particle: Placed) -> Iterator[tuple[int, npt.NDArray[np.float64], float]]:
    """Every planar defect: which of the particle's normals it has, that normal's part in the image, and its height."""
    crystal, normals = particle.crystal, particle.normals[:, :2]
    if crystal.planes:
        yield from ((0, normals[0], plane.height_nm) for plane in crystal.planes)
    else:  # those of a multiply twinned particle go through its middle
        yield from ((number, normal, 0.0) for number, normal in enumerate(normals))


def _place(
    particle: Placed, box: tuple[slice, slice], window: Mask, pixel_size_nm: float, field_nm: float
) -> npt.NDArray[np.float64]:
    """Row and column of every pixel of a box from the particle's centre in nm, (rows, columns, 2).

    The field is periodic, and a piece of a particle may lie on its far side: the nearest centre counts.
    """
    pixels = np.moveaxis(np.array(np.mgrid[box], dtype=np.float64), 0, -1) + 0.5
    away = pixels * pixel_size_nm - particle.centre_nm[:2]
    middle = away[window].mean(axis=0)
    return np.asarray(away - field_nm * np.round(middle / field_nm))


def _weaker_side(
    image: FloatArray,
    window: Mask,
    pixel_size_nm: float,
    g: npt.NDArray[np.float64],
    beyond_nm: npt.NDArray[np.float64],
    wide_nm: float,
) -> float:
    """How strong the strongest of the reflections is on the weaker side of a line `wide_nm` wide, `beyond_nm` off."""
    sides = window & (beyond_nm > wide_nm / 2), window & (beyond_nm < -wide_nm / 2)
    return min(float(significance(image, side, pixel_size_nm, g[:, :2]).max(initial=0.0)) for side in sides)


def _spots(particle: Placed) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Where reflections can show in an image, (n, 3) in nm^-1, and which of them each defect changes, (m, n).

    A perfect crystal shows those near the Ewald sphere. The planes of a stack draw the reflections that they change
    into rods along their normal (Warren 1969, X-ray Diffraction, chapter 13); of each the point counts at which the
    sphere cuts it, up to the middle between two reflections on the rod. Fringes then lie up to 2 nm^-1 from any
    reflection.
    """
    crystal = particle.crystal
    lattices = range(len(crystal.variants))
    g = np.concatenate([particle.reflections(v) for v in lattices])
    changed = np.concatenate([crystal.changed(v) for v in lattices], axis=1)
    near = np.abs(g[:, 2]) < RELROD / crystal.diameter_nm
    if not crystal.planes:
        return g[near], changed[:, near]
    normal = particle.normals[0]
    along = -g[:, 2] / np.where(normal[2] == 0, np.nan, normal[2])
    cut = changed[0] & (np.abs(along) <= 0.5 / crystal.material.plane_nm)
    rods = g[cut] + along[cut, None] * normal
    return np.concatenate([g[near], rods]), np.concatenate([changed[:, near], changed[:, cut]], axis=1)


def _distinct(g: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Rows that differ, g and -g being one, and for each of `g` the place of its own."""
    nearer = [np.linalg.norm(g[:, None] + sign * g, axis=2) < SAME for sign in (-1, 1)]
    first = np.array([row.argmax() for row in nearer[0] | nearer[1]], dtype=np.int64)
    kept, which = np.unique(first, return_inverse=True)
    return g[kept], which


def significance(
    image: FloatArray, window: npt.NDArray[np.bool_], pixel_size_nm: float, g: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Fourier amplitude at each reflection over the root mean square of what noise and speckle put there.

    Args:
        image: Around one particle, (rows, columns), in any unit.
        window: Where the particle is, (rows, columns).
        pixel_size_nm: Pixel of both.
        g: Spatial frequencies, (n, 2) in nm^-1.

    Returns:
        (n,); 0 beyond the image's Nyquist frequency, in an image without any contrast, and in a window smaller than
        `LEAST_NM2`.
    """
    weight = gaussian_filter(window.astype(float), 0.1 / pixel_size_nm)
    total = weight.sum()
    strength = np.zeros(len(g))
    distance = np.hypot(*g.T)
    inside = distance < 0.5 / pixel_size_nm
    if total * pixel_size_nm**2 < LEAST_NM2 or np.ptp(image) == 0 or not inside.any():
        return strength
    deviation = (image - (weight * image).sum() / total) * weight
    extent = np.sqrt(total) * pixel_size_nm
    near = 0.35 / extent * np.array([-1, 0, 1])
    at_spot = _power(deviation, pixel_size_nm, g[inside, :1] + near, g[inside, 1:] + near).max((1, 2))
    noise = _noise(deviation, pixel_size_nm, distance[inside], g, extent)
    strength[inside] = np.sqrt(np.divide(at_spot, noise, out=np.zeros_like(noise), where=noise > 0))
    return strength


def _noise(
    image: npt.NDArray[np.float64],
    pixel_size_nm: float,
    distance: npt.NDArray[np.float64],
    spots: npt.NDArray[np.float64],
    extent_nm: float,
) -> npt.NDArray[np.float64]:
    """Mean power of an image at about each distance from the origin, (n,) in nm^-1, and away from all `spots`; (n,)."""
    size = next_fast_len(2 * max(image.shape), real=True)
    power = np.abs(rfft2(image, (size, size))) ** 2
    at = np.stack(np.meshgrid(fftfreq(size, pixel_size_nm), rfftfreq(size, pixel_size_nm), indexing="ij"), axis=-1)
    radius = np.hypot(at[..., 0], at[..., 1])
    used = (radius > distance.min() - 1 / extent_nm) & (radius < distance.max() + 1 / extent_nm)
    radius, power = radius[used], power[used]
    to_spot, _ = KDTree(np.concatenate([spots, -spots])).query(at[used])
    step = min(RING, 1 / extent_nm)  # or the spots of a large window would lie beside their ring
    wanted = step * np.round(distance / step)
    rings = {float(ring): np.flatnonzero(np.abs(radius - ring) < 1 / extent_nm) for ring in np.unique(wanted)}

    def allowed(samples: Indices) -> BoolArray:
        away = to_spot[samples]
        # where spots crowd the ring, as in a twinned particle, the places farthest from any serve
        return away >= min(CLEAR / extent_nm, np.quantile(away, 0.7))

    return ring_noise(power, wanted, rings, allowed)


def _power(
    image: npt.NDArray[np.float64],
    pixel_size_nm: float,
    rows: npt.NDArray[np.float64],
    columns: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Squared modulus of the Fourier sum of an image on small grids of spatial frequencies.

    Args:
        image: (n, m).
        pixel_size_nm: Its pixel.
        rows: Frequencies along the rows' axis, (k, a) in nm^-1.
        columns: Along the columns' axis, (k, b).

    Returns:
        (k, a, b).
    """
    turns = -2 * np.pi * pixel_size_nm
    angles = turns * rows[..., None] * np.arange(image.shape[0])
    flat = image.astype(np.float32)
    # two real products take a third of the time of a complex one
    inner = np.cos(angles, dtype=np.float32) @ flat + 1j * (np.sin(angles, dtype=np.float32) @ flat)
    outer = np.exp((1j * turns * columns[..., None] * np.arange(image.shape[1])).astype(np.complex64))
    return (np.abs(inner @ outer.transpose(0, 2, 1)) ** 2).astype(np.float64)
