"""Sizes and shapes of particles, in nm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage.measure import find_contours, regionprops, regionprops_table

from hrtem_lab.micrograph import BoolArray, InputError, IntArray

COLUMNS = (
    "row_nm", "column_nm", "row_px", "column_px", "area_nm2", "equivalent_diameter_nm", "feret_max_nm", "feret_min_nm",
    "aspect_ratio", "circularity", "solidity", "eccentricity", "orientation_deg", "perimeter_nm", "box_rows_px",
    "box_columns_px", "touches_edge",
)  # fmt: skip
BASICS = ("label", "area", "bbox", "centroid", "eccentricity", "orientation")
STAIRCASE_PX = 1.0
"""Gaussian that takes the staircase off an outline; a disc's perimeter is then right to 1 % from 20 px on."""
THIN = 0.7
"""Largest value of a smoothed mask below which the particle is less than 3 px thick and keeps its staircase."""


def measure(instances: IntArray, pixel_size_nm: float) -> pd.DataFrame:
    """Measures every particle.

    The area is that of the pixels. Feret diameters, perimeter and hull are those of the outline at half height of the
    mask after a Gaussian of 1 px: without it, a straight edge that is not along the pixels reads as a staircase, up to
    8 % too long. Expect a caliper to be right to half a pixel, and to lose 0.8 px at the tip of a right angle.

    Args:
        instances: (rows, columns), 0 = background; numbers may have gaps.
        pixel_size_nm: Edge of a pixel.

    Returns:
        One row per particle, indexed by `particle`, its number:

        - `row_nm`, `column_nm`, `row_px`, `column_px`: centroid; the centre of the first pixel is 0.
        - `area_nm2`; `equivalent_diameter_nm` of the disc of the same area; `perimeter_nm`, holes included.
        - `feret_max_nm`, `feret_min_nm`: largest and smallest caliper; `aspect_ratio`, their ratio.
        - `circularity`: 4 pi area / perimeter^2, at most 1. `solidity`: area / area of the convex hull, at most 1.
        - `eccentricity`, `orientation_deg`: of the ellipse of the same second moments; its long axis, counterclockwise
          from the direction of columns as seen on a screen, in [0, 180), `nan` where no direction is longer.
        - `box_rows_px`, `box_columns_px`: edges of the bounding box, whole pixels.
        - `touches_edge`: it has a pixel on the border of the image, so that its size is a lower bound.

    Raises:
        InputError: The pixel size is not positive.
    """
    if not pixel_size_nm > 0:
        raise InputError(f"pixel_size_nm is {pixel_size_nm}, expected a positive number of nm")
    basics = regionprops_table(instances, properties=BASICS)
    outlines = [_outline(region.image) for region in regionprops(instances)]
    feret_max, feret_min, perimeter, hull_area = np.array(outlines, dtype=np.float64).reshape(-1, 4).T
    row, column, area = basics["centroid-0"], basics["centroid-1"], basics["area"].astype(np.float64)
    tilt = np.rad2deg(basics["orientation"]) - 90  # scikit-image counts from the direction of rows
    values = {
        "row_nm": row * pixel_size_nm,
        "column_nm": column * pixel_size_nm,
        "row_px": row,
        "column_px": column,
        "area_nm2": area * pixel_size_nm**2,
        "equivalent_diameter_nm": np.sqrt(4 / np.pi * area) * pixel_size_nm,
        "feret_max_nm": feret_max * pixel_size_nm,
        "feret_min_nm": feret_min * pixel_size_nm,
        "aspect_ratio": feret_max / feret_min,
        "circularity": np.minimum(4 * np.pi * area / perimeter**2, 1),
        "solidity": np.minimum(area / hull_area, 1),
        "eccentricity": basics["eccentricity"].astype(np.float64),
        "orientation_deg": np.where(basics["eccentricity"] > 1e-6, np.round(tilt, 9) % 180, np.nan),
        "perimeter_nm": perimeter * pixel_size_nm,
        "box_rows_px": basics["bbox-2"] - basics["bbox-0"],
        "box_columns_px": basics["bbox-3"] - basics["bbox-1"],
        "touches_edge": np.isin(basics["label"], _on_edge(instances)),
    }
    return pd.DataFrame(values, index=pd.Index(basics["label"], name="particle"), columns=COLUMNS)


def _outline(particle: BoolArray) -> tuple[float, float, float, float]:
    """Largest and smallest caliper, perimeter and hull area of one particle in its bounding box, in pixels.

    The smallest caliper of a convex polygon lies across one of its sides (Toussaint 1983, rotating calipers), the
    largest joins two of its corners.
    """
    padded = np.pad(particle, 3).astype(np.float64)
    smooth = gaussian_filter(padded, STAIRCASE_PX)
    contours = find_contours(smooth if smooth.max() > THIN else padded, 0.5)
    points = np.concatenate(contours)
    hull = ConvexHull(points)
    corners = points[hull.vertices]
    across = corners @ hull.equations[:, :2].T  # (corners, sides): distance along the normal of each side
    perimeter = sum(np.hypot(*np.diff(contour, axis=0).T).sum() for contour in contours)
    return pdist(corners).max(), np.ptp(across, axis=0).min(), perimeter, hull.volume


def _on_edge(instances: IntArray) -> npt.NDArray[np.int32]:
    """The numbers on the border of the image."""
    return np.unique(np.concatenate([instances[[0, -1]].ravel(), instances[:, [0, -1]].ravel()]))
