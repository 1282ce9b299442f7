"""PNG and JPEG through Pillow, HDF5 through h5py: files that know nothing of a microscope."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from hrtem_lab.files.frames import Frames, grey
from hrtem_lab.micrograph import InputError


def read_picture(path: Path) -> list[Frames]:
    """Read a PNG or JPEG; colours become grey, alpha is ignored, print resolution is no calibration."""
    with Image.open(path) as picture:
        if picture.mode in ("1", "L", "I", "F") or picture.mode.startswith("I;"):
            return [Frames(np.asarray(picture))]
        if picture.mode == "LA":
            return [Frames(np.asarray(picture.getchannel("L")))]
        return [Frames(grey([np.asarray(channel) for channel in picture.convert("RGB").split()]))]


def read_hdf5(path: Path) -> list[Frames]:
    """Read the dataset `images`, else the only one that can hold images.

    A dataset is (h, w), (h, w, 1), (n, h, w) or (n, h, w, 1); one with 3 or 4 columns is a colour picture
    (h, w, channels).
    An attribute `pixel_size_nm` of the dataset or of the file is its calibration.

    Raises:
        InputError: No dataset can hold images, or several can.
    """
    with h5py.File(path) as file:
        dataset = _images(file, path.name)
        size = dataset.attrs.get("pixel_size_nm", file.attrs.get("pixel_size_nm"))
        data = dataset[()]
    if data.ndim == 4 or (data.ndim == 3 and data.shape[-1] == 1):
        data = data[..., 0]
    elif data.shape[-1] in (3, 4):
        data = grey(list(np.moveaxis(data, -1, 0)))
    return [Frames(data, None if size is None else ((float(size), "nm"), (float(size), "nm")))]


def _images(file: h5py.File, file_name: str) -> h5py.Dataset:
    found: list[h5py.Dataset] = []
    file.visititems(lambda _, item: found.append(item) if _holds_images(item) else None)
    if len(found) > 1:
        found = [dataset for dataset in found if dataset.name == "/images"] or found
    if len(found) != 1:
        names = ", ".join(dataset.name.lstrip("/") for dataset in found) or "none"
        raise InputError(
            f"{file_name}: expected one dataset of images, (h, w), (n, h, w) or (n, h, w, 1), or one named images; "
            f"found {names}"
        )
    return found[0]


def _holds_images(item: h5py.Dataset | h5py.Group) -> bool:
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "biufc":
        return False
    return item.ndim in (2, 3) or (item.ndim == 4 and item.shape[-1] == 1)
