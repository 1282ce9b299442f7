"""HDF5 files: those of Velox, HyperSpy and Berkeley by their marks, and plain ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hrtem_lab.files.berkeley import has_berkeley_groups, read_berkeley
from hrtem_lab.files.frames import Deferred, Frames, grey
from hrtem_lab.files.hdf5_calibration import find_spacing
from hrtem_lab.files.hdf5_filters import check_filters
from hrtem_lab.files.rosettasciio import read_hyperspy, read_velox
from hrtem_lab.micrograph import InputError

_SET = "images"
"""Name of a dataset of separate micrographs, as in published training sets."""
_COLOURS = (3, 4)
_VELOX = re.compile("Velox|DevelopersKit")


def read_hdf5(path: Path) -> list[Frames]:
    """Read the images of an HDF5 file, whatever its suffix.

    Raises:
        InputError: No dataset can hold images, or their compression is of a filter that is not installed.
        Exception: Whatever h5py and RosettaSciIO raise for a broken file.
    """
    with suppress(ImportError):
        import_module("hdf5plugin")  # registers more compression filters, where somebody has installed it
    with h5py.File(path) as file:
        reader = _reader(file)
    try:
        return reader(path)
    except InputError:
        raise
    except Exception:
        with h5py.File(path) as file:
            file.visititems(lambda _, item: check_filters(item, path.name))
        raise


def _reader(file: h5py.File) -> Callable[[Path], list[Frames]]:
    """Choose the reader of a file by the marks that programs leave at its root."""
    if file.attrs.get("file_format") == "HyperSpy":
        return read_hyperspy
    if _VELOX.search(_version(file)):
        return read_velox
    if has_berkeley_groups(file):
        return read_berkeley
    return read_plain_hdf5


def _version(file: h5py.File) -> str:
    """Content of the dataset `Version` at the root, where Velox names the program that wrote the file."""
    item = file.get("Version")
    return str(np.ravel(item[()])[:1]) if isinstance(item, h5py.Dataset) else ""


def read_plain_hdf5(path: Path) -> list[Frames]:
    """Read the dataset `images`, else every one that can hold images, with its path as the title.

    A dataset is (h, w), (h, w, 1), (n, h, w) or (n, h, w, 1), or as its attribute `axistags` says (ilastik, vigra); one
    whose last axis is 3 or 4 long is in colour, unless they are fractions that add up to 1. Its calibration is where
    `find_spacing` looks.

    Raises:
        InputError: No dataset can hold images.
    """
    with h5py.File(path) as file:
        datasets: list[h5py.Dataset] = []
        file.visititems(lambda _, item: datasets.append(item) if _holds_numbers(item) else None)
        if len(datasets) > 1:
            datasets = [dataset for dataset in datasets if dataset.name == f"/{_SET}"] or datasets
        if not datasets:
            raise InputError(
                f"{path.name}: expected a dataset of images, (h, w), (n, h, w) or (n, h, w, 1), best one named "
                f"{_SET}; found none"
            )
        return [_frames(path, dataset, len(datasets) > 1) for dataset in datasets]


def _holds_numbers(item: h5py.Dataset | h5py.Group) -> bool:
    return isinstance(item, h5py.Dataset) and item.dtype.kind in "biufc" and item.ndim >= 2


def _frames(path: Path, dataset: h5py.Dataset, is_one_of_several: bool) -> Frames:
    check_filters(dataset, path.name)
    name, shape, axes = str(dataset.name), dataset.shape, _axes(dataset)
    channels = shape[axes.index("c")] if "c" in axes else 1
    excluded = ""
    if channels not in (1, *_COLOURS) or (channels > 1 and _are_probabilities(dataset, axes)):
        excluded = f"{channels} channels per pixel ({' x '.join(map(str, shape))}), such as probabilities"

    def load() -> npt.NDArray[Any]:
        with h5py.File(path) as file:
            pixels = file[name][()]
        if "c" in axes:
            pixels = grey(list(np.moveaxis(pixels, axes.index("c"), 0)))
        return pixels.transpose(order)

    image_axes = [axis for axis in axes if axis != "c"]
    order = [i for i, axis in enumerate(image_axes) if axis not in "yx"] + [
        image_axes.index("y"),
        image_axes.index("x"),
    ]
    lengths = [length for axis, length in zip(axes, shape, strict=True) if axis != "c"]
    return Frames(
        Deferred(tuple(lengths[i] for i in order), dataset.dtype, load),
        find_spacing(dataset, axes.index("y"), axes.index("x")),
        title=name.strip("/") if is_one_of_several else "",
        is_set=name == f"/{_SET}",
        must_choose=is_one_of_several,
        excluded=excluded,
    )


def _are_probabilities(dataset: h5py.Dataset, axes: str) -> bool:
    """Whether the channels of the first pixels are fractions that add up to 1, as those of classes do."""
    if dataset.dtype.kind != "f" or dataset.size == 0:
        return False
    corner = dataset[tuple(slice(None) if axis == "c" else slice(8) for axis in axes)]
    return bool(corner.min() >= 0 and np.allclose(corner.sum(axis=axes.index("c")), 1, atol=1e-3))


def _axes(dataset: h5py.Dataset) -> str:
    """A letter for each axis: x, y, c for channels, and others for what numbers the images."""
    shape, count = dataset.shape, dataset.ndim
    with suppress(KeyError, ValueError, TypeError):
        keys = "".join(axis["key"] for axis in json.loads(dataset.attrs["axistags"])["axes"])
        if len(keys) == count == len(set(keys)) and {"x", "y"} <= set(keys):
            return keys
    others = "tzsuvw"
    if count in (3, 4) and (shape[-1] == 1 or shape[-1] in _COLOURS):
        return f"{others[: count - 3]}yxc"
    return f"{others[: count - 2]}yx"
