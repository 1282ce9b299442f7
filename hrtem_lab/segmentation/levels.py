"""One network at several scales: bodies larger than what it sees at once are found where the image is coarser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.ndimage import mean
from skimage.measure import label

from hrtem_lab.micrograph import BoolArray, FloatArray
from hrtem_lab.segmentation.preprocessing import resample
from hrtem_lab.segmentation.targets import CORE, DISTANCE, DISTANCE_RANGE_PX, PARTICLE

SMALLEST_SIDE_PX = 96
"""Shorter side of the coarsest level's image at least."""
MOST_LEVELS = 4
LARGE_PX = 80.0
"""Diameter in pixels of a coarser level from which on what is found there counts."""
RIM_PX = 8.0
"""Depth below the outline of a large body, in pixels of the coarser level, from which on that level decides."""


def coarser_shapes(shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the shapes of the coarser levels of an image, each of half the resolution of the one before."""
    for halvings in range(1, MOST_LEVELS):
        rows, columns = (side // 2**halvings for side in shape)
        if min(rows, columns) < SMALLEST_SIDE_PX:
            return
        yield rows, columns


def add_coarser_levels(
    maps: FloatArray, image: FloatArray, predict: Callable[[FloatArray], FloatArray], threshold: float
) -> FloatArray:
    """Take the inside of large bodies from predictions at lower resolutions.

    Args:
        maps: Maps of the image, (3, rows, columns): probability of a particle and of a core, and the
            distance from the nearest outline in pixels, positive inside.
        image: Standardised, (rows, columns).
        predict: Coarser image (rows, columns) -> its maps.
        threshold: Mean probability above which a body is one.

    Returns:
        Maps on the grid of the image; distances in its pixels.
    """
    for shape in coarser_shapes(image.shape):
        coarse = predict(resample(image, shape))
        large = find_large(coarse, threshold)
        if large.any():
            depth = np.where(large, coarse[DISTANCE], -DISTANCE_RANGE_PX) - RIM_PX
            scale = image.shape[0] / shape[0]
            maps = _take_inside(maps, coarse, scale * depth.astype(np.float32))
    return maps


def find_large(maps: FloatArray, threshold: float) -> BoolArray:
    """Mask of the bodies in a level's maps whose diameter is at least `LARGE_PX`, (rows, columns)."""
    regions, scores = score_regions(maps[PARTICLE], maps[DISTANCE] > 0)
    areas = np.bincount(regions.ravel(), minlength=len(scores))
    is_large = (scores > threshold) & (areas >= np.pi / 4 * LARGE_PX**2)
    is_large[0] = False
    large: BoolArray = is_large[regions]
    return large


def score_regions(probability: FloatArray, mask: BoolArray) -> tuple[np.ndarray, np.ndarray]:
    """Number the connected regions of a mask, and average the probability over each.

    Returns:
        Regions (rows, columns), 0 = outside; mean probability of each, (regions + 1,), 0 for the outside.
    """
    regions, count = label(mask, connectivity=1, return_num=True)
    scores = np.zeros(count + 1)
    if count:
        scores[1:] = mean(probability, regions, np.arange(1, count + 1))
    return regions, scores


def score_of_regions(probability: FloatArray, mask: BoolArray) -> FloatArray:
    """Mean probability of the region that each pixel lies in, (rows, columns); 0 outside the mask."""
    regions, scores = score_regions(probability, mask)
    return scores.astype(np.float32)[regions]


def _take_inside(maps: FloatArray, coarse: FloatArray, depth_px: FloatArray) -> FloatArray:
    """Return maps that are those of a coarser level where the depth below the rim of a large body is positive.

    Args:
        maps: Maps of the finer level.
        coarse: Maps of the coarser level.
        depth_px: On the coarser grid, in pixels of the finer one.
    """
    shape = (maps.shape[1], maps.shape[2])
    depth = resample(depth_px, shape)
    deep = depth > 0
    probabilities = [
        np.where(deep, np.clip(resample(coarse[plane], shape), 0, 1), maps[plane]) for plane in (PARTICLE, CORE)
    ]
    return np.stack([*probabilities, np.maximum(maps[DISTANCE], depth)])
