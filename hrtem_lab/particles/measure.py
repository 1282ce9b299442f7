"""Sizes and shapes of particles, in nm."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import binary_dilation
from scipy.spatial import KDTree
from skimage.measure import regionprops, regionprops_table

from hrtem_lab.micrograph import BoolArray, InputError, IntArray
from hrtem_lab.particles.outline import Outline, measure_outline

MEASUREMENTS = (
    "row_nm", "column_nm", "row_px", "column_px", "area_nm2", "equivalent_diameter_nm", "feret_max_nm", "feret_min_nm",
    "aspect_ratio", "circularity", "solidity", "eccentricity", "orientation_deg", "perimeter_nm", "box_rows_px",
    "box_columns_px", "touches_edge", "neighbour_nm", "shape",
)  # fmt: skip
"""Columns of `measure`."""
REGION_PROPERTIES = ("label", "area", "bbox", "centroid", "eccentricity", "orientation")
"""Properties of scikit-image that need no outline."""

VALID_MARGIN_PX = 2
"""Distance from what is not valid up to which a particle touches it: outlines shrink a little beside an even area."""

Columns = dict[str, npt.NDArray[Any]]


def measure(instances: IntArray, pixel_size_nm: float, valid: BoolArray | None = None) -> pd.DataFrame:
    """Measure every particle.

    The area is that of the pixels. Feret diameters, perimeter and hull are those of the outline at half height of the
    mask after a Gaussian of 1 px: without it, a straight edge that is not along the pixels reads as a staircase, up to
    8 % too long. Expect a caliper to be right to half a pixel, and to lose 0.8 px at the tip of a right angle.

    Args:
        instances: (rows, columns), 0 = background; numbers may have gaps.
        pixel_size_nm: Side length of a pixel.
        valid: True where the image shows the specimen, (rows, columns); None where it does everywhere.

    Returns:
        One row per particle, indexed by `particle`, its number:

        - `row_nm`, `column_nm`, `row_px`, `column_px`: centroid; the centre of the first pixel is 0.
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

    Raises:
        InputError: The pixel size is not positive.
    """
    if not pixel_size_nm > 0:
        raise InputError(f"pixel_size_nm is {pixel_size_nm}, expected a positive number of nm")
    regions = regionprops_table(instances, properties=REGION_PROPERTIES)
    outlines = [measure_outline(region.image) for region in regionprops(instances)]
    values = (
        _position(regions, pixel_size_nm)
        | _size_and_shape(regions["area"].astype(np.float64), outlines, pixel_size_nm)
        | _ellipse(regions)
        | {"touches_edge": np.isin(regions["label"], _on_edge(instances, valid))}
    )
    return pd.DataFrame(values, index=pd.Index(regions["label"], name="particle"), columns=MEASUREMENTS)


def _position(regions: Columns, pixel_size_nm: float) -> Columns:
    """Columns of centroid, bounding box and nearest neighbour."""
    row, column = regions["centroid-0"], regions["centroid-1"]
    return {
        "row_nm": row * pixel_size_nm,
        "column_nm": column * pixel_size_nm,
        "row_px": row,
        "column_px": column,
        "box_rows_px": regions["bbox-2"] - regions["bbox-0"],
        "box_columns_px": regions["bbox-3"] - regions["bbox-1"],
        "neighbour_nm": _nearest_distance(np.column_stack([row, column])) * pixel_size_nm,
    }


def _size_and_shape(area: npt.NDArray[np.float64], outlines: list[Outline], pixel_size_nm: float) -> Columns:
    """Columns of area, calipers and shape.

    Args:
        area: In pixels, (particles,).
        outlines: Outline of each particle.
        pixel_size_nm: Side length of a pixel.
    """
    lengths = [(o.feret_max, o.feret_min, o.perimeter, o.hull_area) for o in outlines]
    feret_max, feret_min, perimeter, hull_area = np.array(lengths, dtype=np.float64).reshape(-1, 4).T
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


def _ellipse(regions: Columns) -> Columns:
    """Columns of the ellipse of the same second moments."""
    tilt = np.rad2deg(regions["orientation"]) - 90  # scikit-image counts from the direction of rows
    eccentricity = regions["eccentricity"].astype(np.float64)
    return {
        "eccentricity": eccentricity,
        "orientation_deg": np.where(regions["eccentricity"] > 1e-6, np.round(tilt, 9) % 180, np.nan),
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
