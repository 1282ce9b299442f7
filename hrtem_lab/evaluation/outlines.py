"""Distances between the predicted and the true outlines of particles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates
from scipy.spatial import KDTree
from skimage.measure import find_contours

from hrtem_lab.micrograph import InputError

OUTLINE_DISTANCES = ("boundary_mean_nm", "boundary_p95_nm", "boundary_signed_nm")
"""Names of what `outline_distances` returns."""


def outline_distances(mask: npt.NDArray[Any], truth: npt.NDArray[Any], pixel_size_nm: float) -> dict[str, float]:
    """Measure how far the predicted and the true outlines are from each other, to within half a pixel.

    Each point of either outline (marching squares, half-way between the pixels of particle and background) has a
    distance to the nearest point of the other one. The edge of the image is no outline.

    Args:
        mask: Predicted mask, (rows, columns), non-zero = particle.
        truth: True mask of the same shape.
        pixel_size_nm: Side length of a pixel in nm.

    Returns:
        `boundary_mean_nm` and `boundary_p95_nm`, mean and 95th percentile of the distances of both outlines (average
        symmetric surface distance, and the robust Hausdorff distance of Huttenlocher et al. 1993, IEEE Trans. PAMI 15,
        850, for both outlines together); `boundary_signed_nm`, their mean with a sign, positive where the predicted
        particles are too large. All are `nan` where one of the masks has no outline.

    Raises:
        InputError: The shapes differ.
    """
    if mask.shape != truth.shape:
        raise InputError(f"the predicted mask has shape {mask.shape}, the truth {truth.shape}; expected the same")
    predicted, true = mask.astype(bool), truth.astype(bool)
    predicted_outline, true_outline = _outline(predicted), _outline(true)
    if not len(predicted_outline) or not len(true_outline):
        return dict.fromkeys(OUTLINE_DISTANCES, np.nan)
    outwards = _signed_distance(true, true_outline, predicted_outline)
    inwards = -_signed_distance(predicted, predicted_outline, true_outline)
    signed = np.concatenate([outwards, inwards]) * pixel_size_nm
    values = np.abs(signed).mean(), np.quantile(np.abs(signed), 0.95), signed.mean()
    return dict(zip(OUTLINE_DISTANCES, map(float, values), strict=True))


def _outline(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Points (row, column) of the outlines of a mask, (n, 2)."""
    contours = find_contours(mask.astype(np.float32), 0.5) if min(mask.shape) > 1 else []
    return np.concatenate([np.empty((0, 2)), *contours])


def _signed_distance(
    mask: npt.NDArray[np.bool_], outline: npt.NDArray[np.float64], points: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Distances in pixels from points (n, 2) to the nearest point of a mask's outline, negative inside, (n,)."""
    inside = map_coordinates(mask.astype(np.float32), points.T, order=1, mode="nearest") > 0.5
    distance = KDTree(outline).query(points)[0]
    return np.where(inside, -distance, distance)
