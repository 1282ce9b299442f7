"""Particles cut out of their micrograph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects, uniform_filter

from hrtem_lab.micrograph import BoolArray, InputError, IntArray

Box = tuple[slice, slice]


def boxes(instances: IntArray, margin_px: int = 0) -> Iterator[tuple[int, Box]]:
    """Yield each particle's number, in order, and its bounding box with a margin, cut at the border of the image."""
    for particle, box in enumerate(find_objects(instances), start=1):
        if box is not None:
            rows, columns = (slice(max(side.start - margin_px, 0), side.stop + margin_px) for side in box)
            yield particle, (rows, columns)


def crops(
    image: npt.NDArray[Any], instances: IntArray, margin_px: int = 0
) -> Iterator[tuple[int, npt.NDArray[Any], BoolArray]]:
    """Yield each particle's number, its part of the image (a view) and its mask there.

    Args:
        image: (rows, columns).
        instances: The same shape, 0 = background; numbers may have gaps.
        margin_px: Width of the margin around the bounding box; narrower where the image ends.

    Raises:
        InputError: The shapes differ.
    """
    check_shapes(image, instances)
    for particle, box in boxes(instances, margin_px):
        yield particle, image[box], instances[box] == particle


def crop(
    image: npt.NDArray[Any], instances: IntArray, particle: int, margin_px: int = 0
) -> tuple[npt.NDArray[Any], BoolArray]:
    """Cut one particle out; arguments as for `crops`.

    Returns:
        The particle's part of the image (a view), and its mask there.

    Raises:
        InputError: The shapes differ, or there is no such particle.
    """
    check_shapes(image, instances)
    box = dict(boxes((instances == particle).astype(np.int32), margin_px)).get(1)
    if box is None or particle < 1:
        raise InputError(f"there is no particle {particle}; the instances go up to {instances.max(initial=0)}")
    return image[box], instances[box] == particle


def densest_window(weight: npt.NDArray[Any], side_px: int) -> Box:
    """Find the window of at most `side_px` along each axis in which a map of weights has the largest sum.

    The search is on a coarser grid with steps of a sixteenth of the side.

    Args:
        weight: (rows, columns), at least 0.
        side_px: Side length of the window.
    """
    step = max(side_px // 16, 1)
    coarse = weight[::step, ::step].astype(np.float64)
    sums = uniform_filter(coarse, max(side_px // step, 1), mode="constant")
    middle = np.unravel_index(np.argmax(sums), sums.shape)
    starts = [
        int(np.clip(step * m - side_px // 2, 0, max(length - side_px, 0)))
        for m, length in zip(middle, weight.shape, strict=True)
    ]
    return slice(starts[0], starts[0] + side_px), slice(starts[1], starts[1] + side_px)


def check_shapes(image: npt.NDArray[Any], instances: IntArray) -> None:
    """Raise InputError where image and instances differ in shape."""
    if image.shape != instances.shape:
        raise InputError(f"the image has shape {image.shape}, its instances {instances.shape}; expected the same")
