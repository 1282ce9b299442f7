"""The power spectrum of one particle, against the noise around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import fft, next_fast_len, rfft

from hrtem_lab.image import Indices, quadratic_surface, ring_noise
from hrtem_lab.micrograph import BoolArray

Array = npt.NDArray[np.float64]

BAND_PER_NM = (2.0, 7.5)
"""Where lattices are looked for: spacings from 0.5 to 0.133 nm, the first reflections of the metals and of CdSe and the
{220} of the metals, all that a particle shows along <111>."""
BIN_PER_NM = 0.25
TAPER_NM = 0.5
STANDS_OUT = 8.0
"""Power over the noise's at which a sample is of a spot, not of noise, of which 1 in 3000 reaches it."""
KEPT_PER_NM = 9.5
"""The transform is cut here: the band and the surroundings of a peak at its end."""
FIELD_NM = 6.0
"""Least edge of the (zero-padded) field that is transformed, so that the spectrum is sampled every 0.17 nm^-1."""
PADDED = 2
"""Least edge of that field in widths of the particle: at one, a peak between two samples is too low and its place is
off by more than noise makes it."""


@dataclass(frozen=True)
class Spectrum:
    """Fourier transform of a particle's windowed, detrended image, up to 9.5 nm^-1 or the Nyquist frequency.

    Attributes:
        wave: Transform of window x image, (size, size) with an odd size and zero frequency in the middle; phases are
            relative to the middle of the crop.
        window: Transform of the window alone, (size, size).
        energy: Sum of the squared window; white noise of unit variance has a mean power of 1 after division by it.
        step_per_nm: Distance of two samples in nm^-1.
        pixel_size_nm: Edge of a pixel.
    """

    wave: npt.NDArray[np.complex128]
    window: npt.NDArray[np.complex128]
    energy: float
    step_per_nm: float
    pixel_size_nm: float

    @property
    def middle(self) -> int:
        """Index of zero frequency along both axes."""
        return len(self.wave) // 2

    @property
    def resolution_per_nm(self) -> float:
        """Inverse of the diameter of the disc that the window is worth."""
        return float(1 / np.sqrt(4 / np.pi * self.energy * self.pixel_size_nm**2))

    @cached_property
    def power(self) -> Array:
        """Power, (size, size); its mean is the variance where the image is white noise."""
        return np.abs(self.wave) ** 2 / self.energy

    @property
    def strongest(self) -> float:
        """Largest power in the band or beyond it; wherever it is, its side lobes reach into the band."""
        return float(self.power.max(where=_radius(self.middle, self.step_per_nm) >= BAND_PER_NM[0], initial=0.0))

    @cached_property
    def background(self) -> Array:
        """Noise level at every frequency, (size, size), interpolated between rings 0.5 nm^-1 wide.

        It is measured a second time without what stands out the first time: the spots of a small particle fill much of
        their ring.
        """
        radius = _radius(self.middle, self.step_per_nm)
        top = min(BAND_PER_NM[1], 0.5 / self.pixel_size_nm)
        centres = np.arange(BAND_PER_NM[0], top + BIN_PER_NM, 2 * BIN_PER_NM)
        near = np.rint((radius - centres[0]) / (2 * BIN_PER_NM))
        rings = {float(centre): np.flatnonzero(near == number) for number, centre in enumerate(centres)}

        def level(free: BoolArray) -> Array:
            """Return the level from the samples of each ring that are free of spots, or from all if few are."""

            def allowed(ring: Indices) -> BoolArray:
                clear = free.ravel()[ring]
                return clear if clear.mean() > 1 / 3 else np.ones_like(clear)

            return ring_noise(self.power, radius, rings, allowed)

        first = level(np.ones(self.power.shape, dtype=bool))
        spots = self.power > STANDS_OUT * first
        return level(depth(~spots) > self.resolution_per_nm / self.step_per_nm) if spots.any() else first

    @cached_property
    def contrast(self) -> Array:
        """Power over background, (size, size); zero where a power of zero has a background of zero."""
        level = self.background
        return np.divide(self.power, level, out=np.zeros_like(level), where=level > 0)


def depth(mask: BoolArray) -> Array:
    """Distance of every pixel of a mask to the nearest one outside it, in pixels; exact, as SciPy's but faster."""
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float64)
    # its square is whole; OpenCV's last digit depends on where in memory the mask lies
    distance *= distance
    exact: Array = np.sqrt(np.rint(distance, out=distance), out=distance)
    return exact


def soften(mask: BoolArray, width_px: float) -> Array:
    """A window that is 1 in the middle of a mask and falls to 0 at its edge as a squared sine.

    The fall takes at most half the inner radius. The border of the array counts as an edge.
    """
    column, row, columns, rows = cv2.boundingRect(mask.astype(np.uint8))
    box = slice(row, row + rows), slice(column, column + columns)
    distance = depth(np.pad(mask[box], 1))[1:-1, 1:-1]
    width = max(min(width_px, distance.max(initial=0) / 2), 1.0)
    inner = np.clip((distance - 0.5) / width, 0, 1)
    rim = (inner > 0) & (inner < 1)
    inner[rim] = np.sin(np.pi / 2 * inner[rim]) ** 2
    window: Array = np.zeros(mask.shape)
    window[box] = inner
    return window


def detrend(image: npt.NDArray[Any], mask: BoolArray) -> Array:
    """The image less the best quadratic surface in the mask (thickness, illumination), and 0 outside the mask."""
    inside = mask.astype(np.float64)
    values = np.where(mask, image, 0).astype(np.float64)
    values -= inside * (values.sum() / inside.sum())  # a large offset would cost digits in the fit
    flat: Array = values - inside * quadratic_surface(values, mask)
    return flat


def spectrum(image: npt.NDArray[Any], mask: BoolArray, pixel_size_nm: float, padded: int = PADDED) -> Spectrum:
    """Transforms the part of an image inside a mask, both (rows, columns), as a window with soft edges shows it.

    The field is `padded` times as wide as the mask at least: 1 will do where no peak is looked for.
    """
    window = soften(mask, TAPER_NM / pixel_size_nm)
    extent = max(cv2.boundingRect(mask.astype(np.uint8))[2:])
    size = next_fast_len(max(*mask.shape, padded * extent, int(np.ceil(FIELD_NM / pixel_size_nm))))
    step_per_nm = 1 / (size * pixel_size_nm)
    half = min(int(np.ceil(KEPT_PER_NM / step_per_nm)), (size - 1) // 2)
    kept = np.arange(-half, half + 1)
    rows, columns = (np.exp(1j * np.pi * (side - 1) * kept / size) for side in mask.shape)

    right = rfft([window * detrend(image, mask), window], size)[..., : half + 1]
    right = fft(right, size, axis=1)[:, kept]
    both = np.concatenate([right[:, ::-1, :0:-1].conj(), right], axis=2)  # both are real
    wave, own = both * np.outer(rows, columns)
    return Spectrum(wave, own, float(np.sum(window**2)), step_per_nm, pixel_size_nm)


def bins_per_nm(pixel_size_nm: float = 0.0) -> Array:
    """Lower ends of the radial bins in nm^-1; with a pixel size only those that end below the Nyquist frequency."""
    starts = np.arange(*BAND_PER_NM, BIN_PER_NM)
    return starts[(starts + BIN_PER_NM) * 2 * pixel_size_nm <= 1 + 1e-9]


def radial_profile(of: Spectrum) -> Array:
    """Mean power in each bin of `bins_per_nm`; `nan` above the Nyquist frequency."""
    inside = len(bins_per_nm(of.pixel_size_nm))
    bins = ring(of).ravel()
    total = np.bincount(bins, weights=of.power.ravel(), minlength=inside + 1)
    profile = np.full(len(bins_per_nm()), np.nan)
    profile[:inside] = (total / np.bincount(bins, minlength=inside + 1))[1 : inside + 1]
    return profile


def ring(of: Spectrum) -> npt.NDArray[np.intp]:
    """Number of the radial bin of every sample from 1, and 0 outside the band, (size, size)."""
    number = np.floor((_radius(of.middle, of.step_per_nm) - BAND_PER_NM[0]) / BIN_PER_NM).astype(np.intp) + 1
    return np.where((number < 1) | (number > len(bins_per_nm(of.pixel_size_nm))), 0, number)


@lru_cache(maxsize=16)
def _radius(half: int, step_per_nm: float) -> Array:
    """Distance from zero frequency in nm^-1, (2 half + 1, 2 half + 1)."""
    frequency = np.arange(-half, half + 1) * step_per_nm
    radius: Array = np.hypot(frequency[:, None], frequency)
    return radius
