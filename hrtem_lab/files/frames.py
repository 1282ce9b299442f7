"""What a format reader gives: images that share one calibration, before they become micrographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hrtem_lab.files.units import is_reciprocal, to_nm
from hrtem_lab.micrograph import InputError

Length = tuple[float, object]
"""A number and its unit, as the file writes them."""


@dataclass(frozen=True)
class Frames:
    """One image or a stack of images as a file holds them.

    Attributes:
        data: (rows, columns) or (..., rows, columns), any number type and byte order.
        spacing: Height and width of a pixel as the file says, or None where the format has no place for them.
        metadata: `voltage_kV`, `instrument`, `exposure_s` where the file says them.
    """

    data: npt.NDArray[Any]
    spacing: tuple[Length, Length] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def is_diffraction(self) -> bool:
        """Whether the axes are reciprocal lengths or angles."""
        return self.spacing is not None and any(is_reciprocal(unit) for _, unit in self.spacing)

    def pixel_size_nm(self, file_name: str) -> float | None:
        """Edge of a square pixel in nm, or None where the file is not calibrated.

        Raises:
            InputError: Height and width of the pixel differ by more than 1 %.
        """
        height, width = (to_nm(*length) for length in self.spacing) if self.spacing else (None, None)
        if height is None or width is None:
            return None
        if abs(height - width) > 0.01 * min(height, width):
            raise InputError(
                f"{file_name}: the pixels are {height:.6g} nm high and {width:.6g} nm wide, expected square pixels; "
                "resample the image, or export it again"
            )
        return (height + width) / 2


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
