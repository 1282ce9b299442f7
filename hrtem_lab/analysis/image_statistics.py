"""Statistics of a micrograph by which its quality is judged: spectrum, spots, directions, distribution of grey values.

They do not depend on what unit the image is in nor on how large its field is. Spectra are averages over overlapping
windows (Welch 1967, IEEE Trans. AU-15, 70) of the standardised image, so that bands are in nm^-1; those of a micrograph
that is too coarse to be resampled are counted as if its pixels were those of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter

from hrtem_lab.micrograph import FloatArray, Micrograph
from hrtem_lab.particles.moments import standardised_moment
from hrtem_lab.segmentation.preprocessing import Preprocessing

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

BAND_EDGES_PER_NM = (0.3, 0.6, 1.0, 1.4, 1.8, 2.2, 2.6, 3.0, 3.4, 3.8, 4.2, 4.6, 5.0, 5.5)
"""Edges of the bands of the power spectrum; 5.5 nm^-1 is below the Nyquist frequency of a pixel of 0.09 nm."""
SPOT_BANDS_PER_NM = {"below_lattices": (1.0, 2.4), "large_spacings": (2.4, 3.3), "small_spacings": (3.3, 5.5)}
"""Bands in which spots are sought: below those of all lattices of the simulator, those of CdSe and of metals."""
DIRECTION_BAND_EDGES_PER_NM = (0.3, 0.6, 1.0, 1.8, 3.4, 5.5)
SECTORS = 8
"""Number of directions in half a turn."""
WINDOW_PX, NATIVE_WINDOW_PX, PATCH_PX = 128, 256, 64
"""Sides of the windows of both spectra, and of the patches whose variances are compared."""
MAX_WINDOWS = 64
"""Largest number of windows of a spectrum; they are spread over a larger image."""
FLOOR = 1e-9

STATISTICS = (
    "log_resampling",
    *(f"power_{low:g}_per_nm" for low in BAND_EDGES_PER_NM[:-1]),
    *(f"spots_{name}" for name in SPOT_BANDS_PER_NM),
    *(f"local_spots_{name}" for name in SPOT_BANDS_PER_NM),
    *(f"direction_{low:g}_per_nm" for low in DIRECTION_BAND_EDGES_PER_NM[:-1]),
    "patch_contrast",
    "flattest_patch",
    "busiest_patch",
    "skewness",
    "skewness_2px",
    "skewness_4px",
    "kurtosis",
    "clipped",
    "saturated",
    "equal_neighbours",
    "native_skewness",
    "relative_noise",
    "native_high",
    "native_middle",
)
"""Names of the statistics, in the order of `measure_image`."""


@dataclass(frozen=True)
class PowerSpectrum:
    """Power spectra of the windows of an image.

    Attributes:
        windows: (windows, side, side), zero frequency first.
        frequency_per_nm: Distance from zero frequency, (side, side).
        azimuth: Direction in units of half a turn, (side, side), from 0 to below 1.
    """

    windows: Array
    frequency_per_nm: Array
    azimuth: Array

    @classmethod
    def of_image(cls, image: FloatArray, pixel_size_nm: float, side: int) -> PowerSpectrum:
        """Transform windows of this side, or of the image's shorter side where that is less."""
        side = min(side, *image.shape)
        taper = np.hanning(side + 2)[1:-1]
        window = np.outer(taper, taper)
        window /= np.sqrt((window**2).sum())
        cuts = list(_windows(image, side))
        cuts = cuts[:: -(-len(cuts) // MAX_WINDOWS)]
        powers = np.array([np.abs(np.fft.fft2((cut - cut.mean()) * window)) ** 2 for cut in cuts])
        frequency = np.fft.fftfreq(side, pixel_size_nm)
        azimuth = np.arctan2(frequency[:, None], np.broadcast_to(frequency, (side, side))) / np.pi % 1
        return cls(powers, np.hypot(frequency[:, None], frequency), azimuth)

    @property
    def mean(self) -> Array:
        """Mean power, (side, side)."""
        mean: Array = self.windows.mean(axis=0)
        return mean

    def band(self, low: float, high: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Samples from one frequency up to below another, (side, side)."""
        return (self.frequency_per_nm >= low) & (self.frequency_per_nm < high)


def measure_image(micrograph: Micrograph, standardised: FloatArray, preprocessing: Preprocessing) -> Array:
    """Compute `STATISTICS`, (k,), finite.

    Args:
        micrograph: The micrograph.
        standardised: Image of it as from the preprocessing.
        preprocessing: The segmenter's preprocessing.
    """
    spectrum = PowerSpectrum.of_image(standardised, preprocessing.pixel_size_nm, WINDOW_PX)
    resampling = micrograph.pixel_size_nm / preprocessing.working_pixel_size_nm(micrograph)
    values = [
        np.log(resampling),
        *_powers(spectrum),
        *_directions(spectrum),
        *_grey_values(standardised, preprocessing.clip_sigma),
        *_camera(micrograph.image),
    ]
    return np.nan_to_num(np.array(values, dtype=np.float64), nan=0.0, posinf=10.0, neginf=-10.0)


def _windows(image: FloatArray, side: int) -> Iterator[FloatArray]:
    """Yield overlapping square windows that cover an image."""
    counts = [max(2 * n // side - 1, 1 + (n > side)) for n in image.shape]
    starts = [np.linspace(0, n - side, m).round().astype(int) for n, m in zip(image.shape, counts, strict=True)]
    for top in starts[0]:
        for left in starts[1]:
            yield image[top : top + side, left : left + side]


def _powers(spectrum: PowerSpectrum) -> list[float]:
    """Background of every band relative to the mean power, and the strongest spots over their background, logarithms.

    The background is a median, which spots hardly change. A spot of the mean spectrum is that of a lattice which fills
    the field; one of a single window may be a particle's.
    """
    mean = spectrum.mean
    inside = spectrum.band(BAND_EDGES_PER_NM[0], BAND_EDGES_PER_NM[-1])
    total = (mean[inside].mean() if inside.any() else 0.0) + FLOOR
    background = np.full(mean.shape, np.inf)
    levels = []
    for low, high in pairwise(BAND_EDGES_PER_NM):
        inside = spectrum.band(low, high)
        level = np.median(mean[inside]) if inside.any() else 0.0
        background[inside] = level + FLOOR * total
        levels.append(np.log(level / total + FLOOR))
    spots, local = [], []
    for low, high in SPOT_BANDS_PER_NM.values():
        inside = spectrum.band(low, high)
        spots.append(np.log((mean[inside] / background[inside]).max(initial=FLOOR)))
        local.append(np.log((spectrum.windows[:, inside] / background[inside]).max(initial=FLOOR)))
    return [*levels, *spots, *local]


def _directions(spectrum: PowerSpectrum) -> list[float]:
    """Dependence of the background on the direction, in each band: the second harmonic of its logarithm."""
    mean, sector = spectrum.mean, (spectrum.azimuth * SECTORS).astype(int) % SECTORS
    harmonics = []
    for low, high in pairwise(DIRECTION_BAND_EDGES_PER_NM):
        parts = (mean[spectrum.band(low, high) & (sector == number)] for number in range(SECTORS))
        levels = np.log([np.median(part) + FLOOR if part.size else FLOOR for part in parts])
        harmonics.append(np.abs(np.fft.fft(levels)[1]) / SECTORS)
    return harmonics


def _grey_values(image: FloatArray, clip_sigma: float) -> list[float]:
    """Evenness of the contrast, shape of the distribution of values, and share of them at the ends of the range."""
    patches = np.log([cut.var() + 1e-3 for cut in _windows(image, min(PATCH_PX, *image.shape))])
    return [
        float(patches.std()),
        float(np.median(patches) - patches.min()),
        float(patches.max() - np.median(patches)),
        *(_moment(3, gaussian_filter(image, width) if width else image) for width in (0, 2, 4)),
        float(np.log(_moment(4, image) + 2.5)),
        float(np.sqrt((np.abs(image) >= clip_sigma * (1 - 1e-6)).mean())),
    ]


def _camera(image: FloatArray) -> list[float]:
    """Share of saturated pixels, relative noise, and the fall of the spectrum towards the camera's own resolution."""
    saturated = max((image == image.max()).mean(), (image == image.min()).mean())
    spectrum = PowerSpectrum.of_image(image, 1.0, NATIVE_WINDOW_PX)
    bands = (spectrum.mean[spectrum.band(*ends)] for ends in ((0.4, 0.5), (0.2, 0.3), (0.05, 0.1)))
    high, middle, low = (np.median(band) + FLOOR if band.size else FLOOR for band in bands)
    noise = np.log(image.std() / (np.abs(image.mean()) + FLOOR) + FLOOR)
    return [
        float(np.sqrt(saturated)),
        float(np.sqrt(np.count_nonzero(image[:, 1:] == image[:, :-1]) / image.size)),
        float(np.clip(_moment(3, image), -5, 5)),
        float(np.clip(noise, -6, 3)),
        float(np.log(high / middle)),
        float(np.log(middle / low)),
    ]


def _moment(order: Literal[3, 4], image: FloatArray) -> float:
    """Standardised moment of all values, in which that of normal values is 0; 0 also where they hardly differ."""
    values = image.astype(np.float64).ravel()
    if values.std() <= 1e-5 * np.abs(values).max():
        return 0.0
    return float(standardised_moment(values, order)) - (3 if order == 4 else 0)
