"""Signal-to-noise ratio of a lattice's reflections in the image of one particle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.fft import fftfreq, next_fast_len, rfft2, rfftfreq
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from hrtem_lab.image import Indices, ring_noise
from hrtem_lab.micrograph import BoolArray, FloatArray

MIN_AREA_NM2 = 0.8
"""Smallest window: a disc of four spacings of Au {111}; fewer fringes are no lattice to any eye."""
CLEARANCE = 3.0
"""Distance from a particle's own spots, in widths of a spot, at which speckle is measured."""
RING_SPACING_PER_NM = 0.1
"""Reflections nearer to each other in their distance from zero share one measure of speckle."""


def lattice_snr(
    image: FloatArray, window: BoolArray, pixel_size_nm: float, g: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the Fourier amplitude at each reflection over the root mean square of noise and speckle there, (n,).

    Noise and speckle are measured in the same window, at about the same distance from the origin, away from `g`.

    Args:
        image: Surroundings of one particle, (rows, columns), in any unit.
        window: True in the particle, (rows, columns).
        pixel_size_nm: Pixel of both.
        g: Spatial frequencies, (n, 2) in nm^-1.

    Returns:
        (n,); 0 beyond the image's Nyquist frequency, in an image without any contrast, and in a window smaller than
        `MIN_AREA_NM2`.
    """
    weight = gaussian_filter(window.astype(float), 0.1 / pixel_size_nm)
    total = weight.sum()
    snr = np.zeros(len(g))
    distance = np.hypot(*g.T)
    inside = distance < 0.5 / pixel_size_nm
    if total * pixel_size_nm**2 < MIN_AREA_NM2 or np.ptp(image) == 0 or not inside.any():
        return snr
    deviation = (image - (weight * image).sum() / total) * weight
    extent_nm = np.sqrt(total) * pixel_size_nm
    offsets = 0.35 / extent_nm * np.array([-1, 0, 1])
    signal = _power(deviation, pixel_size_nm, g[inside, :1] + offsets, g[inside, 1:] + offsets).max((1, 2))
    noise = _noise_power(deviation, pixel_size_nm, distance[inside], g, extent_nm)
    snr[inside] = np.sqrt(np.divide(signal, noise, out=np.zeros_like(noise), where=noise > 0))
    return snr


def _noise_power(
    image: npt.NDArray[np.float64],
    pixel_size_nm: float,
    distance: npt.NDArray[np.float64],
    spots: npt.NDArray[np.float64],
    extent_nm: float,
) -> npt.NDArray[np.float64]:
    """Return the mean power of an image at about each distance from the origin and away from all spots.

    Args:
        image: Windowed image, (rows, columns).
        pixel_size_nm: Pixel of the image.
        distance: Distances from the origin, (n,) in nm^-1.
        spots: Spatial frequencies to keep away from, (m, 2) in nm^-1.
        extent_nm: Side length of a square with the area of the window.

    Returns:
        (n,).
    """
    size = next_fast_len(2 * max(image.shape), real=True)
    power = np.abs(rfft2(image, (size, size))) ** 2
    axes = np.meshgrid(fftfreq(size, pixel_size_nm), rfftfreq(size, pixel_size_nm), indexing="ij")
    frequency = np.stack(axes, axis=-1)
    radius = np.hypot(frequency[..., 0], frequency[..., 1])
    used = (radius > distance.min() - 1 / extent_nm) & (radius < distance.max() + 1 / extent_nm)
    radius, power = radius[used], power[used]
    to_spot, _ = KDTree(np.concatenate([spots, -spots])).query(frequency[used])
    step = min(RING_SPACING_PER_NM, 1 / extent_nm)  # or the spots of a large window would lie beside their ring
    wanted = step * np.round(distance / step)
    rings = {float(ring): np.flatnonzero(np.abs(radius - ring) < 1 / extent_nm) for ring in np.unique(wanted)}

    def allowed(samples: Indices) -> BoolArray:
        away = to_spot[samples]
        # where spots crowd the ring, as in a twinned particle, the places farthest from any serve
        return away >= min(CLEARANCE / extent_nm, np.quantile(away, 0.7))

    return ring_noise(power, wanted, rings, allowed)


def _power(
    image: npt.NDArray[np.float64],
    pixel_size_nm: float,
    rows: npt.NDArray[np.float64],
    columns: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the squared modulus of the Fourier sum of an image on small grids of spatial frequencies.

    Args:
        image: Windowed image, (n, m).
        pixel_size_nm: Pixel of the image.
        rows: Frequencies along the rows' axis, (k, a) in nm^-1.
        columns: Frequencies along the columns' axis, (k, b) in nm^-1.

    Returns:
        (k, a, b).
    """
    factor = -2 * np.pi * pixel_size_nm
    angles = factor * rows[..., None] * np.arange(image.shape[0])
    values = image.astype(np.float32)
    # two real products take a third of the time of a complex one
    inner = np.cos(angles, dtype=np.float32) @ values + 1j * (np.sin(angles, dtype=np.float32) @ values)
    outer = np.exp((1j * factor * columns[..., None] * np.arange(image.shape[1])).astype(np.complex64))
    return (np.abs(inner @ outer.transpose(0, 2, 1)) ** 2).astype(np.float64)
