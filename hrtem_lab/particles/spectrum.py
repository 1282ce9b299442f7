"""The power spectrum of one particle, and the noise in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import fft, next_fast_len, rfft

from hrtem_lab.image import Indices, ring_noise
from hrtem_lab.micrograph import BoolArray
from hrtem_lab.particles.window import Array, detrend, tapered_window

BAND_PER_NM = (2.0, 7.5)
"""Band of spatial frequencies in which lattices are sought: spacings from 0.5 to 0.133 nm, the first reflections of the
metals and of CdSe and the {220} of the metals, all that a particle shows along <111>."""
BIN_PER_NM = 0.25
"""Width of a radial bin."""
TAPER_NM = 0.5
"""Width of the soft edge of the window."""
SPOT_POWER_RATIO = 8.0
"""Power over that of the noise at which a sample counts as part of a spot; 1 in 3000 samples of noise reaches it."""
MAX_FREQUENCY_PER_NM = 9.5
"""Highest frequency of a spectrum: the band and the surroundings of a peak at its end."""
MIN_FIELD_NM = 6.0
"""Least side length of the zero-padded field that is transformed: the spectrum is sampled every 0.17 nm^-1 or finer."""
PADDING = 2
"""Least side length of that field in widths of the particle. At 1, a peak between two samples is too low and its
position is off by more than noise makes it."""


@dataclass(frozen=True)
class Spectrum:
    """Fourier transform of a particle's windowed, detrended image, up to 9.5 nm^-1 or the Nyquist frequency.

    Attributes:
        transform: Transform of window x image, (size, size) with an odd size and zero frequency in the middle; phases
            are relative to the middle of the crop.
        window: The window in the particle's bounding box.
        middle_px: The middle of the crop, (row, column) in that box.
        energy: Sum of the squared window; white noise of unit variance has a mean power of 1 after division by it.
        step_per_nm: Distance of two samples.
        pixel_size_nm: Side length of a pixel of the image.
    """

    transform: npt.NDArray[np.complex128]
    window: Array
    middle_px: tuple[float, float]
    energy: float
    step_per_nm: float
    pixel_size_nm: float

    @cached_property
    def window_transform(self) -> npt.NDArray[np.complex128]:
        """Transform of the window alone, (size, size)."""
        size = round(1 / (self.step_per_nm * self.pixel_size_nm))
        return _transform(self.window, self.middle_px, size, self.step_per_nm)

    @property
    def middle(self) -> int:
        """Index of zero frequency along both axes."""
        return len(self.transform) // 2

    @property
    def resolution_per_nm(self) -> float:
        """Inverse of the diameter of the disc whose area is the effective area of the window."""
        return float(1 / np.sqrt(4 / np.pi * self.energy * self.pixel_size_nm**2))

    @cached_property
    def power(self) -> Array:
        """Power, (size, size); its mean is the variance where the image is white noise."""
        return np.abs(self.transform) ** 2 / self.energy

    @property
    def max_power(self) -> float:
        """Largest power in the band or beyond it; wherever it is, its side lobes reach into the band."""
        return float(self.power.max(where=_radius(self.middle, self.step_per_nm) >= BAND_PER_NM[0], initial=0.0))

    @cached_property
    def background(self) -> Array:
        """Noise level at every frequency, (size, size), interpolated between rings 0.5 nm^-1 wide.

        It is measured twice, the second time without the spots that stand out of the first level: the spots of a small
        particle fill much of their ring.
        """
        quadrant = _radius(self.middle, self.step_per_nm)[self.middle :, self.middle :]
        rings = _noise_rings(self.middle, self.step_per_nm, self.pixel_size_nm)

        def level(free: BoolArray) -> Array:
            """Measure the level in the samples free of spots, or in the whole ring where they are a third or less."""

            def allowed(ring: Indices) -> BoolArray:
                clear = free.ravel()[ring]
                return clear if clear.mean() > 1 / 3 else np.ones_like(clear)

            positive = ring_noise(self.power, quadrant, rings, allowed)
            right = np.concatenate([positive[:0:-1], positive])
            return np.concatenate([right[:, :0:-1], right], axis=1)

        first = level(np.ones(self.power.shape, dtype=bool))
        spots = self.power > SPOT_POWER_RATIO * first
        return level(~_widen(spots, self.resolution_per_nm / self.step_per_nm)) if spots.any() else first

    @cached_property
    def contrast(self) -> Array:
        """Power over background, (size, size); zero where both are zero."""
        level = self.background
        return np.divide(self.power, level, out=np.zeros_like(level), where=level > 0)


def compute_spectrum(
    image: npt.NDArray[Any], mask: BoolArray, pixel_size_nm: float, padding: int = PADDING
) -> Spectrum:
    """Transform the part of an image inside a mask through a window with soft edges.

    Args:
        image: (rows, columns).
        mask: The same shape.
        pixel_size_nm: Side length of a pixel.
        padding: Least side length of the transformed field in widths of the mask; 1 is enough where no peaks are
            sought.
    """
    column, row, columns, rows = cv2.boundingRect(mask.astype(np.uint8))
    box = slice(row, row + rows), slice(column, column + columns)
    window = tapered_window(mask[box], TAPER_NM / pixel_size_nm)
    size = next_fast_len(max(*mask.shape, padding * max(rows, columns), int(np.ceil(MIN_FIELD_NM / pixel_size_nm))))
    step_per_nm = 1 / (size * pixel_size_nm)
    middle_px = (mask.shape[0] - 1) / 2 - row, (mask.shape[1] - 1) / 2 - column
    transform = _transform(window * detrend(image[box], mask[box]), middle_px, size, step_per_nm)
    return Spectrum(transform, window, middle_px, float(np.sum(window**2)), step_per_nm, pixel_size_nm)


def _transform(
    values: Array, origin_px: tuple[float, float], size: int, step_per_nm: float
) -> npt.NDArray[np.complex128]:
    """Transform an image in a zero-padded field up to 9.5 nm^-1, zero frequency in the middle.

    Phases are relative to the origin. Single precision is a ten-thousandth of the noise beside the strongest peaks.
    """
    half = min(int(np.ceil(MAX_FREQUENCY_PER_NM / step_per_nm)), (size - 1) // 2)
    kept = np.arange(-half, half + 1)
    right = rfft(values.astype(np.float32), size)[:, : half + 1]
    right = fft(right, size, axis=0)[kept]
    both = np.concatenate([right[::-1, :0:-1].conj(), right], axis=1)  # the image is real
    rows, columns = (np.exp(2j * np.pi * origin * kept / size) for origin in origin_px)
    return both * np.outer(rows, columns)


def bins_per_nm(pixel_size_nm: float = 0.0) -> Array:
    """Lower ends of the radial bins in nm^-1; with a pixel size only those that end below the Nyquist frequency."""
    starts = np.arange(*BAND_PER_NM, BIN_PER_NM)
    return starts[(starts + BIN_PER_NM) * 2 * pixel_size_nm <= 1 + 1e-9]


def radial_profile(spectrum: Spectrum) -> Array:
    """Mean power in each bin of `bins_per_nm`; `nan` above the Nyquist frequency."""
    inside = len(bins_per_nm(spectrum.pixel_size_nm))
    bins = bin_numbers(spectrum).ravel()
    total = np.bincount(bins, weights=spectrum.power.ravel(), minlength=inside + 1)
    profile = np.full(len(bins_per_nm()), np.nan)
    profile[:inside] = (total / np.bincount(bins, minlength=inside + 1))[1 : inside + 1]
    return profile


def bin_numbers(spectrum: Spectrum) -> npt.NDArray[np.intp]:
    """Number of the radial bin of every sample from 1, and 0 outside the band, (size, size)."""
    return _bin_numbers(spectrum.middle, spectrum.step_per_nm, spectrum.pixel_size_nm)


# Particles of one size in one image have the same samples, and so the same bins and rings.


@lru_cache(maxsize=16)
def _bin_numbers(half: int, step_per_nm: float, pixel_size_nm: float) -> npt.NDArray[np.intp]:
    """Number of the radial bin of every sample, as `bin_numbers`."""
    number = np.floor((_radius(half, step_per_nm) - BAND_PER_NM[0]) / BIN_PER_NM).astype(np.intp) + 1
    return np.where((number < 1) | (number > len(bins_per_nm(pixel_size_nm))), 0, number)


@lru_cache(maxsize=16)
def _noise_rings(half: int, step_per_nm: float, pixel_size_nm: float) -> dict[float, Indices]:
    """Radius of each ring in which noise is measured, 0.5 nm^-1 apart, and the flat indices of its samples.

    One of two opposite samples is enough: the image is real, and they have the same power.
    """
    top = min(BAND_PER_NM[1], 0.5 / pixel_size_nm)
    centres = np.arange(BAND_PER_NM[0], top + BIN_PER_NM, 2 * BIN_PER_NM)
    near = np.rint((_radius(half, step_per_nm).ravel() - centres[0]) / (2 * BIN_PER_NM)).clip(-1, len(centres))
    near[: len(near) // 2] = -1
    order = np.argsort(near, kind="stable")
    ends = np.searchsorted(near[order], np.arange(len(centres) + 1))
    return {float(centre): order[ends[n] : ends[n + 1]] for n, centre in enumerate(centres)}


def _widen(spots: BoolArray, distance: float) -> BoolArray:
    """Samples within a distance of spots, in samples."""
    reach = np.arange(-int(distance), int(distance) + 1)
    disc = np.sqrt(np.add.outer(reach**2, reach**2)) <= distance
    return np.asarray(cv2.dilate(spots.view(np.uint8), disc.astype(np.uint8))).view(np.bool_)


@lru_cache(maxsize=16)
def _radius(half: int, step_per_nm: float) -> Array:
    """Distance from zero frequency in nm^-1, (2 half + 1, 2 half + 1)."""
    frequency = np.arange(-half, half + 1) * step_per_nm
    radius: Array = np.hypot(frequency[:, None], frequency)
    return radius
