"""The half-contrast outline: where the image is half-way between a particle and its surround.

It is measured in the image, from profiles across the outline that was found. A sphere's projected thickness is half of
its greatest at 0.87 of its radius, so this outline lies inside the geometric one, which is where the particle ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from hrtem_lab.micrograph import BoolArray, FloatArray, IntArray
from hrtem_lab.particles.closed_curves import Points, close
from hrtem_lab.particles.cores import CORE_DEPTH
from hrtem_lab.particles.crops import boxes
from hrtem_lab.particles.edge import Edge
from hrtem_lab.particles.profiles import GAUSSIAN_WIDTH, Noise, Profiles, crossings, smooth_path
from hrtem_lab.particles.window import distance_to_edge_px

FRINGE_SIGMA_NM = 0.15
"""Gaussian that removes lattice fringes before anything is measured; of those of gold {111} it leaves 0.03 %."""
WORKING_PX_NM = 0.05
"""Pixel up to which an image is averaged down, since that Gaussian leaves nothing finer."""
SURROUND_NM, MIN_SURROUND_PX = (0.6, 1.2), (1.5, 4.0)
"""Distances between which the surround of a particle lies, and the least they are in pixels: beyond the strongest
Fresnel fringe, and still on the same film."""
MIN_SURROUND = 0.15
"""Least fraction of its surround that neighbours and the border of the image leave to a particle."""
CLEARANCE_NM, MIN_CLEARANCE_PX = 0.3, 1.5
"""Distance from a neighbour and from what shows no specimen within which nothing is measured."""
REACH_NM, MIN_REACH_PX = 0.6, 2.0
"""Distance outside the given outline up to which the edge is sought; inside, it is half of the greatest depth."""
ALONG_NM = 0.3
"""Gaussian along the outline by which profiles are averaged, wider where noise demands it."""
SPACING_NM, STEP_NM = 0.08, 0.04
"""Distances of neighbouring profiles, and of the samples of a profile."""
MAX_NOISE = 0.15
"""Noise of an averaged profile, in contrasts, down to which it is averaged; all around, that of the last resort."""
MIN_OWN_EDGE = 0.25
"""Least fraction of an outline that is neither shared with a neighbour nor cut by the border of the image."""
MAX_MISSING = 0.33
"""Largest fraction of such edge on which the image does not cross the half of the contrast."""
PATH_NM = 1.0
"""Length over which neighbouring crossings have to agree, by a running median."""
MAX_JUMP_NM, MIN_JUMP_PX = 0.25, 1.5
"""Largest distance of a crossing from that median."""
MEDIAN_EFFICIENCY = 2 / np.pi
"""Variance of a mean over that of a median of the same normal values."""

NO_SURROUND = "no free surround"
NO_CONTRAST = "no contrast"
NO_OWN_EDGE = "most of the edge is shared or cut"
TOO_NOISY = "noise"
NO_EDGE = "no edge near the outline"
FRINGES = "fringes at the edge as strong as the particle"

Array = npt.NDArray[np.float64]


class NotMeasurable(Exception):
    """The reason why a particle has no half-contrast outline."""


@dataclass(frozen=True)
class Scale:
    """Lengths in pixels of an image of this pixel size."""

    pixel_nm: float

    def px(self, length_nm: float, least_px: float = 0.0) -> float:
        """A length in pixels, at least a number of them."""
        return max(length_nm / self.pixel_nm, least_px)


def half_contrast_edges(
    image: FloatArray,
    instances: IntArray,
    edges: Mapping[int, Edge],
    pixel_size_nm: float,
    valid: BoolArray | None = None,
) -> dict[int, Edge]:
    """Measure the half-contrast edge of every particle.

    The image is smoothed by a Gaussian of 0.15 nm. The level is half-way between the median of the particle's inner
    half (the pixels at least half as deep as its deepest) and that of its surround, 0.6 to 1.2 nm outside and away from
    neighbours. Profiles along the normals of the given outline are averaged along it, not across, and the crossing of
    that level nearest to the outline is the edge. Where a particle touches another or is cut by the border, the edge
    stays where it was.

    Args:
        image: (rows, columns).
        instances: The same shape, 0 = background.
        edges: Outline of each particle near which its edge is sought, such as the geometric one.
        pixel_size_nm: Side length of a pixel.
        valid: True where the image shows the specimen; None where it does everywhere.

    Returns:
        The edge of each particle of `instances`, or the reason why it cannot be measured.
    """
    if not edges:  # an image may be smaller than a pixel of those that are averaged down
        return {}
    factor = max(int(WORKING_PX_NM / pixel_size_nm), 1)
    offset = (factor - 1) / 2  # of the middle of a block of pixels from the middle of its first
    scale = Scale(factor * pixel_size_nm)
    if valid is None:
        valid = np.ones(image.shape, dtype=bool)
    smooth, instances, valid = _prepare(image, instances, valid, factor, FRINGE_SIGMA_NM / pixel_size_nm)
    margin_px = int(np.ceil(scale.px(SURROUND_NM[1], MIN_SURROUND_PX[1]))) + 2
    found = {}
    for number, box in boxes(instances, margin_px):
        corner = np.array([side.start for side in box])
        curves = [(curve - offset) / factor - corner for curve in edges[number].curves]
        try:
            edge = _measure(smooth[box], instances[box], valid[box], number, curves, scale)
        except NotMeasurable as reason:
            found[number] = Edge(reason=str(reason))
            continue
        curves = [(curve + corner) * factor + offset for curve in edge.curves]
        found[number] = Edge(curves, edge.mean_se_nm, edge.local_se_nm)
    return found


def _prepare(
    image: FloatArray, instances: IntArray, valid: BoolArray, factor: int, sigma_px: float
) -> tuple[FloatArray, IntArray, BoolArray]:
    """Average an image down by a whole factor and smooth it by a Gaussian, of which the averaging is a part.

    What is not valid has no weight. The border of the image counts as not valid, as far as a Gaussian reaches.
    """
    rows, columns = (side // factor * factor for side in image.shape)
    size = (columns // factor, rows // factor)
    middle = slice(factor // 2, rows, factor), slice(factor // 2, columns, factor)
    weight = valid.astype(np.float32)
    level = np.float32(image.mean())  # else the digits of a large offset would be lost
    parts = [(image - level) * weight, weight]
    sigma = np.sqrt(max(sigma_px**2 - (factor**2 - 1) / 12, 0)) / factor
    parts = [np.asarray(cv2.resize(p[:rows, :columns], size, interpolation=cv2.INTER_AREA)) for p in parts]
    if sigma > 0.3:
        parts = [np.asarray(cv2.GaussianBlur(p, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)) for p in parts]
    smooth = parts[0] / np.maximum(parts[1], 1e-6)
    shown = valid[middle].copy()
    shown[[0, 1, -2, -1]] = shown[:, [0, 1, -2, -1]] = False
    return smooth, instances[middle], shown


class Levels(NamedTuple):
    """A particle's box in the image, in contrasts.

    Attributes:
        image: 0.5 at the level of the particle's inner half, -0.5 at that of its surround, (rows, columns).
        shown: Pixels of the particle, and those outside that are clear of neighbours.
        depth_px: Greatest depth of the particle.
        inner_px: Area of its inner half.
        surround_px: Area of its surround.
    """

    image: FloatArray
    shown: BoolArray
    depth_px: float
    inner_px: int
    surround_px: int


def _find_levels(image: FloatArray, mask: BoolArray, other: BoolArray, scale: Scale) -> Levels:
    """Measure the levels of a particle and of its surround; `other` are pixels of neighbours and without specimen."""
    depth, away = distance_to_edge_px(np.pad(mask, 1))[1:-1, 1:-1], distance_to_edge_px(~mask)
    free = ~mask
    if other.any():
        free &= distance_to_edge_px(~other) > scale.px(CLEARANCE_NM, MIN_CLEARANCE_PX)
    ring = (away >= scale.px(SURROUND_NM[0], MIN_SURROUND_PX[0])) & (
        away <= scale.px(SURROUND_NM[1], MIN_SURROUND_PX[1])
    )
    surround, inner = ring & free, depth >= CORE_DEPTH * depth.max()
    if surround.sum() < max(MIN_SURROUND * ring.sum(), 8):
        raise NotMeasurable(NO_SURROUND)
    outside, inside = np.median(image[surround]), np.median(image[inner])
    if inside == outside:
        raise NotMeasurable(NO_CONTRAST)
    contrasts = ((image - outside) / (inside - outside) - 0.5).astype(np.float32)
    shown = (free | mask) & ~other
    return Levels(contrasts, shown, float(depth.max()), int(inner.sum()), int(surround.sum()))


def _measure(
    image: FloatArray, instances: IntArray, valid: BoolArray, number: int, curves: list[Points], scale: Scale
) -> Edge:
    """Measure the edge of one particle; all in pixels of its box."""
    mask = instances == number
    levels = _find_levels(image, mask, ((instances > 0) & ~mask) | ~valid, scale)
    inward, outward = CORE_DEPTH * levels.depth_px, scale.px(SURROUND_NM[1], MIN_SURROUND_PX[1])
    step = max(scale.px(STEP_NM, 0.25), inward / 60)
    offsets = np.arange(-np.floor(inward / step), np.ceil(outward / step) + 1) * step
    spacing, smoothing = scale.px(SPACING_NM, 0.5), scale.px(ALONG_NM)
    around = [Profiles.sample(levels.image, levels.shown, c, offsets, spacing, smoothing) for c in curves]
    noise = _noise(max(around, key=lambda profiles: profiles.length), scale)

    length = sum(profiles.length for profiles in around)
    sigma = max(scale.px(ALONG_NM, 1.0), noise.line_for(MAX_NOISE) / GAUSSIAN_WIDTH)
    if sigma > length / 3 and noise.of_line(length) > MAX_NOISE:
        raise NotMeasurable(TOO_NOISY)
    found = [_find_edge(profiles, valid, sigma, scale) for profiles in around]
    own, seen = np.concatenate([f.own for f in found]), np.concatenate([f.seen for f in found])
    if own.mean() < MIN_OWN_EDGE:
        raise NotMeasurable(NO_OWN_EDGE)
    if (own & seen).sum() < (1 - MAX_MISSING) * own.sum():
        raise NotMeasurable(NO_EDGE)
    medians = float(np.hypot(noise.of_area(levels.inner_px), noise.of_area(levels.surround_px)))
    level_se = medians / 2 / np.sqrt(MEDIAN_EFFICIENCY)
    nm_per_contrast = float(np.mean(1 / np.concatenate([f.slopes for f in found]))) * scale.pixel_nm
    local = min(GAUSSIAN_WIDTH * sigma, length)
    mean_se, local_se = (nm_per_contrast * float(np.hypot(noise.of_line(part), level_se)) for part in (length, local))
    return Edge([f.curve for f in found], mean_se, local_se)


def _noise(profiles: Profiles, scale: Scale) -> Noise:
    """Noise of the surround, along the curve around the particle."""
    beyond = profiles.offsets >= scale.px(SURROUND_NM[0], MIN_SURROUND_PX[0])
    surround = replace(
        profiles,
        offsets=profiles.offsets[beyond],
        values=profiles.values[:, beyond],
        shown=profiles.shown[:, beyond],
    )
    noise = surround.noise(min(scale.px(1.0), profiles.length / 12))
    if noise is None:
        raise NotMeasurable(NO_SURROUND)
    return noise


class Found(NamedTuple):
    """A measured edge along one curve.

    Attributes:
        curve: The edge, closed.
        slopes: Slopes of the profiles where they cross, in contrasts per pixel.
        own: Points where nothing touches the particle or cuts it, (n,).
        seen: Points where a crossing was found, (n,).
    """

    curve: Points
    slopes: Array
    own: BoolArray
    seen: BoolArray


def _find_edge(profiles: Profiles, valid: BoolArray, sigma: float, scale: Scale) -> Found:
    """Find the edge along one curve: the crossings nearest to that of the mean profile, and to their running median."""
    within = profiles.offsets <= scale.px(REACH_NM, MIN_REACH_PX)
    offsets, values = profiles.offsets[within], profiles.averaged(sigma)[:, within]
    row, column = np.rint(profiles.points).astype(int).T
    uncut = valid[np.clip(row, 0, valid.shape[0] - 1), np.clip(column, 0, valid.shape[1] - 1)]
    own = uncut & profiles.shown[:, np.searchsorted(offsets, scale.px(CLEARANCE_NM, MIN_CLEARANCE_PX))]
    middle = _crossing_of_mean(values[own], offsets)
    first, _ = crossings(values, offsets, middle)
    if np.isnan(first).all():
        raise NotMeasurable(NO_EDGE)
    path = smooth_path(first, max(round(scale.px(PATH_NM) / profiles.spacing) | 1, 5))
    position, slope = crossings(values, offsets, path)
    seen = uncut & (np.abs(position - path) < scale.px(MAX_JUMP_NM, MIN_JUMP_PX))
    if not (own & seen).any():
        raise NotMeasurable(NO_EDGE)
    moved = profiles.points + np.where(seen, position, path)[:, None] * profiles.normals
    points = np.where((own | seen)[:, None], moved, profiles.given)
    return Found(close(points), slope[own & seen], own, seen)


def _crossing_of_mean(values: Array, offsets: Array) -> float:
    """The one place where the mean of profiles falls through zero."""
    known = ~np.isnan(values)
    if not known.any():
        raise NotMeasurable(NO_OWN_EDGE)
    count = known.sum(axis=0)
    mean = np.where(known, values, 0).sum(axis=0)[count > 0] / count[count > 0]
    changes = np.count_nonzero(np.diff(mean > 0))
    if changes > 1:
        raise NotMeasurable(FRINGES)
    position, _ = crossings(mean[None], offsets[count > 0], 0.0)
    if changes == 0 or np.isnan(position[0]):
        raise NotMeasurable(NO_EDGE)
    return float(position[0])
