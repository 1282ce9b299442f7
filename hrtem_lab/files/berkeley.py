"""Berkeley EMD files, of version 0.2 (https://emdatasets.com) and 1.0 (emdfile), whatever their suffix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hrtem_lab.files.frames import Deferred, Frames, Length
from hrtem_lab.files.hdf5_filters import check_filters
from hrtem_lab.files.instrument_metadata import find_metadata
from hrtem_lab.files.spectra import is_energy
from hrtem_lab.micrograph import InputError

_MARK = "emd_group_type"
_DATASETS = ("data", "realslice", "datacube", "diffractionslice", "counted_datacube")
"""Names of a group's pixels; the first is the standard's, the others those of Prismatic and py4DSTEM."""
_DIFFRACTION_CLASSES = ("DiffractionSlice", "VirtualDiffraction", "BraggVectorMap", "Probe")
_DERIVED_CLASSES = ("VirtualImage",)


def has_berkeley_groups(file: h5py.File) -> bool:
    """Whether a file holds a group that is marked as Berkeley's."""
    return bool(file.visititems(lambda _, item: True if _is_marked(item) else None))


def read_berkeley(path: Path) -> list[Frames]:
    """Read the images and stacks of images of a Berkeley EMD file.

    Rows and columns are the axes called y and x where there are just two of these names; else the last two, or the
    first two in reversed order where RosettaSciIO wrote the file.

    Raises:
        InputError: No group holds an array.
    """
    stacks: list[Frames] = []
    with h5py.File(path) as file:
        metadata = find_metadata(_attributes(file))

        def visit(_: str, group: h5py.Group | h5py.Dataset) -> None:
            if _is_marked(group):
                dataset = _dataset(group)
                if dataset is not None:
                    check_filters(dataset, path.name)
                    stacks.extend(_frames(path, group, dataset, metadata))

        file.visititems(visit)
    if not stacks:
        raise InputError(f"{path.name}: holds no image, only Berkeley EMD groups without an array of numbers")
    return stacks


def _is_marked(item: h5py.Group | h5py.Dataset) -> bool:
    return isinstance(item, h5py.Group) and bool(item.attrs.get(_MARK, False)) and item.attrs[_MARK] != "file"


def _dataset(group: h5py.Group) -> h5py.Dataset | None:
    """The array of a group; None where it holds none of two or more axes."""
    for name in _DATASETS:
        item = group.get(name)
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "biufc" and item.ndim >= 2:
            return item
    return None


def _attributes(file: h5py.File) -> dict[str, dict[str, Any]]:
    """The attributes of the groups at the root, such as `microscope`."""
    groups = {name: item for name, item in file.items() if isinstance(item, h5py.Group)}
    return {name: {key: _text(value) for key, value in group.attrs.items()} for name, group in groups.items()}


def _frames(path: Path, group: h5py.Group, dataset: h5py.Dataset, metadata: Mapping[str, Any]) -> list[Frames]:
    """The images of a group; those of a stack whose axis has labels apart, each with its label as the title."""
    first = 0 if "dim0" in group else 1
    dims = [group.get(f"dim{first + i}") for i in range(dataset.ndim)]
    names = [_attribute(dim, "name").casefold() for dim in dims]
    units = [_attribute(dim, "units") for dim in dims]
    labels = next((i for i, dim in enumerate(dims) if dim is not None and dim.dtype.kind in "OSU"), None)
    order = list(reversed(range(dataset.ndim))) if _is_by_rosettasciio(group) else _order(names, labels)
    shape, name, title = dataset.shape, str(dataset.name), str(group.name).rpartition("/")[2]
    kind = _text(group.attrs.get("python_class", ""))
    lengths: list[Length] = [(_step(dims[i], shape[i]), units[i]) for i in order[-2:]]
    if kind in _DIFFRACTION_CLASSES:
        lengths = [(0, "1/nm")] * 2
    excluded = ""
    if any(is_energy(axis, unit) for axis, unit in zip(names, units, strict=True)):
        excluded = f"a spectrum image ({' x '.join(map(str, shape))})"

    def load(frame: int | None = None) -> npt.NDArray[Any]:
        with h5py.File(path) as file:
            pixels = file[name][()].transpose(order)
        return np.asarray(pixels if frame is None else pixels[frame])

    def build(load_pixels: Any, axes: list[int], title: str) -> Frames:
        return Frames(
            Deferred(tuple(shape[i] for i in axes), dataset.dtype, load_pixels),
            (lengths[0], lengths[1]),
            dict(metadata),
            title=title,
            is_derived=kind in _DERIVED_CLASSES,
            excluded=excluded,
        )

    if labels is None or dataset.ndim != 3:
        return [build(load, order, title)]
    texts = [_text(label) for label in dims[labels][()]]
    return [build(lambda n=n: load(n), order[1:], text) for n, text in enumerate(texts[: shape[labels]])]


def _is_by_rosettasciio(group: h5py.Group) -> bool:
    """Whether RosettaSciIO or HyperSpy wrote a group: they mark the group `signals` above it, and exchange all axes."""
    above = group.parent
    return bool(str(above.name) == "/signals" and _is_marked(above) and _dataset(above) is None)


def _order(names: list[str], labels: int | None) -> list[int]:
    """The axes in the order (..., rows, columns)."""
    everything = list(range(len(names)))
    last = [names.index(name) for name in ("y", "x") if names.count(name) == 1]
    if labels is not None and len(last) < 2:
        last = [i for i in everything if i != labels][-2:]
    if len(last) < 2:
        last = everything[-2:]
    return [i for i in everything if i not in last] + last


def _step(dim: h5py.Dataset | None, length: int) -> float:
    """Step of an axis: all its coordinates are written, or the first two."""
    if dim is None or dim.dtype.kind not in "iuf" or dim.size < 2:
        return 0.0
    values = np.asarray(dim[()], dtype=np.float64).ravel()
    return float(values[-1] - values[0]) / (values.size - 1) if values.size == length else float(values[1] - values[0])


def _attribute(dim: h5py.Dataset | None, key: str) -> str:
    return "" if dim is None else _text(dim.attrs.get(key, ""))


def _text(value: Any) -> Any:
    """An attribute's text, be it in bytes or in an array of one; anything else as it is."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.ravel()[0]
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
