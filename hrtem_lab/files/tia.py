"""Files of FEI TIA: `.ser` with the pixels, and `.emi` beside them with what was measured how."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from hrtem_lab.files.frames import Frames
from hrtem_lab.files.rosettasciio import build_frames
from hrtem_lab.files.units import to_nm
from hrtem_lab.micrograph import InputError

_SERIES = re.compile(r"(?P<stem>.+)_(?P<number>\d+)", flags=re.DOTALL)
_MAX_PIXEL_NM = 1e6
"""Widest pixel of an image; a step in 1/m is called metres in a series and looks like a wider one."""


def read_ser(path: Path) -> list[Frames]:
    """Read a series; the `.emi` file beside it, where there is one, says whether it is a diffraction pattern."""
    match, emi = _SERIES.fullmatch(path.stem), find_metadata(path)
    objects = _objects(emi) if emi else []
    number = int(match["number"]) if match else 1
    settings = objects[number - 1] if 0 < number <= len(objects) else {}
    signals = import_module("rsciio.tia").file_reader(str(path))
    return [_with_units(build_frames(signal), settings) for signal in signals]


def read_emi(path: Path) -> list[Frames]:
    """Read the series that belong to an `.emi` file, which lie beside it as `<stem>_1.ser`, `<stem>_2.ser`, ...

    Raises:
        InputError: There is none.
        ValueError: There is none, and the file is no `.emi` file.
    """
    series = find_series(path)
    if not series and not _objects(path):
        raise ValueError("it does not describe an image")
    if not series:
        raise InputError(
            f"{path.name}: describes images that lie in {path.stem}_1.ser, which is missing; keep both in one folder"
        )
    stacks = [(number, frames) for number, ser in series.items() for frames in read_ser(ser)]
    return [replace(frames, title=str(number)) for number, frames in stacks] if len(stacks) > 1 else [stacks[0][1]]


def find_metadata(ser: Path) -> Path | None:
    """The `.emi` file of a series, where it lies beside it."""
    match = _SERIES.fullmatch(ser.stem)
    return find_sibling(ser.with_name(f"{match['stem']}.emi")) if match else None


def find_series(emi: Path) -> dict[int, Path]:
    """The series of an `.emi` file by their number."""
    series = {}
    for path in emi.parent.iterdir():
        match = _SERIES.fullmatch(path.stem)
        if path.suffix.lower() == ".ser" and match and match["stem"] == emi.stem:
            series[int(match["number"])] = path
    return dict(sorted(series.items()))


def find_sibling(path: Path) -> Path | None:
    """A file of this name, whatever the case of its suffix."""
    variants = (path.with_suffix(suffix) for suffix in (path.suffix, path.suffix.upper(), path.suffix.capitalize()))
    return next((variant for variant in variants if variant.is_file()), None)


def _objects(emi: Path) -> list[dict[str, str]]:
    """Settings of the microscope for each series: label and value, such as `Mode` and `High tension`."""
    objects = []
    for xml in re.findall(rb"<ObjectInfo>.*?</ObjectInfo>", emi.read_bytes(), flags=re.DOTALL):
        try:
            tree = ET.fromstring(xml.decode("utf-8", errors="replace"))
        except ET.ParseError:
            tree = ET.Element("ObjectInfo")
        settings = {str(data.findtext("Label")): str(data.findtext("Value")) for data in tree.iter("Data")}
        if tree.find(".//AcquireInfo/CameraNamePath") is not None:
            settings["camera"] = str(tree.findtext(".//AcquireInfo/CameraNamePath"))
        objects.append(settings)
    return objects


def _with_units(frames: Frames, settings: Mapping[str, str]) -> Frames:
    """The frames in metres or, where a diffraction pattern was taken, in 1/m, which a series calls metres as well."""
    mode = settings.get("Mode", "")
    is_scan = "STEM" in mode
    is_diffraction = "camera" in settings if is_scan else "Diffraction" in mode
    looks_like_it = frames.spacing is not None and any(
        (to_nm(*length) or 0) > _MAX_PIXEL_NM for length in frames.spacing
    )
    spacing = ((0.0, "1/m"), (0.0, "1/m")) if is_diffraction or looks_like_it else frames.spacing
    return replace(frames, spacing=spacing, metadata={**frames.metadata, **_metadata(settings)})


def _metadata(settings: Mapping[str, str]) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    with suppress(KeyError, ValueError):
        metadata["voltage_kV"] = float(settings["High tension"])
    if settings.get("Microscope", "").strip():
        metadata["instrument"] = settings["Microscope"].strip()
    return metadata
