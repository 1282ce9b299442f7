"""Pixel sizes in HDF5 files, from the attributes of the programs that write them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h5py
import numpy as np

from hrtem_lab.files.frames import Length
from hrtem_lab.files.units import to_nm

Spacing = tuple[Length, Length]
"""Height and width of a pixel."""

_PIXEL_SIZE = re.compile(r"pixel_?size_?(nm|um|µm|pm|a|å|angstrom|m)", flags=re.IGNORECASE)


def find_spacing(dataset: h5py.Dataset, row_axis: int, column_axis: int) -> Spacing | None:
    """Height and width of a pixel from the first place that says it.

    These are the attributes `element_size_um` and `properties` (Nion Swift) of the dataset, `pixel_size_nm` of it or of
    its file, and the coordinates of its axes: HDF5's dimension scales, or those that its group names (NeXus).

    Args:
        dataset: The images.
        row_axis: Axis along which rows are counted.
        column_axis: Axis along which columns are counted.
    """
    finders: tuple[Callable[[], Spacing | None], ...] = (
        lambda: _element_size(dataset),
        lambda: _nion_swift(dataset),
        lambda: _pixel_size(dataset),
        lambda: _coordinates(dataset, row_axis, column_axis),
    )
    for find in finders:
        with suppress(KeyError, ValueError, TypeError, IndexError, RuntimeError):  # it holds something else
            if spacing := find():
                return spacing
    return None


def _element_size(dataset: h5py.Dataset) -> Spacing | None:
    """ImageJ's HDF5 plugin; it writes ones where nothing is known."""
    elements = _numbers(dataset.attrs.get("element_size_um"))
    if len(elements) >= 2 and any(size != 1 for size in elements):
        return (elements[-2], "µm"), (elements[-1], "µm")
    return None


def _nion_swift(dataset: h5py.Dataset) -> Spacing:
    """Nion Swift keeps a scale and a unit for each axis in JSON."""
    properties = json.loads(dataset.attrs["properties"])
    calibrations = properties.get("dimensional_calibrations") or properties["spatial_calibrations"]
    height, width = ((float(each["scale"]), each["units"]) for each in calibrations[-2:])
    return height, width


def _pixel_size(dataset: h5py.Dataset) -> Spacing | None:
    """An attribute whose name says the unit."""
    for attributes in (dataset.attrs, dataset.file.attrs):
        for key, value in attributes.items():
            unit = _PIXEL_SIZE.fullmatch(str(key))
            sizes = _numbers(value) if unit else []
            if unit and sizes and to_nm(sizes[-1], unit[1]) is not None:
                return (sizes[-2] if len(sizes) > 1 else sizes[0], unit[1]), (sizes[-1], unit[1])
    return None


def _coordinates(dataset: h5py.Dataset, *axes: int) -> Spacing | None:
    """Coordinates of the axes with a unit, as netCDF and NeXus keep them."""
    names = [_text(name) for name in np.atleast_1d(dataset.parent.attrs.get("axes", []))]
    lengths: list[Length] = []
    for axis in axes:
        scales = list(dataset.dims[axis].values())
        coordinates = scales[0] if scales else dataset.parent[names[axis]]
        values, unit = np.asarray(coordinates[()], dtype=np.float64), _text(coordinates.attrs["units"])
        lengths.append((float(values[-1] - values[0]) / (values.size - 1), unit))
    return lengths[0], lengths[1]


def _text(value: Any) -> Any:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def _numbers(value: Any) -> list[float]:
    """An attribute as numbers; none where it is absent or something else."""
    try:
        return [float(each) for each in np.atleast_1d(value)] if value is not None else []
    except (TypeError, ValueError):
        return []
