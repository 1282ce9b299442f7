"""Instrument files (Gatan, Velox, Berkeley, TIA, MRC, TIFF) through RosettaSciIO."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hrtem_lab.files.frames import Frames, Length, grey
from hrtem_lab.files.units import to_nm
from hrtem_lab.micrograph import InputError

PLUGINS = {
    ".dm3": "digitalmicrograph",
    ".dm4": "digitalmicrograph",
    ".emd": "emd",
    ".ser": "tia",
    ".mrc": "mrc",
    ".tif": "tiff",
    ".tiff": "tiff",
}
"""Which RosettaSciIO plugin reads which suffix."""

_ROW_NAMES, _COLUMN_NAMES = ("y", "height"), ("x", "width")
_DM = "ImageList/TagGroup0/ImageTags"
_FACTS: tuple[tuple[str, str, float | None], ...] = (
    ("voltage_kV", f"{_DM}/Microscope Info/Voltage", 1e-3),
    ("voltage_kV", "Optics/AccelerationVoltage", 1e-3),
    ("voltage_kV", "microscope/high tension", 1e-3),
    ("voltage_kV", "ImageDescription/ElectronGun/AccelerationVoltage", 1e-3),
    ("exposure_s", f"{_DM}/DataBar/Exposure Time (s)", 1.0),
    ("exposure_s", f"{_DM}/Acquisition/Parameters/Detector/exposure (s)", 1.0),
    ("exposure_s", "Detectors/Detector-0/ExposureTime", 1.0),
    ("instrument", f"{_DM}/Session Info/Microscope", None),
    ("instrument", f"{_DM}/Microscope Info/Name", None),
    ("instrument", "Instrument/InstrumentModel", None),
    ("instrument", "Instrument/InstrumentClass", None),
    ("instrument", "microscope/name", None),
    ("instrument", "ImageDescription/Instruments", None),
)
"""What is known under which path of the file's own metadata, and the factor to our unit (None for text)."""


def read_instrument(path: Path) -> list[Frames]:
    """Read every image of an instrument file; spectra, line scans and thumbnails are left out.

    Raises:
        InputError: The file holds no image.
        Exception: Whatever RosettaSciIO raises for a broken file.
    """
    plugin = PLUGINS[path.suffix.lower()]
    if plugin == "mrc":
        _check_mrc_size(path)
    options = {"select_type": "images"} if plugin == "emd" else {}
    signals = import_module(f"rsciio.{plugin}").file_reader(str(path), **options)
    images = [_frames(signal) for signal in signals if _is_image(signal)]
    if not images:
        raise InputError(f"{path.name}: holds no image, only {len(signals)} other data sets such as spectra")
    if plugin == "tia":
        return [_in_metres_or_per_metre(image) for image in images]
    return images


def _check_mrc_size(path: Path) -> None:
    """A cut or big-endian MRC file promises more pixels than it has, and RosettaSciIO would count them for hours."""
    columns, rows, images = (int(n) for n in np.fromfile(path, "<u4", count=3))
    if columns * rows * images > path.stat().st_size:
        if np.prod(np.fromfile(path, ">u4", count=3), dtype=float) <= path.stat().st_size:
            raise InputError(f"{path.name}: is a big-endian MRC file, expected a little-endian one; write it again so")
        raise EOFError(f"its header promises {images} x {rows} x {columns} pixels")


def _is_image(signal: Mapping[str, Any]) -> bool:
    data, axes = signal["data"], signal["axes"]
    is_number = data.dtype.kind in "biufc" or {"R", "G", "B"} <= set(data.dtype.names or ())
    is_energy = any("ev" in str(axis.get("units")).lower() for axis in axes)
    is_thumbnail = int(signal["original_metadata"].get("NewSubfileType", 0)) & 1
    is_map = data.ndim >= 2 and not any(axis.get("navigate", False) for axis in axes[-2:])
    return is_number and is_map and not is_energy and not is_thumbnail


def _frames(signal: Mapping[str, Any]) -> Frames:
    tags = signal["original_metadata"]
    data, axes = _rows_and_columns_last(signal["data"], signal["axes"])
    if data.dtype.names:
        data = grey([data[channel] for channel in "RGB"])
    if "sample" in (names := [axis.get("name") for axis in axes]):
        data = grey(list(np.moveaxis(data, names.index("sample"), 0)))
    return Frames(data, _imagej_spacing(tags) or _ome_spacing(tags) or _spacing(tags, axes), _facts(tags))


def _rows_and_columns_last(
    data: npt.NDArray[Any], axes: list[dict[str, Any]]
) -> tuple[npt.NDArray[Any], list[dict[str, Any]]]:
    """Bring the axes into the order (..., y, x) where their names tell another one, as in Berkeley files."""
    names = [str(axis.get("name")).lower() for axis in axes]
    rows = [i for i, name in enumerate(names) if name in _ROW_NAMES]
    columns = [i for i, name in enumerate(names) if name in _COLUMN_NAMES]
    if len(rows) != 1 or len(columns) != 1:
        return data, axes
    order = [i for i in range(len(axes)) if i not in (rows[0], columns[0])] + rows + columns
    return data.transpose(order), [axes[i] for i in order]


def _spacing(tags: Mapping[str, Any], axes: list[dict[str, Any]]) -> tuple[Length, Length] | None:
    if tags.get("std_header", {}).get("MX") == 0:  # an MRC file without a cell, which RosettaSciIO takes as 1 nm
        return None
    height, width = ((axis.get("scale", 0), axis.get("units")) for axis in axes[-2:])
    return height, width


def _imagej_spacing(tags: Mapping[str, Any]) -> tuple[Length, Length] | None:
    """ImageJ keeps the unit in the description and pixels per unit in the resolution tags."""
    description = tags.get("ImageDescription")
    if not (isinstance(description, str) and description.startswith("ImageJ=")):
        return None
    unit = re.search(r"^unit=(.*)$", description, flags=re.MULTILINE)
    if unit is None:
        return None
    (pixels_y, length_y), (pixels_x, length_x) = (tags.get(f"{axis}Resolution", (0, 1)) for axis in "YX")
    return (length_y / (pixels_y or np.inf), unit[1]), (length_x / (pixels_x or np.inf), unit[1])


def _ome_spacing(tags: Mapping[str, Any]) -> tuple[Length, Length] | None:
    """OME keeps the edges of a pixel in the description, in micrometres where no unit stands (schema 2016-06)."""
    description = tags.get("ImageDescription")
    pixels = re.findall(r"<(?:\w+:)?Pixels\b[^>]*>", description) if isinstance(description, str) else []
    said = [dict(re.findall(r'\bPhysicalSize([XY](?:Unit)?)="([^"]+)"', html.unescape(each))) for each in pixels]
    if not said or not {"X", "Y"} <= set(said[0]) or any(each != said[0] for each in said):
        return None
    height, width = ((float(said[0][axis]), said[0].get(f"{axis}Unit", "µm")) for axis in "YX")
    return height, width


def _in_metres_or_per_metre(image: Frames) -> Frames:
    """A TIA file calls a step in 1/m metres too; a pixel wider than a millimetre is one."""
    if image.spacing and any((to_nm(*length) or 0) > 1e6 for length in image.spacing):
        return Frames(image.data, ((0, "1/m"), (0, "1/m")), image.metadata)
    return image


def _facts(tags: Mapping[str, Any]) -> dict[str, Any]:
    """The first usable value for each fact."""
    found: dict[str, Any] = {}
    for fact, place, factor in _FACTS:
        value: Any = tags
        for step in place.split("/"):
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None or fact in found:
            continue
        if factor is None and isinstance(value, str) and value.strip():
            found[fact] = value.strip()
        elif factor is not None:
            found |= _number(fact, value, factor)
    return found


def _number(fact: str, value: Any, factor: float) -> dict[str, float]:
    try:
        return {fact: round(float(value) * factor, 9)}
    except (TypeError, ValueError):
        return {}
