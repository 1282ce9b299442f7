"""Turning of images by the tag Orientation of TIFF and EXIF, which says how they are to be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

QUARTER_TURNS = (5, 6, 7, 8)
"""Orientations in which rows and columns are exchanged."""


def turn(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Turn images, (..., rows, columns), by their orientation from 1 (as they are) to 8."""
    if orientation in QUARTER_TURNS:
        pixels = np.swapaxes(pixels, -1, -2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[..., ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[..., ::-1, :]
    return pixels


def turn_metadata(orientation: int) -> dict[str, int]:
    """The orientation as a micrograph's metadata say it; nothing where the image is as it is to be seen."""
    return {} if orientation == 1 else {"orientation": orientation}


def turn_note(orientation: int) -> tuple[str, ...]:
    """A line for the user where an image was turned; a label drawn by a program that does not turn it does not fit."""
    if orientation == 1:
        return ()
    return ("the image was turned as its orientation tag says; a label has to be turned likewise",)
