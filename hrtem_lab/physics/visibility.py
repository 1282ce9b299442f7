"""What an image shows of a particle's lattice: the rule from facts to class labels.

A reflection is *resolved* in an image when the particle's Fourier amplitude at its place is `RESOLVED` times what shot
noise and the support's speckle put there. The speckle's share is measured in the same window, at the same distance
from the origin, away from the particle's own reflections. A particle is then

* `no_fringe` when no reflection of it is resolved,
* `fault` when a twin plane or stacking fault in it stands so nearly edge-on that its projection is at most
  `PROJECTED_NM` wide, and a reflection is resolved that the plane changes: one whose indices in the frame where the
  plane is (111) do not sum to a multiple of three (g . R is then no integer for the fault's R = 1/6 <112>, and the
  twin's mirror image of g is no reflection of the parent),
* `no_fault` otherwise.

`agglomerate` and `empty` are properties of a predicted outline, not of a particle: see `hrtem_lab.defects.labelling`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import find_objects, gaussian_filter

from hrtem_lab.micrograph import FloatArray, IntArray
from hrtem_lab.physics.specimen import Placed

RESOLVED = 4.0
PROJECTED_NM = 0.35  # one and a half {111} planes of gold
RELROD = 1.5  # a crystal of thickness t diffracts while g lies within about 1/t of the Ewald sphere, here a plane


def label(
    expected: FloatArray, instances: IntArray, pixel_size_nm: float, particles: tuple[Placed, ...]
) -> pd.DataFrame:
    """Class of each particle in one image.

    Args:
        expected: Expected electrons per pixel, (n, n), without shot noise.
        instances: Particle numbers, (n, n).
        pixel_size_nm: Pixel of both.
        particles: As they were placed, in the order of their numbers.

    Returns:
        One row per particle, indexed by its number: `resolved` (reflections of either variant), `strength` (the
        strongest reflection's amplitude over the noise's), `fault_visible` and `label`.
    """
    boxes = find_objects(instances, max_label=len(particles))
    rows = []
    for number, (particle, box) in enumerate(zip(particles, boxes, strict=True), start=1):
        strength = np.zeros((2, len(particle.crystal.material.reflections())))
        if box is not None:
            window = instances[box] == number
            for variant in range(2 if particle.crystal.twins else 1):
                g = particle.reflections(variant)
                excited = np.abs(g[:, 2]) < RELROD / particle.crystal.diameter_nm
                strength[variant, excited] = significance(expected[box], window, pixel_size_nm, g[excited, :2])
        resolved = strength > RESOLVED
        changed = particle.crystal.material.reflections().sum(1) % 3 != 0
        width_nm = particle.crystal.diameter_nm * abs(particle.normal[2])
        visible = bool(particle.crystal.planes and width_nm <= PROJECTED_NM and resolved[:, changed].any())
        name = "fault" if visible else "no_fault" if resolved.any() else "no_fringe"
        rows.append(
            {"resolved": int(resolved.sum()), "strength": strength.max(), "fault_visible": visible, "label": name}
        )
    columns = ["resolved", "strength", "fault_visible", "label"]
    return pd.DataFrame(rows, columns=columns, index=pd.RangeIndex(1, len(rows) + 1, name="particle"))


def significance(
    image: FloatArray, window: npt.NDArray[np.bool_], pixel_size_nm: float, g: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Fourier amplitude at each reflection over the root mean square of what noise and speckle put there.

    Args:
        image: Expected electrons per pixel around one particle, (rows, columns).
        window: Where the particle is, (rows, columns).
        pixel_size_nm: Pixel of both.
        g: Spatial frequencies, (n, 2) in nm^-1.

    Returns:
        (n,); 0 beyond the image's Nyquist frequency.
    """
    weight = gaussian_filter(window.astype(float), 0.1 / pixel_size_nm)
    total = weight.sum()
    if total == 0 or image.max() <= 0 or not len(g):
        return np.zeros(len(g))
    deviation = (image - (weight * image).sum() / total) * weight
    shot = (weight**2 * image).sum()  # variance of the sum below
    extent = np.sqrt(total) * pixel_size_nm
    radius = np.hypot(*g.T)
    step = 0.35 / extent * np.array([[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    at_spot = _power(deviation, pixel_size_nm, (g[:, None] + step).reshape(-1, 2)).reshape(len(g), -1).max(1)
    azimuths = np.pi * np.arange(24) / 24
    ring = np.stack([np.cos(azimuths), np.sin(azimuths)], axis=1)
    # median of an exponential distribution is log 2 of its mean: spots on the ring do not count
    speckle = np.array([np.median(_power(deviation, pixel_size_nm, r * ring)) for r in radius]) / np.log(2)
    strength = np.sqrt(at_spot / (shot + speckle))
    return np.where(radius < 0.5 / pixel_size_nm, strength, 0.0)


def _power(image: npt.NDArray[np.float64], pixel_size_nm: float, k: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Squared modulus of the Fourier sum of an image at any spatial frequencies k, (n, 2) in nm^-1."""
    rows, columns = (np.exp(-2j * np.pi * pixel_size_nm * k[:, [a]] * np.arange(image.shape[a])) for a in (0, 1))
    return np.abs(((rows @ image) * columns).sum(1)) ** 2
