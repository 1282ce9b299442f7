"""The geometric outline: the level set of a map that is zero where the particles end."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.special import logit

from hrtem_lab.micrograph import BoolArray, FloatArray, InputError, IntArray
from hrtem_lab.particles.closed_curves import Curves, area, contours, normals, resample
from hrtem_lab.particles.crops import boxes
from hrtem_lab.particles.edge import Edge
from hrtem_lab.particles.outline import mask_curves
from hrtem_lab.particles.window import distance_to_edge_px

REACH_NM, MIN_REACH_PX = 0.3, 2.0
"""Distance from the border of a particle's pixels up to which its level set may lie."""
LOGISTIC_DEVIATION = np.pi / np.sqrt(3)
"""Standard deviation of the logistic distribution of scale 1."""
PROBABILITY_CLIP = 1e-4
"""Distance from 0 and 1 at which a probability is clipped before its logit is taken."""
MEAN_SHARE = 0.5
"""Error of the mean position of an edge in errors at one place, which are alike over much of it: a rough value, with
which 63 % of 303 simulated diameters lie within one standard error and 90 % within two (`benchmarks/outlines.py`)."""


def geometric_edges(
    instances: IntArray,
    level: FloatArray,
    pixel_size_nm: float,
    probability: FloatArray | None = None,
) -> dict[int, Edge]:
    """Trace the geometric edge of every particle to a fraction of a pixel.

    Where particles touch, the border of their pixels is the edge.

    Args:
        instances: (rows, columns), 0 = background.
        level: Map of the same shape that is positive inside particles and 0 at their edges, in any unit: a signed
            distance, or a probability less its threshold. It counts up to 0.3 nm from the border of the instances.
        pixel_size_nm: Side length of a pixel.
        probability: Probability of being inside, from which the standard errors follow: read as the distribution of the
            edge's position, it falls as steeply as that is certain. Without it they are `nan`.

    Raises:
        InputError: The shapes differ.
    """
    if level.shape != instances.shape:
        raise InputError(f"the map of edges is {level.shape}, the instances are {instances.shape}; expected the same")
    reach_px = max(REACH_NM / pixel_size_nm, MIN_REACH_PX)
    nearest = nearest_particle(instances, reach_px)
    found = {}
    for number, box in boxes(instances, int(np.ceil(reach_px)) + 1):
        curves = _trace(level[box], instances[box] == number, nearest[box] == number, reach_px)
        corner = np.array([side.start for side in box])
        errors = (np.nan, np.nan) if probability is None else edge_errors(probability[box], curves, pixel_size_nm)
        found[number] = Edge([curve + corner for curve in curves], *errors)
    return found


def mask_edges(instances: IntArray) -> dict[int, Edge]:
    """Trace the edge of every particle of an instance map, of which nothing but the pixels is known."""
    found = {}
    for number, box in boxes(instances):
        corner = np.array([side.start for side in box])
        found[number] = Edge([curve + corner for curve in mask_curves(instances[box] == number)])
    return found


def nearest_particle(instances: IntArray, reach_px: float) -> IntArray:
    """Number of the nearest particle of every pixel, (rows, columns); 0 where none is within the reach."""
    distance, place = cv2.distanceTransformWithLabels(
        (instances == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    particle = instances > 0
    number_at = np.zeros(int(place.max()) + 1, dtype=np.int32)
    number_at[place[particle]] = instances[particle]
    nearest: IntArray = np.where(distance <= reach_px, number_at[place], 0).astype(np.int32)
    return nearest


def _trace(level: FloatArray, mask: BoolArray, near: BoolArray, reach_px: float) -> Curves:
    """Trace the level set of one particle in its box; that of its pixels where the map does not show it."""
    size = np.clip(np.abs(level), np.finfo(np.float32).tiny, 1e6)  # finite, and nowhere 0
    inside = near & (level > 0) | (distance_to_edge_px(mask) > reach_px)
    _, parts = cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)
    overlap = np.bincount(parts[mask & inside], minlength=2)
    if not overlap[1:].any():
        return mask_curves(mask)
    signed = np.where(parts == np.argmax(overlap), size, -size)
    padded = np.pad(signed, 1, mode="edge")
    padded[[0, -1]] = -np.abs(padded[[0, -1]])
    padded[:, [0, -1]] = -np.abs(padded[:, [0, -1]])
    return [curve - 1 for curve in contours(padded, 0.0)]


def edge_errors(probability: FloatArray, curves: Curves, pixel_size_nm: float) -> tuple[float, float]:
    """Standard errors of the mean and of the local position of an edge, in nm, from the slope of a probability.

    A probability that is right is the distribution of the edge's position: with the logistic one, its logit falls by
    pi / sqrt(3) per standard deviation. Where it hardly falls or does not, the edge is anywhere in the particle: within
    the radius of the disc of the same area, evenly.

    Args:
        probability: (rows, columns).
        curves: The edge in pixels.
        pixel_size_nm: Side length of a pixel.
    """
    points = [resample(curve, 1.0) for curve in curves]
    across = np.concatenate([normals(each) for each in points])
    place = np.concatenate(points) + np.array([-1.0, 1.0])[:, None, None] * across
    row, column = np.moveaxis(place.astype(np.float32), -1, 0)
    sampled = cv2.remap(probability, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inner, outer = logit(np.clip(sampled, PROBABILITY_CLIP, 1 - PROBABILITY_CLIP))
    slope_per_nm = float(np.median(inner - outer)) / (2 * pixel_size_nm)
    anywhere_nm = pixel_size_nm * np.sqrt(area(curves) / np.pi / 3)
    local_nm = min(LOGISTIC_DEVIATION / slope_per_nm, anywhere_nm) if slope_per_nm > 0 else anywhere_nm
    return MEAN_SHARE * local_nm, local_nm
