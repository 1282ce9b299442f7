"""Features of particles whose pixel size nobody knows: every length in spacings of the particle's own lattice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hrtem_lab.micrograph import BoolArray, IntArray
from hrtem_lab.particles.crops import boxes, crops
from hrtem_lab.particles.features import SHAPES, SURROUND_NM, lattice_features
from hrtem_lab.particles.peaks import Peak, find_peaks, fundamental, significance
from hrtem_lab.particles.spectrum import spectrum

SPACING_NM = 0.2355
"""What the spacing is called: {111} of gold, so that lengths in nm are right for gold and in proportion for others."""
TRIED_NM = (0.025, 0.075)
"""Pixels under which the band of 2 to 7.5 nm^-1 is searched: spacings of 5.3 to 20 and of 2 to 6.7 pixels. Finer ones
are lost in a camera's pixels, coarser ones are the particle's outline."""
SCALELESS = (*(name for name in SHAPES if not name.endswith("_nm")), "skewness")
"""What is defined without any length."""


def uncalibrated_features(
    image: npt.NDArray[Any], instances: IntArray, pixel_size_nm: float, maps: object = None
) -> pd.DataFrame:
    """`lattice_features` with the strongest lattice spacing of every particle as its unit of length.

    That spacing is taken for 0.2355 nm. A particle without fringes takes the median pixel of the others in the image;
    in an image without any, only what needs no length is defined.

    Args:
        image: (rows, columns).
        instances: The same shape, 0 = background; numbers may have gaps. A hand-cut crop without a mask is a particle
            of all its pixels.
        pixel_size_nm: Not used.
        maps: Not used.

    Returns:
        As from `lattice_features`; `spacing_nm` and `peak1_frequency_per_nm` are the same for all.

    Raises:
        InputError: The shapes differ.
    """
    own = {number: pixel_nm(part, mask) for number, part, mask in crops(image, instances)}
    known = [pixel for pixel in own.values() if np.isfinite(pixel)]
    usual = float(np.median(known)) if known else np.nan
    rows = [_one(image, instances, number, pixel if np.isfinite(pixel) else usual) for number, pixel in own.items()]
    if not rows:
        return lattice_features(image, instances, 1.0)
    return pd.concat(rows).set_axis(pd.Index(own, name="particle"))


def _one(image: npt.NDArray[Any], instances: IntArray, particle: int, pixel: float) -> pd.DataFrame:
    """The row of one particle under a pixel size of its own, `nan` where that is not known."""
    known = np.isfinite(pixel)
    box = dict(boxes(instances, int(np.ceil(SURROUND_NM[1] / pixel)) + 1 if known else 0))[particle]
    own = instances[box] == particle
    alone = np.where(own | (instances[box] == 0), image[box], np.nan)  # a neighbour is no surround
    found = lattice_features(alone, own.astype(np.int32), pixel if known else 1.0)
    return found if known else found[[*SCALELESS]].reindex(columns=found.columns)


def pixel_nm(image: npt.NDArray[Any], mask: BoolArray) -> float:
    """The pixel size under which a particle's strongest significant fringes are 0.2355 nm apart; `nan` without any.

    Args:
        image: Of one particle, (rows, columns).
        mask: Its pixels.
    """
    inside = image[mask]
    if not (np.isfinite(inside).all() and np.ptp(inside) > 0):
        return np.nan
    clean = np.where(mask, image, 0)
    peaks: list[Peak] = []
    for tried in TRIED_NM:
        own = spectrum(clean, mask, tried)
        strong = (peak for peak in find_peaks(own) if peak.contrast > significance(own))
        # of both bands together, per pixel: a harmonic may lie in one and its fundamental in the other
        peaks += [replace(p, row_per_nm=p.row_per_nm * tried, column_per_nm=p.column_per_nm * tried) for p in strong]
    peaks.sort(key=lambda peak: -peak.contrast)
    return fundamental(peaks).frequency_per_nm * SPACING_NM if peaks else np.nan
