"""Label images as OME-TIFF, with the size of a pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from hrtem_lab.atomic_write import atomic_write
from hrtem_lab.micrograph import IntArray


def write_ome_tiff(path: Path, name: str, pixel_size_nm: float, instances: IntArray) -> None:
    """Write particle numbers as uint32, which napari opens as labels.

    Args:
        path: The file.
        name: Name of the image in its metadata.
        pixel_size_nm: Side length of a pixel in nm.
        instances: Particle number at each pixel, (rows, columns), 0 = background.

    Raises:
        InputError: The file cannot be written.
    """
    size = {f"PhysicalSize{axis}": pixel_size_nm for axis in "XY"}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XY"}
    with atomic_write(path) as unfinished:
        tifffile.imwrite(
            unfinished,
            instances.astype(np.uint32),
            ome=True,
            photometric="minisblack",
            compression="zlib",
            metadata={"axes": "YX", "Name": name, **size, **units},
        )
