"""Features of particles of unknown pixel size: every length in units of the particle's own lattice spacing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hrtem_lab.micrograph import BoolArray, IntArray
from hrtem_lab.particles.crops import boxes, crops
from hrtem_lab.particles.feature_names import SHAPE_FEATURES
from hrtem_lab.particles.features import SURROUND_NM, lattice_features
from hrtem_lab.particles.peaks import Peak, detection_threshold, find_peaks, fundamental
from hrtem_lab.particles.spectrum import compute_spectrum

SPACING_NM = 0.2355
"""Spacing assigned to every lattice: {111} of gold, so that lengths in nm are right for gold and in proportion for
others."""
TRIAL_PIXEL_SIZES_NM = (0.025, 0.075)
"""Pixel sizes under which the band of 2 to 7.5 nm^-1 is searched: spacings of 5.3 to 20 and of 2 to 6.7 pixels. Finer
ones are lost in a camera's pixels, coarser ones are the particle's outline."""
LENGTH_FREE_FEATURES = (*(name for name in SHAPE_FEATURES if not name.endswith("_nm")), "skewness")
"""Features that are defined without any length."""


def uncalibrated_features(
    image: npt.NDArray[Any], instances: IntArray, pixel_size_nm: float, network_outputs: object = None
) -> pd.DataFrame:
    """Compute `lattice_features` with the strongest lattice spacing of every particle as its unit of length.

    That spacing is set to 0.2355 nm. A particle without fringes takes the median pixel size of the others in the image;
    in an image without any fringes, only features that need no length are defined.

    Args:
        image: (rows, columns).
        instances: The same shape, 0 = background; numbers may have gaps. A hand-cut crop without a mask is a particle
            of all its pixels.
        pixel_size_nm: Not used.
        network_outputs: Not used.

    Returns:
        A table like that of `lattice_features`; `spacing_nm` and `peak1_frequency_per_nm` are the same for all.

    Raises:
        InputError: The shapes differ.
    """
    pixels_nm = {number: estimate_pixel_nm(part, mask) for number, part, mask in crops(image, instances)}
    known = [pixel for pixel in pixels_nm.values() if np.isfinite(pixel)]
    median = float(np.median(known)) if known else np.nan
    rows = [
        _particle_row(image, instances, number, pixel if np.isfinite(pixel) else median)
        for number, pixel in pixels_nm.items()
    ]
    if not rows:
        return lattice_features(image, instances, 1.0)
    return pd.concat(rows).set_axis(pd.Index(pixels_nm, name="particle"))


def _particle_row(image: npt.NDArray[Any], instances: IntArray, particle: int, pixel_nm: float) -> pd.DataFrame:
    """Compute the row of one particle under its own pixel size, `nan` where that is not known."""
    known = np.isfinite(pixel_nm)
    box = dict(boxes(instances, int(np.ceil(SURROUND_NM[1] / pixel_nm)) + 1 if known else 0))[particle]
    mask = instances[box] == particle
    alone = np.where(mask | (instances[box] == 0), image[box], np.nan)  # a neighbour does not belong to the surround
    features = lattice_features(alone, mask.astype(np.int32), pixel_nm if known else 1.0)
    return features if known else features[[*LENGTH_FREE_FEATURES]].reindex(columns=features.columns)


def estimate_pixel_nm(image: npt.NDArray[Any], mask: BoolArray) -> float:
    """Estimate the pixel size under which a particle's strongest significant fringes are 0.2355 nm apart.

    Args:
        image: Crop of one particle, (rows, columns).
        mask: Pixels of the particle.

    Returns:
        The pixel size, `nan` without significant fringes.
    """
    inside = image[mask]
    if not (np.isfinite(inside).all() and np.ptp(inside) > 0):
        return np.nan
    clean = np.where(mask, image, 0)
    peaks: list[Peak] = []
    for size_nm in TRIAL_PIXEL_SIZES_NM:
        spectrum = compute_spectrum(clean, mask, size_nm)
        significant = (peak for peak in find_peaks(spectrum) if peak.contrast > detection_threshold(spectrum))
        # peaks of both bands together, per pixel: a harmonic may lie in one and its fundamental in the other
        peaks += [
            replace(peak, row_per_nm=peak.row_per_nm * size_nm, column_per_nm=peak.column_per_nm * size_nm)
            for peak in significant
        ]
    peaks.sort(key=lambda peak: -peak.contrast)
    return fundamental(peaks).frequency_per_nm * SPACING_NM if peaks else np.nan
