"""Detection of the parts of an image that show nothing: empty borders after an alignment or a rotation, and banners."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hrtem_lab.micrograph import BoolArray, FloatArray
from hrtem_lab.void.burnt_in import find_banners, find_boxes

MIN_SIDE_PX = 32
"""Smallest image in which a border is looked for."""
MIN_RUN_PX = 8
"""Fewest equal pixels along the border from a corner that are worth a closer look."""
MAX_GAP_PX = 1.0
"""Mean distance between an area and its convex hull up to which its edges count as straight."""
MIN_PICTURE = 0.02
"""Smallest part of an image that can be its picture."""
MIN_GREY_LEVELS = 8
"""Fewest grey levels of a picture; a drawing on an even ground has fewer."""
MAX_SPECKS = 0.002
"""Number of specks by the pixels of a void up to which it is one; rare counts of a detector leave more."""
SPECK_PX = 4
"""Largest area of a speck."""

Bytes = npt.NDArray[np.uint8]


def mask_void(image: npt.NDArray[Any], tolerance: float = 0.0) -> tuple[FloatArray, BoolArray | None]:
    """Fill what shows nothing with the median of the rest.

    Args:
        image: (rows, columns).
        tolerance: As for `find_void`.

    Returns:
        The image in float32, contiguous and writable, and True where it shows something, as `Micrograph` takes them.
    """
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused by the contract
        pixels = np.require(image, np.float32, ["C_CONTIGUOUS", "WRITEABLE", "ENSUREARRAY"])
    void = find_void(pixels, tolerance)
    if void is None:
        return pixels, None
    return np.where(void, np.median(pixels[~void]), pixels).astype(np.float32), ~void


def find_void(image: npt.NDArray[Any], tolerance: float = 0.0) -> BoolArray | None:
    """Find the areas of one value, or of NaN, that reach from a corner along the border and have straight edges.

    An alignment leaves bands, a rotation triangles, and both a frame around a convex picture; a banner is a band with
    writing in it. Where a detector or the contrast of a picture is saturated, the edges are ragged.

    Args:
        image: (rows, columns).
        tolerance: Largest difference from one value, 0 for files that keep values exactly.

    Returns:
        True where nothing is shown, (rows, columns); None where something is shown everywhere.
    """
    if min(image.shape) < MIN_SIDE_PX or not _is_picture(image):
        return None
    missing = ~np.isfinite(image)
    empty = _reachable_nan(missing) | _even_corners(image, missing, tolerance)
    void = _straighten(_largest_part(~empty), missing) if empty.any() else None
    if void is not None and tolerance == 0 and _is_speckled(void, empty):
        return None
    if void is None:
        with_banners = empty | find_banners(image, empty, tolerance)
        void = _straighten(_largest_part(~with_banners), missing)
    if void is None:
        void = _straight_parts(empty) | _reachable_nan(missing)
    void |= find_boxes(image, tolerance)
    if not void.any() or np.count_nonzero(~void) < MIN_PICTURE * image.size or not _is_picture(image[~void]):
        return None
    return void


def _reachable_nan(missing: BoolArray) -> BoolArray:
    """NaN or infinite areas at the border; single pixels are defects of the picture."""
    if not missing.any():
        return missing
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(missing.astype(np.uint8), connectivity=4)
    border = np.unique(np.concatenate([parts[[0, -1]].ravel(), parts[:, [0, -1]].ravel()]))
    large = [n for n in border if n > 0 and statistics[n, cv2.CC_STAT_AREA] >= 2 * MIN_RUN_PX]
    at_border: BoolArray = np.isin(parts, large) & (count > 1)
    return at_border


def _even_corners(image: npt.NDArray[Any], missing: BoolArray, tolerance: float) -> BoolArray:
    """Areas that have the value of the corner from which they can be reached."""
    rows, columns = image.shape
    empty = np.zeros(image.shape, dtype=bool)
    for row, column in ((0, 0), (0, columns - 1), (rows - 1, 0), (rows - 1, columns - 1)):
        if empty[row, column] or missing[row, column]:
            continue
        value = image[row, column]
        runs = _run(image[row] - value, column, tolerance), _run(image[:, column] - value, row, tolerance)
        if max(runs) < MIN_RUN_PX:
            continue
        even: Bytes = (np.abs(image - value) <= tolerance).astype(np.uint8)
        cv2.floodFill(even, None, (column, row), (2,), flags=4)
        part = even == 2
        if np.count_nonzero(part) >= max(2 * MIN_RUN_PX, min(rows, columns) // 4):
            empty |= part
    return empty


def _run(differences: npt.NDArray[Any], start: int, tolerance: float) -> int:
    """Number of values next to each other, from the first or the last, that do not differ."""
    even = np.abs(differences if start == 0 else differences[::-1]) <= tolerance
    return int(even.size if even.all() else even.argmin())


def _largest_part(mask: BoolArray) -> BoolArray:
    """The largest connected part: writing and islands in the void are none of the picture."""
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    largest: BoolArray = parts == 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())
    return largest


def _straighten(picture: BoolArray, missing: BoolArray) -> BoolArray | None:
    """The area outside the convex hull of a picture with straight edges; None where its edges are ragged."""
    hull, gap = _hull(picture)
    outside: BoolArray = ~hull | (missing & ~picture)
    return outside if gap <= MAX_GAP_PX and outside.any() else None


def _is_speckled(void: BoolArray, empty: BoolArray) -> bool:
    """Whether a void is one of rare counts, such as the vacuum around a particle in an image of few electrons.

    A compression leaves specks as well, beside what is written in a banner.
    """
    specks = (void & ~empty).astype(np.uint8)
    _, _, statistics, _ = cv2.connectedComponentsWithStats(specks, connectivity=4)
    small = np.count_nonzero(statistics[1:, cv2.CC_STAT_AREA] <= SPECK_PX)
    return bool(small > MAX_SPECKS * np.count_nonzero(void))


def _straight_parts(empty: BoolArray) -> BoolArray:
    """Select the empty areas that have straight edges by themselves."""
    count, parts = cv2.connectedComponents(empty.astype(np.uint8), connectivity=4)
    straight = np.zeros_like(empty)
    for number in range(1, count):
        part: BoolArray = ~_largest_part(parts != number)  # with the writing in it
        if _hull(part)[1] <= MAX_GAP_PX:
            straight |= part
    return straight


def _hull(area: BoolArray) -> tuple[BoolArray, float]:
    """The convex hull of an area, and how far it is from the area: pixels between them by its perimeter."""
    rows = np.flatnonzero(area.any(axis=1))
    if rows.size == 0:
        return np.zeros_like(area), np.inf
    first, last = area[rows].argmax(axis=1), area.shape[1] - 1 - area[rows, ::-1].argmax(axis=1)
    ends = np.concatenate([np.column_stack([first, rows]), np.column_stack([last, rows])])
    corners = cv2.convexHull(ends.astype(np.int32))
    filled: Bytes = np.zeros(area.shape, dtype=np.uint8)
    cv2.fillConvexPoly(filled, corners, (1,))
    hull: BoolArray = filled.astype(bool)
    perimeter = max(float(cv2.arcLength(corners, True)), 1.0)
    return hull, np.count_nonzero(hull & ~area) / perimeter


def _is_picture(values: npt.NDArray[Any]) -> bool:
    """Whether pixels have as many grey levels as a picture has."""
    some = values.ravel()[:: max(1, values.size // 20_000)]
    return np.unique(some[np.isfinite(some)]).size >= MIN_GREY_LEVELS
