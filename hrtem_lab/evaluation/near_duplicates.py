"""Images that show the same field, even shifted, turned, mirrored, rescaled or with other grey levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, triu
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
COMPONENTS, SAMPLE = 32, 20_000
"""Principal components of the surrounds by which similar points are searched, and number of points that give these."""
NEIGHBOURS, CHECKS, TREES = 5, 32, 4
"""Number of similar points that are looked up for each point, and how thoroughly."""
MIN_SIMILAR = MIN_INLIERS // 2
"""Number of similar points from which two images are compared."""
MAX_COMPARED = 50
"""Number of images, those with the most similar points, that one image is compared with."""

Points = npt.NDArray[np.float32]
Pair = tuple[int, int]


@dataclass(frozen=True)
class ImageHash:
    """Points of an image and what surrounds them.

    The points are extrema of differences of Gaussians, and their surrounds are histograms of gradients (Lowe, Int. J.
    Comput. Vis. 60, 91, 2004; compared by the Hellinger distance, Arandjelovic and Zisserman, CVPR 2012), which depend
    neither on rotation and scale nor on brightness and contrast.

    Attributes:
        points: (n, 2), column and row in units of the first of `SIDES_PX`.
        histograms: (n, 128), in bytes: ten thousand images take a quarter of a gigabyte.
    """

    points: Points
    histograms: npt.NDArray[np.uint8]

    @property
    def surrounds(self) -> Points:
        """Square roots of the histograms' shares, whose Euclidean distance is the Hellinger distance, (n, 128)."""
        return np.sqrt(self.histograms / np.maximum(self.histograms.sum(axis=1, keepdims=True, dtype=np.float32), 1))

    @property
    def mirrored(self) -> ImageHash:
        """The hash of the mirror image: cells beside a point's direction change sides, directions change sign."""
        cells = self.histograms.reshape(-1, _CELLS, _CELLS, _DIRECTIONS)
        directions = -np.arange(_DIRECTIONS) % _DIRECTIONS
        histograms = cells[:, ::-1][..., directions].reshape(self.histograms.shape)
        return ImageHash(self.points * np.array([-1, 1], dtype=np.float32), histograms)


def hash_image(image: npt.NDArray[Any]) -> ImageHash:
    """Hash an image, (rows, columns)."""
    parts = [_describe(image, side) for side in SIDES_PX]
    return ImageHash(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _describe(image: npt.NDArray[Any], side: int) -> tuple[Points, npt.NDArray[np.uint8]]:
    scale = side / max(image.shape)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(image, dtype=np.float32), None, fx=scale, fy=scale, interpolation=way)
    picture = np.asarray(cv2.GaussianBlur(resized, (0, 0), BLUR_PX), dtype=np.float32)
    grey = (255 * rescale_intensity(picture, 0.002)).astype(np.uint8)
    sift: Any = cv2.SIFT_create(nfeatures=POINTS, contrastThreshold=0.01)  # type: ignore[attr-defined]
    found, histograms = sift.detectAndCompute(grey, None)
    if histograms is None:
        return np.empty((0, 2), np.float32), np.empty((0, 128), np.uint8)
    points = np.array([each.pt for each in found], dtype=np.float32) * (SIDES_PX[0] / side)
    return points, histograms.astype(np.uint8)


def find_near_duplicates(
    hashes: Sequence[ImageHash], progress: ProgressCallback = no_progress
) -> list[tuple[int, int, int]]:
    """Find the pairs of images that show the same field or overlap.

    Each image is compared with those that have the most points similar to its own, and with those that show the same
    field as one of these: the time grows with the number of images and of duplicates, not with that of all pairs.

    Args:
        hashes: Hash of each image.
        progress: Called with (done, total) after each image.

    Returns:
        Indices of the two images, the smaller first, and the number of points that agree, for each pair.
    """
    if sum(len(each.points) for each in hashes) < 2 * MIN_INLIERS:
        return []  # the index needs points
    index = SimilarImages(hashes)
    agreeing: dict[Pair, int] = {}

    def compare(pairs: Iterable[Pair]) -> None:
        for first, second in sorted(set(pairs) - agreeing.keys()):
            agreeing[first, second] = count_agreeing_points(hashes[first], hashes[second])

    for number in range(len(hashes)):
        compare((min(number, other), max(number, other)) for other in index.similar_to(number))
        progress(number + 1, len(hashes))
    compared = -1
    while len(agreeing) > compared:
        compared = len(agreeing)
        compare(_pairs_by_a_third([pair for pair, count in agreeing.items() if count >= MIN_INLIERS], len(hashes)))
    return sorted((*pair, count) for pair, count in agreeing.items() if count >= MIN_INLIERS)


class SimilarImages:
    """Index of the points of many images, in which those with similar points are looked up.

    It holds the principal components of all surrounds in randomised k-d trees (Muja and Lowe, VISAPP 2009).

    Args:
        hashes: Hash of each image.
    """

    def __init__(self, hashes: Sequence[ImageHash]) -> None:
        self.hashes = hashes
        self.image_of = np.repeat(np.arange(len(hashes)), [len(each.points) for each in hashes])
        step = len(self.image_of) // SAMPLE + 1
        sample = np.concatenate([each.surrounds[::step] for each in hashes])
        self.axes = np.linalg.eigh(sample.T @ sample)[1][:, -COMPONENTS:]
        points = np.concatenate([each.surrounds @ self.axes for each in hashes])
        cv2.setRNGSeed(0)
        self.trees = cv2.flann.Index(points, {"algorithm": 1, "trees": TREES})  # 1: randomised k-d trees

    def similar_to(self, number: int) -> list[int]:
        """Numbers of the images with points similar to those of an image or of its mirror image, most points first."""
        image = self.hashes[number]
        if not len(image.points):
            return []
        points = np.concatenate([image.surrounds, image.mirrored.surrounds]) @ self.axes
        neighbours, _ = self.trees.knnSearch(points, NEIGHBOURS, params={"checks": CHECKS})
        counts = Counter(self.image_of[neighbours.ravel()].tolist())
        del counts[number]
        return [other for other, count in counts.most_common(MAX_COMPARED) if count >= MIN_SIMILAR]


def _pairs_by_a_third(pairs: Sequence[Pair], count: int) -> set[Pair]:
    """The pairs of images that show the same field as a third one."""
    graph = _graph(pairs, count)
    graph = graph + graph.T
    return set(zip(*(each.tolist() for each in triu(graph @ graph, 1).nonzero()), strict=True))


def _graph(pairs: Iterable[Sequence[int]], count: int) -> coo_array:
    """Adjacency of images by their numbers, (count, count)."""
    edges = np.array([pair[:2] for pair in pairs], dtype=np.intp).reshape(-1, 2)
    return coo_array((np.ones(len(edges)), edges.T), shape=(count, count))


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
    return np.asarray(connected_components(_graph(pairs, count), directed=False)[1], dtype=np.intp)
