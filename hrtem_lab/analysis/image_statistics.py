"""Statistics of a micrograph by which its quality is judged: spectrum, grey values, noise of the camera.

They do not depend on what unit the image is in nor, but for the chance of extremes, on how large its field is.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter

from hrtem_lab.analysis import spectrum_statistics
from hrtem_lab.analysis.power_spectrum import FLOOR, Array, PowerSpectrum, cut_windows
from hrtem_lab.micrograph import FloatArray, Micrograph
from hrtem_lab.particles.moments import standardised_moment
from hrtem_lab.segmentation.preprocessing import Preprocessing

WINDOW_PX, NATIVE_WINDOW_PX, PATCH_PX = 128, 256, 64
"""Sides of the windows of both spectra, and of the patches whose variances are compared."""
SMOOTHINGS_PX = (2, 4)
NATIVE_EDGES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
"""Edges of the bands of the image's own spectrum, in cycles per pixel."""
NATIVE_SPOT_EDGES = (0.02, 0.1, 0.2, 0.5)

STATISTICS = (
    "log_resampling",
    *spectrum_statistics.NAMES,
    "patch_contrast",
    "flattest_patch",
    "busiest_patch",
    "patch_brightness",
    "darkest_patch",
    "brightest_patch",
    *(f"{name}{after}" for after in ("", *(f"_{px}px" for px in SMOOTHINGS_PX)) for name in ("skewness", "kurtosis")),
    *(f"contrast_{px}px" for px in SMOOTHINGS_PX),
    "clipped",
    "saturated",
    "equal_neighbours",
    "native_skewness",
    "relative_contrast",
    "relative_noise",
    "noise_share",
    *(f"native_power_{low:g}" for low in NATIVE_EDGES[:-1]),
    *(f"native_spots_{low:g}" for low in NATIVE_SPOT_EDGES[:-1]),
)
"""Names of the statistics, in the order of `measure_image`."""
WORDS = {
    "resampling": "pixel size",
    "power": "power spectrum",
    "spots": "spots in the spectrum",
    "lattice": "lattice over the field",
    "direction": "directions in the spectrum",
    "drift": "directions in the spectrum",
    "rings": "directions in the spectrum",
    "profile": "rings of the spectrum",
    "patch": "evenness over the field",
    "noise": "noise",
    "skewness": "grey values",
    "kurtosis": "grey values",
    "contrast": "grey values",
    "clipped": "grey values",
    "saturated": "grey values",
    "neighbours": "grey values",
}
"""Part of a statistic's name -> what it is about, for people; the first that fits."""


def measure_image(micrograph: Micrograph, standardised: FloatArray, preprocessing: Preprocessing) -> Array:
    """Compute `STATISTICS`, (k,), finite.

    Args:
        micrograph: The micrograph.
        standardised: Image of it as from the preprocessing.
        preprocessing: The segmenter's preprocessing.
    """
    spectrum = PowerSpectrum.of_image(standardised, preprocessing.pixel_size_nm, WINDOW_PX)
    values = [
        np.log(micrograph.pixel_size_nm / preprocessing.working_pixel_size_nm(micrograph)),
        *spectrum_statistics.measure_spectrum(spectrum),
        *_patches(standardised),
        *_grey_values(standardised, preprocessing.clip_sigma),
        *_camera(micrograph.image),
        *_native_spectrum(micrograph.image),
    ]
    return np.nan_to_num(np.array(values, dtype=np.float64), nan=0.0, posinf=10.0, neginf=-10.0)


def describe_statistic(name: str) -> str:
    """Say in words what a statistic is about."""
    return next(words for part, words in WORDS.items() if part in name)


def _patches(image: FloatArray) -> list[float]:
    """Evenness of contrast and of brightness over the field."""
    cuts = list(cut_windows(image, min(PATCH_PX, *image.shape)))
    contrast, brightness = np.log([cut.var() + 1e-3 for cut in cuts]), np.array([cut.mean() for cut in cuts])
    return [
        float(contrast.std()),
        float(np.median(contrast) - contrast.min()),
        float(contrast.max() - np.median(contrast)),
        float(np.log(brightness.std() + 0.01)),
        float(brightness.min()),
        float(brightness.max()),
    ]


def _grey_values(image: FloatArray, clip_sigma: float) -> list[float]:
    """Shape of the distribution of values, also of smoothed ones, what is left of them, and the share at the ends."""
    smoothed = [gaussian_filter(image, px) for px in SMOOTHINGS_PX]
    shapes = [
        value for each in (image, *smoothed) for value in (_moment(3, each), float(np.log(_moment(4, each) + 2.5)))
    ]
    left = [float(np.log(each.std() + 0.01)) for each in smoothed]
    return [*shapes, *left, float(np.sqrt((np.abs(image) >= clip_sigma * (1 - 1e-6)).mean()))]


def _camera(image: FloatArray) -> list[float]:
    """Share of saturated pixels and of equal neighbours, skewness, and contrast and noise relative to the mean."""
    saturated = max((image == image.max()).mean(), (image == image.min()).mean())
    steps = [np.abs(np.diff(image, axis=axis)) for axis in (0, 1)]
    noise = float(np.mean([np.median(each) if each.size else 0.0 for each in steps])) / (0.6745 * np.sqrt(2))
    contrast, mean = float(image.std()), float(np.abs(image.mean())) + FLOOR
    return [
        float(np.sqrt(saturated)),
        float(np.sqrt(np.count_nonzero(image[:, 1:] == image[:, :-1]) / image.size)),
        float(np.clip(_moment(3, image), -5, 5)),
        float(np.clip(np.log(contrast / mean + FLOOR), -6, 3)),
        float(np.clip(np.log(noise / mean + FLOOR), -8, 3)),
        float(np.clip(np.log(noise / (contrast + FLOOR) + FLOOR), -8, 3)),
    ]


def _native_spectrum(image: FloatArray) -> list[float]:
    """Levels and spots of the spectrum in cycles per pixel, which camera and filters shape."""
    spectrum = PowerSpectrum.of_image(image, 1.0, NATIVE_WINDOW_PX)
    total = spectrum.mean_power(NATIVE_EDGES[0], NATIVE_EDGES[-1])
    over = spectrum.mean / spectrum.background(NATIVE_EDGES, total)
    spots = [over[spectrum.band(*ends)].max(initial=FLOOR) for ends in pairwise(NATIVE_SPOT_EDGES)]
    return np.log([*spectrum.levels(NATIVE_EDGES, total), *spots]).tolist()


def _moment(order: Literal[3, 4], image: FloatArray) -> float:
    """Standardised moment of all values, in which that of normal values is 0; 0 also where they hardly differ."""
    values = image.astype(np.float64).ravel()
    if values.std() <= 1e-5 * np.abs(values).max():
        return 0.0
    return float(standardised_moment(values, order)) - (3 if order == 4 else 0)
