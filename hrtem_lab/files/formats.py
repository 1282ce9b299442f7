"""Table of the readers by file suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hrtem_lab.files import mrc
from hrtem_lab.files.frames import Frames
from hrtem_lab.files.hdf5 import read_hdf5
from hrtem_lab.files.pictures import read_picture
from hrtem_lab.files.rosettasciio import read_gatan, read_hyperspy_zarr, read_panta_rhei
from hrtem_lab.files.tia import read_emi, read_ser
from hrtem_lab.files.tiff import read_tiff

READERS: dict[str, Callable[[Path], list[Frames]]] = {
    **dict.fromkeys((".dm3", ".dm4"), read_gatan),
    **dict.fromkeys((".emd", ".h5", ".hdf5", ".hspy"), read_hdf5),
    ".zspy": read_hyperspy_zarr,
    ".prz": read_panta_rhei,
    ".ser": read_ser,
    ".emi": read_emi,
    **dict.fromkeys(mrc.SUFFIXES, mrc.read_mrc),
    **dict.fromkeys((".tif", ".tiff"), read_tiff),
    **dict.fromkeys((".png", ".jpg", ".jpeg"), read_picture),
}
SUFFIXES = tuple(READERS)
"""The file suffixes that are read, in lower case; a file may write them in any case."""
