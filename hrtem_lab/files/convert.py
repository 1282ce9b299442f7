"""Images as a program holds them (an array, a HyperSpy signal, the path of a file) to micrographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from hrtem_lab.files.frames import Frames
from hrtem_lab.files.image_table import find_image_table
from hrtem_lab.files.pixel_size import SizesGiven
from hrtem_lab.files.read import build_micrograph, read
from hrtem_lab.files.rosettasciio import build_frames
from hrtem_lab.files.selection import select_micrographs
from hrtem_lab.micrograph import InputError, Micrograph

ARRAY, SIGNAL = "image", "signal"
"""Names of micrographs that come from an array, and from a signal without a title."""


@runtime_checkable
class HyperSpySignal(Protocol):
    """The part of a HyperSpy signal that is read: the data, their axes, and the metadata."""

    data: Any
    axes_manager: Any
    metadata: Any
    original_metadata: Any


ImageLike = Micrograph | npt.NDArray[Any] | str | Path | HyperSpySignal
"""An image in any form that `to_micrograph` takes."""


def to_micrograph(image: ImageLike, pixel_size_nm: float | None = None) -> Micrograph:
    """Convert an image to a micrograph, as `read` does with that of a file: calibrated, and with empty borders masked.

    Args:
        image: An array (rows, columns), a HyperSpy signal, or the path of a file. A micrograph is returned as it is.
        pixel_size_nm: Side length of a pixel in nm, used only where the image itself and the `metadata.csv` beside its
            file do not say it. An array needs it.

    Raises:
        InputError: The pixel size is not known, there is more than one image, or the image cannot be read.
    """
    if isinstance(image, Micrograph):
        return image
    if isinstance(image, str | Path):
        path = Path(image).expanduser()
        micrographs = read(path, pixel_size_nm, tables=[find_image_table(path.parent)])
        _check_single(len(micrographs), path.name)
        return micrographs[0]
    if isinstance(image, HyperSpySignal):
        (frames,) = select_micrographs([_signal_frames(image)], None, SIGNAL).stacks
        _check_single(frames.count, SIGNAL)
        return _build(frames, pixel_size_nm, frames.title or SIGNAL)
    pixels = np.asarray(image)
    if pixels.ndim != 2 or pixels.dtype.kind not in "biuf":
        raise InputError(
            f"{ARRAY}: an array of {pixels.dtype} with the shape {pixels.shape}, expected numbers (rows, columns)"
        )
    if pixel_size_nm is None:
        raise InputError(f"{ARRAY}: an array says no pixel size; give pixel_size_nm, the side length of a pixel in nm")
    return _build(Frames(pixels.copy()), pixel_size_nm, ARRAY)


def _build(frames: Frames, pixel_size_nm: float | None, name: str) -> Micrograph:
    """The micrograph of a single image in memory."""
    size = SizesGiven(pixel_size_nm).choose(frames, Path(name), name)
    return build_micrograph(frames, size, name, Path(name))


def _signal_frames(signal: HyperSpySignal) -> Frames:
    """The data set of a HyperSpy signal, which describes it as RosettaSciIO does."""
    return build_frames(
        {
            "data": np.array(signal.data),
            "axes": list(signal.axes_manager.as_dictionary().values()),
            "metadata": signal.metadata.as_dictionary(),
            "original_metadata": signal.original_metadata.as_dictionary(),
        }
    )


def _check_single(images: int, name: str) -> None:
    """Refuse several images where one is expected.

    Raises:
        InputError: There are several.
    """
    if images != 1:
        raise InputError(
            f"{name}: holds {images} images, expected one; choose it (hrtem_lab.read lists those of a file, and takes "
            "frames=... and signal=...)"
        )
