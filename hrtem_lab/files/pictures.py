"""PNG and JPEG through Pillow: pictures that know nothing of a microscope."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from hrtem_lab.files.frames import Frames, grey
from hrtem_lab.files.orientation import turn, turn_metadata, turn_note

_ORIENTATION_TAG = 274


def read_picture(path: Path) -> list[Frames]:
    """Read a PNG or JPEG of any size.

    Colours become grey, alpha is ignored, print resolution is no calibration, and what the camera held turned is turned
    back.
    """
    with open_picture(path) as picture:
        orientation = picture_orientation(picture)
        deep = read_deep_png(path)
        pixels = turn(_to_grey(picture) if deep is None else grey(list(np.moveaxis(deep, -1, 0))), orientation)
    return [Frames(pixels, metadata=turn_metadata(orientation), notes=turn_note(orientation))]


def picture_orientation(picture: Image.Image) -> int:
    """Orientation of an open picture, from 1 (as it is) to 8."""
    orientation = picture.getexif().get(_ORIENTATION_TAG, 1)
    return orientation if orientation in range(1, 9) else 1


def read_deep_png(path: Path) -> npt.NDArray[np.uint16] | None:
    """Read a PNG with 16 bits in each of several channels, of which Pillow keeps the upper 8 alone.

    Returns:
        Red, green, blue and, where there is one, alpha, (rows, columns, 3 or 4); None for any other file.
    """
    with path.open("rb") as file:
        header = file.read(26)
    if not header.startswith(b"\x89PNG") or header[24:25] != b"\x10" or header[25:26] == b"\0":
        return None
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("the compressed pixels are damaged")
    return pixels[..., [2, 1, 0, *range(3, pixels.shape[-1])]].astype(np.uint16)


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture without Pillow's limit on pixels, which guards servers against crafted files."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(path) as picture:
            yield picture
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _to_grey(picture: Image.Image) -> npt.NDArray[Any]:
    if picture.mode in ("1", "L", "I", "F") or picture.mode.startswith("I;"):
        return np.asarray(picture)
    if picture.mode == "LA":
        return np.asarray(picture.getchannel("L"))
    return grey([np.asarray(channel) for channel in picture.convert("RGB").split()])
