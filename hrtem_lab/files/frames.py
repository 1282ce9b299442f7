"""Result of a format reader: images that share one calibration, before they become micrographs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import zoom

from hrtem_lab.files.units import is_reciprocal, to_nm
from hrtem_lab.micrograph import InputError

Length = tuple[float, object]
"""A number and its unit, as the file writes them."""
MAX_PIXEL_ASPECT = 4.0
"""Largest ratio of the sides of a pixel; above it, a calibration is a mistake rather than the step of a scan."""


@dataclass(frozen=True)
class Deferred:
    """An array that stays in its file until it is needed.

    Attributes:
        shape: Shape of an image.
        dtype: Number type of a pixel.
        load: Reads all of it.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], npt.NDArray[Any]]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Frames:
    """One image or a stack of images as a file holds them.

    Attributes:
        data: (rows, columns) or (..., rows, columns), any number type and byte order.
        spacing: Height and width of a pixel as the file says, or None where the format has no place for them.
        metadata: `voltage_kV`, `instrument`, `exposure_s` where the file says them; `shape_in_file` (rows, columns)
            where `square` made it another one.
        title: Name of the detector or of the image, '' where the file says none.
        is_volume: Whether the frames are the sections of a volume.
        is_set: Whether the frames are separate micrographs, of which a file may hold any number.
        must_choose: Whether nothing says that this data set, rather than another of the file, is the micrograph.
        is_derived: Whether the image was computed from others: a virtual detector, a component of differential phase
            contrast, an element map.
        is_coloured: Whether the file holds it in colour.
        excluded: Kind of content where it is no image ('a spectrum image'); '' where it may be one.
        notes: Lines for the user about how the file was read.
    """

    data: npt.NDArray[Any] | Deferred
    spacing: tuple[Length, Length] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    is_volume: bool = False
    is_set: bool = False
    must_choose: bool = False
    is_derived: bool = False
    is_coloured: bool = False
    excluded: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_diffraction(self) -> bool:
        """Whether the axes are reciprocal lengths or angles."""
        return self.spacing is not None and any(is_reciprocal(unit) for _, unit in self.spacing)

    @property
    def edges_nm(self) -> tuple[float, float] | None:
        """Height and width of a pixel in nm, or None where the file is not calibrated."""
        height, width = (to_nm(*length) for length in self.spacing) if self.spacing else (None, None)
        return None if height is None or width is None else (height, width)

    @property
    def pixel_size_nm(self) -> float | None:
        """Side length of a square pixel in nm, or None where the file is not calibrated."""
        return sum(self.edges_nm) / 2 if self.edges_nm else None

    @property
    def pixels(self) -> npt.NDArray[Any]:
        """The data, read from the file where they are still there."""
        return self.data.load() if isinstance(self.data, Deferred) else self.data

    @property
    def count(self) -> int:
        """Number of images."""
        return int(np.prod(self.data.shape[:-2], dtype=np.int64))

    def square(self, file_name: str) -> Frames:
        """The same field in square pixels: where height and width differ by more than 1 %, the longer side is divided.

        Raises:
            InputError: One side is more than `MAX_PIXEL_ASPECT` times the other.
        """
        if self.edges_nm is None or max(self.edges_nm) <= 1.01 * min(self.edges_nm):
            return self
        height, width = self.edges_nm
        edge = min(height, width)
        if max(height, width) > MAX_PIXEL_ASPECT * edge:
            raise InputError(
                f"{file_name}: the pixels are {height:.6g} nm high and {width:.6g} nm wide, expected nearly square; "
                "correct the calibration, or resample the image"
            )
        pixels = self.pixels
        finer = (1.0,) * (pixels.ndim - 2) + (height / edge, width / edge)
        data = zoom(pixels.astype(np.float32), finer, order=3, mode="nearest", grid_mode=True)
        metadata = {**self.metadata, "shape_in_file": pixels.shape[-2:]}
        return replace(self, data=data, spacing=((edge, "nm"), (edge, "nm")), metadata=metadata)


def grey(channels: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """One image from the channels red, green, blue (what follows, such as alpha, is ignored).

    Returns:
        The first channel where all are equal or it stands alone, else the luminance of ITU-R BT.601, as in Pillow.
    """
    if len(channels) < 3:
        return channels[0]
    red, green, blue = channels[:3]
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red
    return np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
