"""Images that show the same field, even shifted, turned, mirrored, rescaled or with other grey levels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hrtem_lab.image import rescale_intensity
from hrtem_lab.progress import ProgressCallback, no_progress

SIDES_PX = (256, 128)
"""Longer sides of the pictures that are hashed: two, so that a field at half the resolution is found, too."""
BLUR_PX = 1.0
POINTS = 100
"""Number of points of a picture that are hashed."""
MAX_RATIO = 0.85
"""Largest distance of a matching pair of points, relative to the second best match (Lowe 2004)."""
MIN_INLIERS = 12
"""Number of matching points that one rotation, scale and shift explains, from which two images show the same field.

In unrelated micrographs three or four fit by chance."""
_CELLS, _DIRECTIONS = 4, 8
"""Cells along each side of a point's surround, and directions of gradients in each."""
TOLERANCE_PX = 3.0

Points = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ImageHash:
    """Points of an image and what surrounds them.

    The points are extrema of differences of Gaussians, and their surrounds are histograms of gradients (Lowe, Int. J.
    Comput. Vis. 60, 91, 2004; compared by the Hellinger distance, Arandjelovic and Zisserman, CVPR 2012), which depend
    neither on rotation and scale nor on brightness and contrast.

    Attributes:
        points: (n, 2), column and row in units of the first of `SIDES_PX`.
        surrounds: (n, 128).
    """

    points: Points
    surrounds: Points

    @property
    def mirrored(self) -> ImageHash:
        """The hash of the mirror image: cells beside a point's direction change sides, directions change sign."""
        cells = self.surrounds.reshape(-1, _CELLS, _CELLS, _DIRECTIONS)
        directions = -np.arange(_DIRECTIONS) % _DIRECTIONS
        surrounds = cells[:, ::-1][..., directions].reshape(self.surrounds.shape)
        return ImageHash(self.points * np.array([-1, 1], dtype=np.float32), surrounds)


def hash_image(image: npt.NDArray[Any]) -> ImageHash:
    """Hash an image, (rows, columns)."""
    parts = [_describe(image, side) for side in SIDES_PX]
    return ImageHash(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _describe(image: npt.NDArray[Any], side: int) -> tuple[Points, Points]:
    scale = side / max(image.shape)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(image, dtype=np.float32), None, fx=scale, fy=scale, interpolation=way)
    picture = np.asarray(cv2.GaussianBlur(resized, (0, 0), BLUR_PX), dtype=np.float32)
    grey = (255 * rescale_intensity(picture, 0.002)).astype(np.uint8)
    sift: Any = cv2.SIFT_create(nfeatures=POINTS, contrastThreshold=0.01)  # type: ignore[attr-defined]
    found, surrounds = sift.detectAndCompute(grey, None)
    if surrounds is None:
        return np.empty((0, 2), np.float32), np.empty((0, 128), np.float32)
    points = np.array([each.pt for each in found], dtype=np.float32) * (SIDES_PX[0] / side)
    return points, np.sqrt(surrounds / np.maximum(surrounds.sum(axis=1, keepdims=True), 1e-6))


def find_near_duplicates(
    hashes: Sequence[ImageHash], progress: ProgressCallback = no_progress
) -> list[tuple[int, int, int]]:
    """Find the pairs of images that show the same field or overlap.

    The time grows with the square of the number of images: about half a millisecond for each pair.

    Args:
        hashes: Hash of each image.
        progress: Called with (done, total) after each image.

    Returns:
        Indices of the two images, the smaller first, and the number of points that agree, for each pair.
    """
    pairs = []
    for index, first in enumerate(hashes):
        for other in range(index + 1, len(hashes)):
            agreeing = count_agreeing_points(first, hashes[other])
            if agreeing >= MIN_INLIERS:
                pairs.append((index, other, agreeing))
        progress(index + 1, len(hashes))
    return pairs


def count_agreeing_points(first: ImageHash, second: ImageHash) -> int:
    """Number of matching points that one rotation, scale, shift and, if need be, reflection explains."""
    return max(_count_inliers(first, second), _count_inliers(first.mirrored, second))


def _count_inliers(one: ImageHash, other: ImageHash) -> int:
    if min(len(one.points), len(other.points)) < MIN_INLIERS:
        return 0
    similarity = one.surrounds @ other.surrounds.T
    best = similarity.argmax(axis=1)
    second, first = np.sqrt(np.maximum(2 - 2 * np.partition(similarity, -2, axis=1)[:, -2:].T, 0))
    matching = (first < MAX_RATIO * second) & (similarity.argmax(axis=0)[best] == np.arange(len(best)))
    if np.count_nonzero(matching) < MIN_INLIERS:
        return 0
    cv2.setRNGSeed(0)
    _, inliers = cv2.estimateAffinePartial2D(
        one.points[matching], other.points[best[matching]], ransacReprojThreshold=TOLERANCE_PX
    )
    return 0 if inliers is None else int(np.count_nonzero(inliers))


def same_field_groups(pairs: Iterable[tuple[int, int, int]], count: int) -> npt.NDArray[np.intp]:
    """Number the images so that those that show the same field, directly or by others, have one number, (count,)."""
    edges = np.array([pair[:2] for pair in pairs], dtype=np.intp).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges)), edges.T), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)
