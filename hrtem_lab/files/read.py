"""Any supported file to micrographs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hrtem_lab.files.errors import read_errors
from hrtem_lab.files.frames import Frames
from hrtem_lab.files.instrument import PLUGINS, read_instrument
from hrtem_lab.files.pictures import read_hdf5, read_picture
from hrtem_lab.micrograph import FloatArray, InputError, Micrograph

_READERS: dict[str, Callable[[Path], list[Frames]]] = {
    **dict.fromkeys(PLUGINS, read_instrument),
    **dict.fromkeys((".png", ".jpg", ".jpeg"), read_picture),
    **dict.fromkeys((".h5", ".hdf5"), read_hdf5),
}
SUFFIXES = tuple(_READERS)
"""The file suffixes that are read, in lower case; a file may write them in any case."""


def read(
    path: str | Path, pixel_size_nm: float | None = None, name: str | None = None, tables: Sequence[str] = ()
) -> list[Micrograph]:
    """Read every 2-D image of a file.

    Args:
        path: A file with one of `SUFFIXES`.
        pixel_size_nm: Edge of a pixel in nm, used only where the file itself has no calibration.
        name: Name of the micrograph; the file's stem by default. The images of a stack are `<name>_0000`, ...
        tables: Files in which the pixel size was looked for, for the message where nobody knows it.

    Returns:
        One micrograph per image; float32, native byte order, C-contiguous, writable. Colours become grey. Pixels that
        are not square are divided into square ones (see `Frames.square`).

    Raises:
        InputError: The file is missing, broken or of another kind; it holds no real image, or a diffraction pattern;
            its pixels are far from square; neither the file nor the caller knows the pixel size.
    """
    path = Path(path)
    stacks = [stack.square(path.name) for stack in _real_images(_load(path), path.name)]
    sizes = [_pixel_size_nm(stack, path.name, pixel_size_nm, tables) for stack in stacks]
    images = [(image, size, stack) for stack, size in zip(stacks, sizes, strict=True) for image in _images(stack.data)]
    name = path.stem if name is None else name
    return [
        Micrograph(
            image=_float32(image),
            pixel_size_nm=size,
            name=name if len(images) == 1 else f"{name}_{number:04d}",
            metadata={**stack.metadata, "source": path.name},
        )
        for number, (image, size, stack) in enumerate(images)
    ]


def _load(path: Path) -> list[Frames]:
    reader = _READERS.get(path.suffix.lower())
    with read_errors(path):
        if reader is None:
            raise InputError(f"{path.name}: the suffix is not read, expected one of {' '.join(SUFFIXES)}")
        return reader(path)


def _real_images(stacks: list[Frames], file_name: str) -> list[Frames]:
    """Leave out what is no image where others are; complain where nothing is left."""
    tests: tuple[tuple[Callable[[Frames], bool], str], ...] = (
        (lambda stack: stack.data.size > 0, "holds no pixels"),
        (lambda stack: stack.data.dtype.kind != "c", "holds complex numbers, expected a real image"),
        (lambda stack: not stack.is_diffraction, "is a diffraction pattern (axes in 1/nm), expected an image"),
    )
    for is_wanted, complaint in tests:
        stacks = [stack for stack in stacks if is_wanted(stack)]
        if not stacks:
            raise InputError(f"{file_name}: {complaint}")
    return stacks


def _pixel_size_nm(stack: Frames, file_name: str, given: float | None, tables: Sequence[str]) -> float:
    size = stack.pixel_size_nm or given
    if size is None:
        value, unit = stack.spacing[1] if stack.spacing else (0, None)
        found = f"says {value:.6g} {unit} per pixel" if unit else "has no calibration"
        none = f"none stands in {' and '.join(tables)}" if tables else "none was given"
        raise InputError(
            f"{file_name}: the pixel size is unknown (the file {found}, and {none}); give "
            "pixel_size_nm=..., a calibration CSV with columns name,pixel_size_nm, or such a metadata.csv in the folder"
        )
    return size


def _images(data: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    return [data] if data.ndim == 2 else list(data.reshape(-1, *data.shape[-2:]))


def _float32(image: npt.NDArray[Any]) -> FloatArray:
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused by the contract
        return np.require(image, np.float32, ["C_CONTIGUOUS", "WRITEABLE", "ENSUREARRAY"])
