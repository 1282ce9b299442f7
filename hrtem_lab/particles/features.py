"""Features of a particle's lattice for a classifier, whatever the size, orientation and grey levels of its crop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from hrtem_lab.micrograph import BoolArray, FloatArray, IntArray
from hrtem_lab.particles.crops import Box, boxes, check_shapes, densest_window
from hrtem_lab.particles.feature_names import IMAGE_FEATURES, LATTICE_FEATURES, POWER_FEATURES, SHAPE_FEATURES
from hrtem_lab.particles.measure import measure
from hrtem_lab.particles.moments import standardised_moment
from hrtem_lab.particles.network_outputs import network_features
from hrtem_lab.particles.spectrum import Spectrum, bins_per_nm, compute_spectrum, radial_profile
from hrtem_lab.particles.spectrum_features import spectrum_features
from hrtem_lab.particles.window import distance_to_edge_px, squared_distance_px
from hrtem_lab.processes.cores import count_threads

SURROUND_NM = (0.3, 1.5)
"""Inner and outer distance of the surround from the particle's edge, past the Fresnel fringe and short of the
neighbours."""
MIN_WINDOW_AREA_NM2 = 0.5
"""Effective area of a window below which its spectrum is meaningless; that of a disc of 0.8 nm."""
PARTICLES_PER_PROCESS = 40
"""Number of particles from which on another process pays, which takes a second to start."""
WINDOW_NM = 15.0
"""Side length of the largest window that is transformed: a particle of 12 nm with its surround. For a larger particle,
the middle of its thickest part stands for its lattice, or else the cost would grow with its area."""


def lattice_features(
    image: npt.NDArray[Any], instances: IntArray, pixel_size_nm: float, network_outputs: FloatArray | None = None
) -> pd.DataFrame:
    """Compute the features by which the lattice of every particle is classified.

    Shape and intensity are those of the whole particle. `POWER_FEATURES`, `PEAK_FEATURES`, `FRINGE_FEATURES`,
    `PLANAR_BREAK_FEATURES` and `FAULT_FEATURES` are those of a window of 15 nm where a particle is wider than 12 nm
    (see `WINDOW_NM`).

    Args:
        image: (rows, columns), in any unit; a x image + b with a > 0 gives the same features.
        instances: The same shape, 0 = background; numbers may have gaps.
        pixel_size_nm: Side length of a pixel.
        network_outputs: Probabilities by a network, as for `network_features`.

    Returns:
        One row per particle, indexed by `particle`, with the columns `LATTICE_FEATURES`; `nan` where a feature is
        undefined: above the Nyquist frequency, without a significant peak, in a particle too small or without contrast,
        and without a network.

    Raises:
        InputError: The shapes differ, or the pixel size is not positive.
    """
    check_shapes(image, instances)
    shapes = measure(instances, pixel_size_nm)[list(SHAPE_FEATURES)]
    rows = _describe_all(image, instances, pixel_size_nm)
    features = pd.DataFrame.from_dict(rows, orient="index", columns=list(IMAGE_FEATURES), dtype=float)
    joined = shapes.join([features, network_features(network_outputs, instances)])
    return joined[list(LATTICE_FEATURES)].astype(np.float64)


def _describe_all(image: npt.NDArray[Any], instances: IntArray, pixel_size_nm: float) -> dict[int, dict[str, float]]:
    """Describe every particle, many of them in several processes, which share the image.

    A process has one thread for linear algebra: its matrices are too small for more, which would only wait.
    """
    parts = list(boxes(instances, int(np.ceil(SURROUND_NM[1] / pixel_size_nm)) + 1))
    workers = min(count_threads(), len(parts) // PARTICLES_PER_PROCESS)
    if workers < 2:
        with threadpool_limits(1, "blas"):
            return _describe(image, instances, parts, pixel_size_nm)
    from joblib import Parallel, delayed

    shares = [parts[first :: 4 * workers] for first in range(4 * workers)]
    run = Parallel(workers, max_nbytes=2**20)  # a larger array is put into memory that all processes read
    described = run(delayed(_describe)(image, instances, share, pixel_size_nm) for share in shares)
    return {particle: features for share in described for particle, features in share.items()}


def _describe(
    image: npt.NDArray[Any], instances: IntArray, parts: Sequence[tuple[int, Box]], pixel_size_nm: float
) -> dict[int, dict[str, float]]:
    """Describe the particles with these numbers and boxes."""
    return {number: particle_features(image[box], instances[box], number, pixel_size_nm) for number, box in parts}


def particle_features(
    image: npt.NDArray[Any], instances: IntArray, particle: int, pixel_size_nm: float
) -> dict[str, float]:
    """Compute those of `IMAGE_FEATURES` that are defined for one particle, from a crop with a margin."""
    mask = instances == particle
    inside = image[mask].astype(np.float64)
    if not (np.isfinite(inside).all() and np.ptp(inside) > 1e-9 * np.abs(inside).max()):
        return {}
    around = surround(instances, particle, pixel_size_nm) & np.isfinite(image)
    values = intensity_features(inside, image[around].astype(np.float64))
    box = lattice_window(mask, pixel_size_nm)
    spectrum = compute_spectrum(image[box], mask[box], pixel_size_nm)
    if _is_too_small(spectrum) or len(bins_per_nm(pixel_size_nm)) == 0:
        return values
    return values | power_features(spectrum, image, around) | spectrum_features(spectrum)


def lattice_window(mask: BoolArray, pixel_size_nm: float) -> Box:
    """Select the part of a particle that stands for its lattice: all of it, or `WINDOW_NM` of its thickest part."""
    side_px = _max_side_px(pixel_size_nm)
    return densest_window(distance_to_edge_px(mask), side_px) if max(mask.shape) > side_px else np.s_[:, :]


def surround(instances: IntArray, particle: int, pixel_size_nm: float) -> BoolArray:
    """Mask of the background from 0.3 to 1.5 nm around a particle."""
    squared = squared_distance_px(instances != particle)
    # distances are compared as the whole numbers that their squares are in pixels
    distances_nm = np.sqrt(np.arange((SURROUND_NM[1] / pixel_size_nm + 1) ** 2)) * pixel_size_nm
    inner, outer = np.searchsorted(distances_nm, SURROUND_NM, side="right")
    free: BoolArray = (instances == 0) & (squared >= inner) & (squared < outer)
    return free


def intensity_features(inside: npt.NDArray[np.float64], outside: npt.NDArray[np.float64]) -> dict[str, float]:
    """Compute `INTENSITY_FEATURES` from the values inside and around a particle, (n,) and (m,)."""
    values = {"skewness": float(standardised_moment(inside, 3))}
    if outside.size and outside.std() > 1e-9 * np.abs(inside).max():
        values["contrast"] = float((inside.mean() - outside.mean()) / outside.std())
        values["std_ratio"] = float(inside.std() / outside.std())
    return values


def power_features(spectrum: Spectrum, image: npt.NDArray[Any], around: BoolArray) -> dict[str, float]:
    """Compute `POWER_FEATURES`: 1 at every frequency where the particle has only the noise of its surround."""
    if np.count_nonzero(around) == 0:
        return {}
    box = densest_window(around, _max_side_px(spectrum.pixel_size_nm))
    noise = compute_spectrum(image[box], around[box], spectrum.pixel_size_nm, padding=1)
    level = radial_profile(noise)
    if _is_too_small(noise) or not np.nanmin(level) > 0:
        return {}
    return dict(zip(POWER_FEATURES, (radial_profile(spectrum) / level).tolist(), strict=True))


def _is_too_small(spectrum: Spectrum) -> bool:
    """Whether the window of a spectrum is smaller than `MIN_WINDOW_AREA_NM2`."""
    return spectrum.energy * spectrum.pixel_size_nm**2 < MIN_WINDOW_AREA_NM2


def _max_side_px(pixel_size_nm: float) -> int:
    """Side length of the largest window, with the pixel that `lattice_features` adds on either side."""
    return int(np.ceil(WINDOW_NM / pixel_size_nm)) + 4
