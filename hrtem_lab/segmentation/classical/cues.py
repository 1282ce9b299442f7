"""Properties of an image that are large at particles, and a threshold for them that may find nothing."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu

from hrtem_lab.micrograph import BoolArray, FloatArray

Cue = Literal["dark", "bright", "rough"]
CUES: tuple[Cue, ...] = ("dark", "bright", "rough")
BUDGET = 54
"""Number of settings of each method without learning that are tried on the validation data."""


def cue_map(image: FloatArray, cue: Cue, sigma_px: float) -> FloatArray:
    """Map of a property that is large at particles: darkness, brightness, or local variance (`rough`)."""
    if cue == "rough":
        return gaussian_filter((image - gaussian_filter(image, sigma_px)) ** 2, sigma_px)
    return gaussian_filter(image if cue == "bright" else -image, sigma_px)


def is_constant(values: FloatArray) -> bool:
    """Whether a map is the same everywhere but for rounding: it has too little contrast for the bins of a histogram."""
    return bool(np.ptp(values) <= 1e-4 * np.abs(values).max())


def threshold_otsu_shifted(values: FloatArray, factor: float, separability: float) -> BoolArray:
    """Threshold a map by Otsu's method with a shift, (rows, columns).

    Args:
        values: Map, (rows, columns).
        factor: Shift of the threshold, as a fraction of the distance between the means of the two classes.
        separability: Smallest fraction of the variance that has to lie between the two classes (Otsu 1979, eq. 18);
            else the mask is empty. Noise without particles has 0.64 or less.
    """
    if is_constant(values):
        return np.zeros(values.shape, dtype=bool)
    otsu = threshold_otsu(values)
    low, high = values[values <= otsu], values[values > otsu]
    if not len(low) or not len(high):
        return np.zeros(values.shape, dtype=bool)
    between = len(low) * len(high) / values.size**2 * (high.mean() - low.mean()) ** 2
    if between < separability * values.var():
        return np.zeros(values.shape, dtype=bool)
    return values > otsu + factor * (high.mean() - low.mean())
