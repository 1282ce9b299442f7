"""Detection of what programs burn into a picture: banners along its borders, and boxes with a scale bar in it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_fill_holes

from hrtem_lab.micrograph import BoolArray

GROUND = 0.4
"""Part of a banner's row, or of a box, that is of one value from which on the rest can be writing."""
ENDS_WITHIN_PX = 8
"""Distance within which a banner ends; it is that of a block of JPEG."""
MIN_BOX_PX = (12, 24)
"""Shortest height and length of a box, whichever way it lies."""
MAX_BOX = 0.5
"""Largest part of an image that a box can be."""
RECTANGULAR, RECTANGULAR_IF_FRAYED = 0.97, 0.75
"""Part of the rectangle around a box that it fills: exactly, and after a compression that frays its edges."""
RINGING = 3
"""Differences beside edges, such as those of writing, by the tolerance elsewhere."""
CONTRAST = 2.8
"""Distance of a box from the median of the image, in robust standard deviations."""
_OPENING = np.ones((5, 5), np.uint8)
_STRIDE = 4
"""Distance of the pixels of a first look: three by six of them are in the smallest box."""


def find_banners(image: npt.NDArray[Any], empty: BoolArray, tolerance: float) -> BoolArray:
    """Find bands along a border that are even in good part, or line by line of one value: a ground with writing in it.

    Args:
        image: (rows, columns).
        empty: Pixels that are known to show nothing, (rows, columns).
        tolerance: Largest difference from one value, 0 for files that keep values exactly.

    Returns:
        True in a banner, (rows, columns).
    """
    banners = np.zeros(image.shape, dtype=bool)
    for turns in range(4):
        rows = np.rot90(image, turns)
        height = _banner_height(rows, np.rot90(empty, turns), tolerance)
        np.rot90(banners, turns)[rows.shape[0] - height :] = True
    return banners


def _banner_height(image: npt.NDArray[Any], empty: BoolArray, tolerance: float) -> int:
    """Number of rows from the lower border up that are a banner.

    A banner reaches both sides and ends at once; where the rows become uneven little by little, they are a part of the
    picture.
    """
    half = image[::-1][: image.shape[0] // 2]
    lowest = half[:ENDS_WITHIN_PX][np.isfinite(half[:ENDS_WITHIN_PX])]
    if lowest.size == 0:
        return 0
    values, counts = np.unique(np.round(lowest), return_counts=True)
    if counts.max() < GROUND / 2 * lowest.size:
        return 0
    even = np.abs(half - values[counts.argmax()]) <= max(tolerance, 0.5)
    shares = np.maximum(even.mean(axis=1), empty[::-1][: half.shape[0]].mean(axis=1))
    is_line = half.max(axis=1) - half.min(axis=1) <= 4 * tolerance
    height = int((~((shares >= GROUND) | is_line)).argmax())
    if height < 2 or not _reaches_both_sides(half[:height], tolerance):
        return 0
    below, above = (
        shares[max(height - ENDS_WITHIN_PX, 0) : height].max(),
        shares[height : height + ENDS_WITHIN_PX].mean(),
    )
    return height if below - above >= GROUND else 0


def _reaches_both_sides(rows: npt.NDArray[Any], tolerance: float) -> bool:
    """Whether the pixels at both ends of some rows are of one value: those of the ground, or of a frame around it."""
    ends = rows[:, [0, -1]]
    return bool(((np.abs(ends - np.median(ends, axis=0)) <= 2 * tolerance).mean(axis=0) >= GROUND).all())


def find_boxes(image: npt.NDArray[Any], tolerance: float) -> BoolArray:
    """Find rectangles of one value, with or without writing in them, that stand out from the picture.

    Args:
        image: (rows, columns).
        tolerance: Largest difference of neighbours in a box, 0 for files that keep values exactly.

    Returns:
        True in a box, (rows, columns).
    """
    boxes = np.zeros(image.shape, dtype=bool)
    tolerance *= RINGING
    if not cv2.erode(_flat(image[::_STRIDE, ::_STRIDE], tolerance), np.ones((3, 3))).any():
        return boxes
    flat = cv2.morphologyEx(_flat(image, tolerance), cv2.MORPH_OPEN, _OPENING)
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(flat, connectivity=4)
    sides = statistics[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1]
    can_be = (sides.min(axis=1) >= MIN_BOX_PX[0]) & (sides.max(axis=1) >= MIN_BOX_PX[1])
    can_be &= sides.prod(axis=1) <= MAX_BOX * image.size
    candidates = np.flatnonzero(can_be[1:]) + 1
    for number in candidates:
        left, top, width, height, _ = statistics[number]
        place = slice(top, top + height), slice(left, left + width)
        boxes[place] |= _is_box(image[place], parts[place] == number, tolerance)
    if boxes.any():
        boxes = _that_stand_out(boxes, image)
    return _grow(boxes) if tolerance else boxes


def _is_box(pixels: npt.NDArray[Any], flat: BoolArray, tolerance: float) -> bool:
    """Whether a flat area fills the rectangle around it, but for writing in it, and is of one value in good part."""
    filled = float(binary_fill_holes(flat).mean())
    even = float((np.abs(pixels - np.median(pixels[flat])) <= tolerance).mean())
    return filled >= (RECTANGULAR_IF_FRAYED if tolerance else RECTANGULAR) and even >= GROUND


def _that_stand_out(boxes: BoolArray, image: npt.NDArray[Any]) -> BoolArray:
    """Select the boxes that are much darker or brighter than the rest of the image."""
    picture = image[~boxes & np.isfinite(image)]
    median = np.median(picture)
    distance = CONTRAST * 1.4826 * np.median(np.abs(picture - median))
    count, parts = cv2.connectedComponents(boxes.astype(np.uint8), connectivity=4)
    kept = [n for n in range(1, count) if abs(np.median(image[parts == n]) - median) > distance]
    standing_out: BoolArray = np.isin(parts, kept)
    return standing_out


def _flat(image: npt.NDArray[Any], tolerance: float) -> npt.NDArray[np.uint8]:
    """1 where a pixel has the value of a neighbour in its row and of one in its column."""
    with np.errstate(invalid="ignore"):  # infinite pixels are not flat
        beside, below = (np.abs(np.diff(image, axis=axis)) <= tolerance for axis in (1, 0))
    in_row, in_column = (np.zeros(image.shape, dtype=bool) for _ in range(2))
    in_row[:, 1:], in_column[1:] = beside, below
    in_row[:, :-1] |= beside
    in_column[:-1] |= below
    flat: npt.NDArray[np.uint8] = (in_row & in_column).astype(np.uint8)
    return flat


def _grow(boxes: BoolArray) -> BoolArray:
    """Boxes with the rims that a compression frays."""
    return cv2.dilate(boxes.astype(np.uint8), _OPENING).astype(bool)
