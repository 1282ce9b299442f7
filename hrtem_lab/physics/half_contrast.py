"""The half-contrast truth of a simulated image: where its version without noise is at half of a particle's contrast.

The level is half-way between the median of a particle's inner half and that of its surround, both of the image after a
Gaussian that removes the lattice fringes. The particle is what lies beyond that level in one piece with its inner half,
holes filled. There is no such truth where the film or the particle's own Fresnel fringes are as strong as the particle:
where the region runs on into the film, or where the mean profile across the edge passes the level more than once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_fill_holes, distance_transform_edt, find_objects, gaussian_filter
from skimage.measure import label as connected_components

from hrtem_lab.micrograph import BoolArray, IntArray

FRINGE_SIGMA_NM = 0.15
"""Gaussian that removes lattice fringes."""
SURROUND_NM = (0.6, 1.2)
"""Distances from a particle between which its surround lies."""
CLEARANCE_NM = 0.3
"""Distance from a neighbour within which nothing counts as surround."""
MIN_SURROUND_PX = 8
"""Least number of pixels of a surround."""
REACH_NM = 0.6
"""Distance from a particle up to which its half-contrast region may extend."""
MAX_LEAK = 0.2
"""Largest fraction of that limit which the region may touch."""
MAX_SPECKLE = 0.5
"""Standard deviation of a surround, in contrasts of its particle, from which the contour is that of the film."""
PROFILE_STEP_NM = 0.06
"""Step of the mean profile across the edge."""

Array = npt.NDArray[np.float64]


def half_contrast_instances(
    noise_free: npt.NDArray[np.floating], instances: IntArray, pixel_size_nm: float
) -> IntArray:
    """Return the half-contrast region of every particle, (rows, columns), 0 = background.

    Args:
        noise_free: Image without noise, (rows, columns).
        instances: Geometric outlines, of the same shape, 0 = background.
        pixel_size_nm: Side length of a pixel.

    Returns:
        Numbers as in `instances`, of which those without a half-contrast truth are missing.
    """
    smooth = gaussian_filter(np.asarray(noise_free, dtype=np.float64), FRINGE_SIGMA_NM / pixel_size_nm)
    margin = int(np.ceil(SURROUND_NM[1] / pixel_size_nm)) + 1
    result = np.zeros_like(instances)
    for number, tight in enumerate(find_objects(instances), start=1):
        if tight is None:
            continue
        box = tuple(slice(max(side.start - margin, 0), side.stop + margin) for side in tight)
        mask = instances[box] == number
        region = _half_contrast_region(smooth[box], mask, (instances[box] > 0) & ~mask, pixel_size_nm)
        result[box][region & (result[box] == 0)] = number
    return result


def _half_contrast_region(image: Array, mask: BoolArray, others: BoolArray, pixel_size_nm: float) -> BoolArray:
    """Return the half-contrast region of one particle in its box, empty where it has none."""
    nothing = np.zeros_like(mask)
    depth = pixel_size_nm * distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    away = pixel_size_nm * distance_transform_edt(~mask)
    clear = ~mask
    if others.any():
        clear &= pixel_size_nm * distance_transform_edt(~others) > CLEARANCE_NM
    surround = clear & (away >= SURROUND_NM[0]) & (away <= SURROUND_NM[1])
    inner = depth >= depth.max() / 2
    if np.count_nonzero(surround) < MIN_SURROUND_PX:
        return nothing
    outside, inside = np.median(image[surround]), np.median(image[inner])
    if image[surround].std() >= MAX_SPECKLE * abs(inside - outside):
        return nothing
    above = (image - outside) / (inside - outside) - 0.5
    allowed = (away <= REACH_NM) & ~others
    parts = connected_components((above > 0) & allowed, connectivity=1)
    shared = np.bincount(parts[inner], minlength=2)[1:]
    if (
        shared.max() < np.count_nonzero(inner) / 2
        or _passes(above, depth - away, allowed & (depth < depth.max() / 2)) != 1
    ):
        return nothing
    region: BoolArray = binary_fill_holes(parts == 1 + np.argmax(shared)) & ~others
    limit = allowed & ~mask & (away > REACH_NM - 1.5 * pixel_size_nm)
    leaks = np.count_nonzero(region & limit) > MAX_LEAK * np.count_nonzero(limit)
    return nothing if leaks else region


def _passes(above: Array, depth_nm: Array, counted: BoolArray) -> int:
    """Return how often the mean profile across an edge passes zero.

    Args:
        above: Image, (rows, columns).
        depth_nm: Distance inside the edge, negative outside, (rows, columns).
        counted: Pixels that count, (rows, columns).
    """
    step = np.floor((depth_nm[counted] + REACH_NM) / PROFILE_STEP_NM).astype(int)
    step -= step.min(initial=0)
    count = np.bincount(step)
    profile = np.bincount(step, above[counted])[count > 0] / count[count > 0]
    return int(np.count_nonzero(np.diff(profile > 0)))
