"""Sizes and shapes of particles, in nm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import binary_dilation
from scipy.spatial import KDTree

from hrtem_lab.micrograph import BoolArray, InputError, IntArray
from hrtem_lab.particles.crops import Box, boxes
from hrtem_lab.particles.edge import Edge
from hrtem_lab.particles.outline import Outline, mask_curves, measure_outline

MEASUREMENTS = (
    "row_nm", "column_nm", "row_px", "column_px", "area_nm2", "equivalent_diameter_nm", "feret_max_nm", "feret_min_nm",
    "aspect_ratio", "circularity", "solidity", "eccentricity", "orientation_deg", "perimeter_nm", "box_rows_px",
    "box_columns_px", "touches_edge", "neighbour_nm", "shape",
    "area_se_nm2", "equivalent_diameter_se_nm", "feret_max_se_nm", "feret_min_se_nm",
)  # fmt: skip
"""Columns of `measure`."""
HALF_CONTRAST_MEASUREMENTS = (
    "area_half_contrast_nm2", "equivalent_diameter_half_contrast_nm", "feret_max_half_contrast_nm",
    "feret_min_half_contrast_nm", "aspect_ratio_half_contrast", "circularity_half_contrast", "solidity_half_contrast",
    "perimeter_half_contrast_nm", "shape_half_contrast", "area_half_contrast_se_nm2",
    "equivalent_diameter_half_contrast_se_nm", "feret_max_half_contrast_se_nm", "feret_min_half_contrast_se_nm",
    "half_contrast_reason",
)  # fmt: skip
"""Columns of `measure_half_contrast`."""
VALID_MARGIN_PX = 2
"""Distance from what is not valid up to which a particle touches it: outlines shrink a little beside an even area."""

Columns = dict[str, npt.NDArray[Any]]


def measure(
    instances: IntArray,
    pixel_size_nm: float,
    valid: BoolArray | None = None,
    edges: Mapping[int, Edge] | None = None,
) -> pd.DataFrame:
    """Measure every particle.

    Sizes and shapes are those of the polygons of the edges, where these are given. Else the area is that of the pixels,
    and Feret diameters, perimeter and hull are those of the outline at half height of the mask after a Gaussian of 1
    px: without it, a straight edge that is not along the pixels reads as a staircase, up to 8 % too long. Expect a
    caliper of a mask to be right to half a pixel, and to lose 0.8 px at the tip of a right angle.

    Args:
        instances: (rows, columns), 0 = background; numbers may have gaps.
        pixel_size_nm: Side length of a pixel.
        valid: True where the image shows the specimen, (rows, columns); None where it does everywhere.
        edges: Edge of every particle by its number, as from `hrtem_lab.particles.geometric_edges`; None for masks.

    Returns:
        One row per particle, indexed by `particle`, its number:

        - `row_nm`, `column_nm`, `row_px`, `column_px`: centroid of its pixels; the centre of the first pixel is 0.
        - `area_nm2`; `equivalent_diameter_nm` of the disc of the same area; `perimeter_nm`, holes included.
        - `feret_max_nm`, `feret_min_nm`: largest and smallest caliper; `aspect_ratio`, their ratio.
        - `circularity`: 4 pi area / perimeter^2, at most 1. `solidity`: area / area of the convex hull, at most 1.
        - `eccentricity`, `orientation_deg`: of the ellipse of the same second moments; its long axis, counterclockwise
          from the direction of columns as seen on a screen, in [0, 180), `nan` where no direction is longer.
        - `box_rows_px`, `box_columns_px`: side lengths of the bounding box, whole pixels.
        - `touches_edge`: it has a pixel on the border of the image, or beside what is not valid, so that its size is a
          lower bound.
        - `neighbour_nm`: from its centroid to the nearest other one; `nan` for a particle alone.
        - `shape`: `round`, `faceted`, `elongated` or `irregular` (see `hrtem_lab.particles.outline`); None below 12 px,
          and an octagon or a polygon of more sides is round.
        - `area_se_nm2`, `equivalent_diameter_se_nm`, `feret_max_se_nm`, `feret_min_se_nm`: standard errors; `nan` for
          masks alone.

    Raises:
        InputError: The pixel size is not positive.
    """
    if not pixel_size_nm > 0:
        raise InputError(f"pixel_size_nm is {pixel_size_nm}, expected a positive number of nm")
    masks = {number: (box, instances[box] == number) for number, box in boxes(instances)}
    numbers = np.array(list(masks), dtype=int)
    if edges is None:
        outlines = [measure_outline(mask_curves(mask), float(np.count_nonzero(mask))) for _, mask in masks.values()]
        edges = dict.fromkeys(masks, Edge())
    else:
        outlines = [measure_outline(edges[number].curves) for number in masks]
    regions = _moments(list(masks.values()))
    values = (
        _position(regions, pixel_size_nm)
        | _size_and_shape(outlines, pixel_size_nm)
        | _standard_errors([edges[number] for number in masks], outlines, pixel_size_nm)
        | _ellipse(regions)
        | {"touches_edge": np.isin(numbers, _on_edge(instances, valid))}
    )
    return pd.DataFrame(values, index=pd.Index(numbers, name="particle"), columns=MEASUREMENTS)


def measure_half_contrast(edges: Mapping[int, Edge], pixel_size_nm: float) -> pd.DataFrame:
    """Measure the half-contrast outline of every particle.

    Args:
        edges: Edge of every particle by its number, as from `hrtem_lab.particles.half_contrast_edges`.
        pixel_size_nm: Side length of a pixel.

    Returns:
        One row per particle, indexed by `particle`: sizes, shapes and standard errors as from `measure`, their names
        with `half_contrast` before the unit, and `half_contrast_reason` where there are none.
    """
    measured = [number for number, edge in edges.items() if not edge.reason]
    outlines = [measure_outline(edges[number].curves) for number in measured]
    values = _size_and_shape(outlines, pixel_size_nm)
    values |= _standard_errors([edges[number] for number in measured], outlines, pixel_size_nm)
    table = pd.DataFrame(values, index=measured).rename(columns=half_contrast_name)
    reasons = pd.Series({number: edge.reason or None for number, edge in edges.items()}, dtype=object)
    table = table.reindex(pd.Index(edges, dtype=int, name="particle")).assign(half_contrast_reason=reasons)
    return table[list(HALF_CONTRAST_MEASUREMENTS)]


def half_contrast_name(name: str) -> str:
    """Name of the column of the half-contrast outline that corresponds to one of `measure`."""
    return re.sub(r"(_se)?(_nm2|_nm)?$", r"_half_contrast\g<0>", name, count=1)


def _moments(masks: list[tuple[Box, BoolArray]]) -> Columns:
    """Columns of centroid, second central moments and side lengths of masks in their boxes, in pixels."""
    rows = []
    for (box_rows, box_columns), mask in masks:
        sums = cv2.moments(mask.view(np.uint8), binaryImage=True)
        area = sums["m00"]
        centroid = box_rows.start + sums["m01"] / area, box_columns.start + sums["m10"] / area
        rows.append((*centroid, sums["mu02"] / area, sums["mu20"] / area, sums["mu11"] / area, *mask.shape))
    names = ("row", "column", "row_variance", "column_variance", "covariance", "box_rows", "box_columns")
    return dict(zip(names, np.array(rows, dtype=np.float64).reshape(-1, len(names)).T, strict=True))


def _position(regions: Columns, pixel_size_nm: float) -> Columns:
    """Columns of centroid, bounding box and nearest neighbour."""
    row, column = regions["row"], regions["column"]
    return {
        "row_nm": row * pixel_size_nm,
        "column_nm": column * pixel_size_nm,
        "row_px": row,
        "column_px": column,
        "box_rows_px": regions["box_rows"].astype(int),
        "box_columns_px": regions["box_columns"].astype(int),
        "neighbour_nm": _nearest_distance(np.column_stack([row, column])) * pixel_size_nm,
    }


def _size_and_shape(outlines: list[Outline], pixel_size_nm: float) -> Columns:
    """Columns of area, calipers and shape."""
    numbers = [(o.area, o.feret_max, o.feret_min, o.perimeter, o.hull_area) for o in outlines]
    area, feret_max, feret_min, perimeter, hull_area = np.array(numbers, dtype=np.float64).reshape(-1, 5).T
    return {
        "area_nm2": area * pixel_size_nm**2,
        "equivalent_diameter_nm": np.sqrt(4 / np.pi * area) * pixel_size_nm,
        "feret_max_nm": feret_max * pixel_size_nm,
        "feret_min_nm": feret_min * pixel_size_nm,
        "aspect_ratio": feret_max / feret_min,
        "circularity": np.minimum(4 * np.pi * area / perimeter**2, 1),
        "solidity": np.minimum(area / hull_area, 1),
        "perimeter_nm": perimeter * pixel_size_nm,
        "shape": np.array([o.shape for o in outlines], dtype=object),
    }


def _standard_errors(edges: list[Edge], outlines: list[Outline], pixel_size_nm: float) -> Columns:
    """Columns of the standard errors: an edge that moves by x adds x times its length to the area.

    At the two ends of a caliper, the local errors are independent, and that of the mean is the same.
    """
    mean_nm, local_nm = np.array([(e.mean_se_nm, e.local_se_nm) for e in edges], dtype=np.float64).reshape(-1, 2).T
    area_nm2, length_nm = (
        np.array([(o.area * pixel_size_nm**2, o.perimeter * pixel_size_nm) for o in outlines]).reshape(-1, 2).T
    )
    caliper_nm = np.sqrt(2 * (local_nm**2 + mean_nm**2))
    return {
        "area_se_nm2": length_nm * mean_nm,
        "equivalent_diameter_se_nm": length_nm * mean_nm / np.sqrt(np.pi * area_nm2),
        "feret_max_se_nm": caliper_nm,
        "feret_min_se_nm": caliper_nm,
    }


def _ellipse(regions: Columns) -> Columns:
    """Columns of the ellipse of the same second moments."""
    row, column, mixed = (regions[name] for name in ("row_variance", "column_variance", "covariance"))
    mean, spread = (row + column) / 2, np.hypot((row - column) / 2, mixed)  # the squared axes are mean +- spread
    eccentricity = np.sqrt(np.divide(2 * spread, mean + spread, out=np.zeros_like(mean), where=mean > 0))
    eccentricity = np.minimum(eccentricity, 1.0)
    tilt = np.rad2deg(np.arctan2(2 * mixed, row - column) / 2) - 90  # counted from the direction of rows before
    return {
        "eccentricity": eccentricity,
        "orientation_deg": np.where(eccentricity > 1e-6, np.round(tilt, 9) % 180, np.nan),
    }


def _nearest_distance(centroids: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Distance from each point, (n, 2), to the nearest other one, (n,); `nan` where there is none."""
    distance: npt.NDArray[np.float64] = KDTree(centroids).query(centroids, k=2)[0].reshape(-1, 2)[:, 1]
    return np.where(np.isfinite(distance), distance, np.nan)


def _on_edge(instances: IntArray, valid: BoolArray | None) -> npt.NDArray[np.int32]:
    """The numbers on the border of the image and of what is valid in it."""
    border = [instances[[0, -1]].ravel(), instances[:, [0, -1]].ravel()]
    if valid is not None:
        border.append(instances[binary_dilation(~valid, iterations=VALID_MARGIN_PX)])
    return np.unique(np.concatenate(border))
