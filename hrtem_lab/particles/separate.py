"""A probability map or a mask, cut into numbered particles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, find_objects, gaussian_filter, maximum
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction, remove_small_holes, remove_small_objects
from skimage.segmentation import find_boundaries, relabel_sequential, watershed

from hrtem_lab.micrograph import BoolArray, InputError, IntArray


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
    """Numbers the particles of a probability map and cuts those that touch.

    Where it is known which pixels are the cores of particles (see `cores`), each core is a particle and a watershed
    on their probability draws the border. Otherwise particles are cut at their necks, by a watershed on the smoothed
    distance to the background. Two summits of the distance (half widths of two particles) are two particles where the
    saddle between them (half width of the neck) is lower than `neck` times the lower summit and lower by at least
    `h_nm` and one pixel. The ratio keeps rods whole and does not depend on the particle's size;
    `h_nm` and the pixel keep the roughness of an edge from cutting small particles.

    Args:
        probability: (rows, columns); a boolean mask will do, with any threshold in [0, 1).
        threshold: Particle is where the probability is above it.
        pixel_size_nm: Edge of a pixel.
        min_diameter_nm: A particle, or a hole that is kept, has at least the area of a disc this wide.
        smoothing_nm: Standard deviation of the Gaussian that smooths the distance.
        h_nm: Least depth of a neck below the particles on its two sides, as half a width.
        neck: Widest neck that is cut, in widths of the narrower particle, in (0, 1).
        core: Probability of a particle's core, (rows, columns); particles without one above a half stay as they are.

    Returns:
        Instances (rows, columns), numbered from 1 without gaps; 0 = background.

    Raises:
        InputError: The map is not 2-D or is empty, the cores have another shape, the pixel is not positive, a length is
            negative, or `neck` not in (0, 1).
    """
    _check(probability, pixel_size_nm, min_diameter_nm, smoothing_nm, h_nm, neck)
    if core is not None and core.shape != probability.shape:
        raise InputError(f"the cores have shape {core.shape}, the probability {probability.shape}; expected the same")
    min_area_px = disc_px(min_diameter_nm / pixel_size_nm)
    mask = remove_small_holes(probability > threshold, max_size=int(min_area_px))
    components = label(mask, connectivity=1).astype(np.int32)
    instances = np.zeros_like(components)
    number = 0
    for index, box in enumerate(find_objects(components), start=1):
        around = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
        component = components[around] == index
        if core is None:
            parts = _split(component, smoothing_nm / pixel_size_nm, max(h_nm / pixel_size_nm, 1.0), neck)
        else:
            parts = _grow(component, core[around], CORE**2 * min_area_px)
        instances[around] += np.where(parts > 0, parts + number, 0)
        number += int(parts.max())
    return _without_small(instances, min_area_px)


def disc_px(diameter_px: float) -> float:
    """Area of a disc."""
    return float(np.pi / 4 * diameter_px**2)


CORE = 0.5
"""Depth of a particle's core below its edge, in half widths of the particle."""


def cores(instances: IntArray) -> BoolArray:
    """The inner half of each particle: at least `CORE` as deep as its deepest pixel; (rows, columns) as the instances.

    Cores of particles that touch are apart, so a network that has learned them tells how many particles there are. The
    border of the image is no edge of a particle.
    """
    edge = find_boundaries(instances, mode="inner", connectivity=2)
    if not edge.any():  # nothing, or one particle everywhere
        return instances > 0
    depth = 1 + distance_transform_edt(~edge)
    deepest = np.asarray(maximum(depth, instances, np.arange(instances.max() + 1)))
    inner: BoolArray = (instances > 0) & (depth >= CORE * deepest[instances])
    return inner


def _grow(component: BoolArray, core: npt.NDArray[Any], least_px: float) -> IntArray:
    """Cuts one connected component into the surroundings of the cores in it; numbered from 1."""
    seeds = label(remove_small_objects(component & (core > 0.5), max_size=int(least_px)), connectivity=1)
    if seeds.max() < 2:
        return component.astype(np.int32)
    parts: IntArray = watershed(-core.astype(np.float32), seeds, mask=component).astype(np.int32)
    return parts


def _split(component: BoolArray, smoothing_px: float, h_px: float, neck: float) -> IntArray:
    """Cuts one connected component at its necks; numbered from 1. Its box has a border wherever the image goes on.

    The summits are the regional maxima left after every hill lower than h (or than its share 1 - neck) is flattened:
    h-maxima with a height that grows with the summit (Soille 2003, Morphological Image Analysis, chapter 6).
    """
    if component.all():  # no background to be distant from
        return component.astype(np.int32)
    distance = gaussian_filter(distance_transform_edt(component), smoothing_px) * component
    seed = np.minimum(distance - h_px, neck * distance)
    if seed.max() <= 0:  # too thin to hold a neck
        return component.astype(np.int32)
    flat = reconstruction(np.maximum(seed, 0), distance)
    parts: IntArray = watershed(-distance, label(local_maxima(flat)), mask=component).astype(np.int32)
    return parts


def _without_small(instances: IntArray, min_area_px: float) -> IntArray:
    """Drops the particles below an area and closes the gaps in the numbers."""
    areas = np.bincount(instances.ravel(), minlength=1)
    small = areas < min_area_px
    small[0] = False
    kept: IntArray = relabel_sequential(np.where(small[instances], 0, instances))[0].astype(np.int32)
    return kept


def _check(
    probability: npt.NDArray[Any],
    pixel_size_nm: float,
    min_diameter_nm: float,
    smoothing_nm: float,
    h_nm: float,
    neck: float,
) -> None:
    """Raises InputError for what `separate` cannot take."""
    if probability.ndim != 2 or probability.size == 0:
        raise InputError(f"the probability has shape {probability.shape}, expected (rows, columns)")
    if not pixel_size_nm > 0:
        raise InputError(f"pixel_size_nm is {pixel_size_nm}, expected a positive number of nm")
    if min(min_diameter_nm, smoothing_nm, h_nm) < 0:
        raise InputError(
            f"min_diameter_nm, smoothing_nm, h_nm are {min_diameter_nm}, {smoothing_nm}, {h_nm}; "
            "expected lengths of at least 0 nm"
        )
    if not 0 < neck < 1:
        raise InputError(f"neck is {neck}, expected a fraction between 0 and 1")
