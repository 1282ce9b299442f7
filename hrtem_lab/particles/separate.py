"""Separation of a probability map or a mask into numbered particles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, find_objects, gaussian_filter
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction, remove_small_holes, remove_small_objects
from skimage.segmentation import relabel_sequential, watershed

from hrtem_lab.micrograph import BoolArray, InputError, IntArray
from hrtem_lab.particles.cores import CORE_DEPTH


def separate(
    probability: npt.NDArray[Any],
    threshold: float,
    pixel_size_nm: float,
    min_diameter_nm: float = 0.8,
    smoothing_nm: float = 0.3,
    h_nm: float = 0.15,
    neck: float = 0.8,
    core: npt.NDArray[Any] | None = None,
) -> IntArray:
    """Number the particles of a probability map and cut those that touch.

    Where the cores of particles are known (see `hrtem_lab.particles.cores`), each core is a particle and a watershed on
    their probability draws the border. Otherwise particles are cut at their necks, by a watershed on the smoothed
    distance to the background. Two maxima of the distance (half widths of two particles) are two particles where the
    saddle between them (half width of the neck) is lower than `neck` times the lower maximum and lower by at least
    `h_nm` and one pixel. The ratio keeps rods whole and does not depend on the particle's size; `h_nm` and the pixel
    keep the roughness of an edge from cutting small particles.

    Args:
        probability: (rows, columns), or a boolean mask with any threshold in [0, 1).
        threshold: Probability above which a pixel is particle.
        pixel_size_nm: Side length of a pixel.
        min_diameter_nm: Diameter of the disc of the least area of a particle, and of a hole that is kept.
        smoothing_nm: Standard deviation of the Gaussian that smooths the distance.
        h_nm: Least depth of a neck below the particles on its two sides, as half a width.
        neck: Largest width of a neck that is cut, in widths of the narrower particle, in (0, 1).
        core: Probability of a particle's core, (rows, columns); components of the mask in which it is nowhere above 0.5
            stay whole.

    Returns:
        Instances (rows, columns), numbered from 1 without gaps; 0 = background.

    Raises:
        InputError: The map is not 2-D or is empty, the cores have another shape, the pixel is not positive, a length is
            negative, or `neck` not in (0, 1).
    """
    _check(probability, core)
    _check_lengths(pixel_size_nm, min_diameter_nm, smoothing_nm, h_nm, neck)
    min_area_px = disc_area_px(min_diameter_nm / pixel_size_nm)

    def split(component: BoolArray, box: tuple[slice, ...]) -> IntArray:
        if core is not None:
            return _split_by_cores(component, core[box], CORE_DEPTH**2 * min_area_px)
        return _split_at_necks(component, smoothing_nm / pixel_size_nm, max(h_nm / pixel_size_nm, 1.0), neck)

    mask = remove_small_holes(probability > threshold, max_size=int(min_area_px))
    return _remove_small(_split_components(mask, split), min_area_px)


def _split_components(mask: BoolArray, split: Callable[[BoolArray, tuple[slice, ...]], IntArray]) -> IntArray:
    """Number the parts of all connected components of a mask from 1.

    Args:
        mask: (rows, columns).
        split: Takes a component and its box in the mask, with a border of one pixel wherever the image goes on, and
            returns its parts numbered from 1.
    """
    components = label(mask, connectivity=1).astype(np.int32)
    instances = np.zeros_like(components)
    number = 0
    for index, tight in enumerate(find_objects(components), start=1):
        box = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in tight)
        parts = split(components[box] == index, box)
        instances[box] += np.where(parts > 0, parts + number, 0)
        number += int(parts.max())
    return instances


def disc_area_px(diameter_px: float) -> float:
    """Area of a disc in pixels."""
    return float(np.pi / 4 * diameter_px**2)


def _split_by_cores(component: BoolArray, core: npt.NDArray[Any], min_core_px: float) -> IntArray:
    """Cut one connected component into the surroundings of the cores in it; numbered from 1."""
    seeds = label(remove_small_objects(component & (core > 0.5), max_size=int(min_core_px)), connectivity=1)
    if seeds.max() < 2:
        return component.astype(np.int32)
    parts: IntArray = watershed(-core.astype(np.float32), seeds, mask=component).astype(np.int32)
    return parts


def _split_at_necks(component: BoolArray, smoothing_px: float, h_px: float, neck: float) -> IntArray:
    """Cut one connected component at its necks; numbered from 1.

    The seeds are the regional maxima left after every hill lower than h (or than its fraction 1 - neck) is flattened:
    h-maxima with a height that grows with the maximum (Soille 2003, Morphological Image Analysis, chapter 6).
    """
    if component.all():  # without background there is no distance to it
        return component.astype(np.int32)
    distance = gaussian_filter(distance_transform_edt(component), smoothing_px) * component
    seed = np.minimum(distance - h_px, neck * distance)
    if seed.max() <= 0:  # too thin for a neck
        return component.astype(np.int32)
    flat = reconstruction(np.maximum(seed, 0), distance)
    parts: IntArray = watershed(-distance, label(local_maxima(flat)), mask=component).astype(np.int32)
    return parts


def _remove_small(instances: IntArray, min_area_px: float) -> IntArray:
    """Drop the particles below an area and close the gaps in the numbers."""
    areas = np.bincount(instances.ravel(), minlength=1)
    small = areas < min_area_px
    small[0] = False
    kept: IntArray = relabel_sequential(np.where(small[instances], 0, instances))[0].astype(np.int32)
    return kept


def _check(probability: npt.NDArray[Any], core: npt.NDArray[Any] | None) -> None:
    """Raise InputError for arrays that `separate` cannot take."""
    if probability.ndim != 2 or probability.size == 0:
        raise InputError(f"the probability has shape {probability.shape}, expected (rows, columns)")
    if core is not None and core.shape != probability.shape:
        raise InputError(f"the cores have shape {core.shape}, the probability {probability.shape}; expected the same")


def _check_lengths(pixel_size_nm: float, min_diameter_nm: float, smoothing_nm: float, h_nm: float, neck: float) -> None:
    """Raise InputError for numbers that `separate` cannot take."""
    if not pixel_size_nm > 0:
        raise InputError(f"pixel_size_nm is {pixel_size_nm}, expected a positive number of nm")
    if min(min_diameter_nm, smoothing_nm, h_nm) < 0:
        raise InputError(
            f"min_diameter_nm, smoothing_nm, h_nm are {min_diameter_nm}, {smoothing_nm}, {h_nm}; "
            "expected lengths of at least 0 nm"
        )
    if not 0 < neck < 1:
        raise InputError(f"neck is {neck}, expected a fraction between 0 and 1")
