"""Regions of a micrograph that are to be left out: mask images, and regions of interest of ImageJ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import roifile
from skimage.draw import polygon2mask

from hrtem_lab.files.errors import read_errors
from hrtem_lab.files.labels import SUFFIXES as MASK_SUFFIXES
from hrtem_lab.files.labels import read_label
from hrtem_lab.micrograph import BoolArray, InputError, Micrograph

ROI_SUFFIXES = (".roi", ".zip")
REGION_SUFFIXES = (*MASK_SUFFIXES, *ROI_SUFFIXES)
"""Suffixes of the files of regions."""


@dataclass(frozen=True)
class LeftOut:
    """Regions that a user wants to leave out.

    Attributes:
        place: A file with the regions of every micrograph, or a folder of files called as the micrographs.

    Raises:
        InputError: Nothing is there, or the file is of another kind.
    """

    place: Path

    def __post_init__(self) -> None:
        expected = "a mask image, an ImageJ .roi or .zip, or a folder of them called as the micrographs"
        if not self.place.exists():
            raise InputError(f"leave_out={self.place}: nothing is there; give {expected}")
        if self.place.is_file() and self.place.suffix.lower() not in REGION_SUFFIXES:
            raise InputError(f"leave_out={self.place}: the suffix is not read, expected {expected}")

    def apply(self, micrograph: Micrograph, names: Iterable[str]) -> Micrograph:
        """Leave the regions of a micrograph out.

        Args:
            micrograph: The micrograph.
            names: Names that its file of regions may have, without suffix; the first one that is there counts.

        Raises:
            InputError: The file cannot be read, has another size, or leaves nothing.
        """
        path = self.find(names)
        if path is None:
            return micrograph
        region = read_region(path, micrograph)
        note = f"{np.mean(region):.1%} of the image is left out by {path.name}"
        return micrograph.leave_out(region, note)

    def find(self, names: Iterable[str]) -> Path | None:
        """The file with the regions of a micrograph, as for `apply`; None where there is none."""
        if self.place.is_file():
            return self.place
        files = (self.place / f"{name}{suffix}" for name in names for suffix in REGION_SUFFIXES)
        return next((file for file in files if file.is_file()), None)


def read_region(path: Path, micrograph: Micrograph) -> BoolArray:
    """Read a region of a micrograph.

    Args:
        path: A mask image, whose pixels are not 0 in the region, or one or more regions of interest of ImageJ.
        micrograph: The micrograph, whose image has the size of the one that the region was drawn on.

    Returns:
        True in the region, (rows, columns).

    Raises:
        InputError: The file cannot be read, or has another size.
    """
    rows, columns = micrograph.image.shape
    if path.suffix.lower() not in ROI_SUFFIXES:
        return read_label(path, (rows, columns), micrograph.metadata).mask
    with read_errors(path):
        found = roifile.ImagejRoi.fromfile(path)
    before = micrograph.metadata.get("shape_in_file", (rows, columns))
    finer = np.array([rows / before[0], columns / before[1]])
    region = np.zeros((rows, columns), dtype=bool)
    for roi in found if isinstance(found, list) else [found]:
        curves = [finer * np.asarray(curve, dtype=float)[:, ::-1] - 0.5 for curve in roi.coordinates(multi=True)]
        for curve in curves:
            if len(curve) < 3:
                raise InputError(f"{path.name}: holds a point or a line, expected areas; draw around what to leave out")
        region |= np.logical_xor.reduce([polygon2mask((rows, columns), curve) for curve in curves])
    return region
