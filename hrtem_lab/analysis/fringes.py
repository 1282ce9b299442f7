"""Fringes in a micrograph that is said to be too coarse for any lattice: then its pixel size is wrong."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hrtem_lab.analysis.power_spectrum import FLOOR, PowerSpectrum
from hrtem_lab.micrograph import Micrograph
from hrtem_lab.segmentation.preprocessing import Preprocessing

SPACINGS_NM = (0.42, 4.0)
"""Spacings that no lattice of the training has, and that one seems to have where the pixel is said too large."""
PERIODS_PX = (2.2, 16.0)
"""Periods in pixels in which fringes are sought: longer than the camera resolves, shorter than particles are wide."""
WINDOW_PX, BANDS = 128, 8


def measure_fringes(micrograph: Micrograph, preprocessing: Preprocessing) -> float:
    """Logarithm of the strongest spot of any window of a spectrum over the background, 0 where none can be seen.

    Args:
        micrograph: A micrograph that is too coarse to be resampled.
        preprocessing: Preprocessing of a segmenter, whatever its largest pixel.
    """
    pixel_size_nm = micrograph.pixel_size_nm
    standardised = replace(preprocessing, max_pixel_size_nm=math.inf)(micrograph)
    low = max(1 / SPACINGS_NM[1], 1 / (PERIODS_PX[1] * pixel_size_nm))
    high = min(1 / SPACINGS_NM[0], 1 / (PERIODS_PX[0] * pixel_size_nm))
    spectrum = PowerSpectrum.of_image(standardised, pixel_size_nm, WINDOW_PX)
    inside = spectrum.band(low, high)
    if low >= high or not inside.any():
        return 0.0
    background = spectrum.background(np.linspace(low, high, BANDS + 1).tolist(), spectrum.mean_power(low, high))
    return float(np.log((spectrum.smoothed[:, inside] / background[inside]).max() + FLOOR))
