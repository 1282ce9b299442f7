"""Pixel sizes in TIFF files, from the tags and descriptions of the programs and instruments that write them.

What each maker's tags mean is as RosettaSciIO (`rsciio.tiff`) reads them, which knows them from real files.
"""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from hrtem_lab.files.frames import Length
from hrtem_lab.files.units import is_reciprocal, to_nm

Spacing = tuple[Length, Length]
"""Height and width of a pixel."""

_DM_UNIT, _DM_SCALE = (65004, 65003), (65010, 65009)
"""Private tags of DigitalMicrograph for rows and columns; HyperSpy and RosettaSciIO write them, too."""
_IMAGEJ, _FEI, _ZEISS, _TVIPS, _OLYMPUS = "ImageJ=", (34682, 34680), 34118, 37706, (33560, 33471)
_HC_EV_NM = 1239.841984
_ELECTRON_REST_EV = 510998.95


def page_spacing(page: tifffile.TiffPage, ome_xml: str = "", number: int = 0) -> Spacing | None:
    """The size of a pixel of a page, from the first place that says it.

    HyperSpy and RosettaSciIO write the exact size into DigitalMicrograph's tags and a rounded one for ImageJ, so the
    former is asked first.

    Returns:
        Height and width with their units, whatever these are; None where nothing is stated.
    """
    finders: tuple[Callable[[], Spacing | None], ...] = (
        lambda: _digital_micrograph(page),
        lambda: _imagej(page),
        lambda: _scifio(page),
        lambda: _ome(ome_xml, number),
        lambda: _tifffile(page),
        lambda: _fei(page),
        lambda: _zeiss(page),
        lambda: _tvips(page),
        lambda: _olympus(page),
        lambda: _jeol(page),
    )
    spacings = []
    for find in finders:
        try:
            spacings.append(find())
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError, ET.ParseError):
            continue  # a tag that holds something else than its maker writes
    stated = [spacing for spacing in spacings if spacing is not None]
    return next((spacing for spacing in stated if _is_understood(spacing)), stated[0] if stated else None)


def page_metadata(page: tifffile.TiffPage) -> dict[str, Any]:
    """Data that an instrument wrote into a page beside the image, as nested dictionaries."""
    description = _description(page)
    if page.tags.valueof(271) == "JEOL Ltd.":
        try:
            return {"ImageDescription": _to_dict(_jeol_xml(description))}
        except ET.ParseError:
            return {}
    return {}


def find_ome_xml(tiff: tifffile.TiffFile, path: Path) -> str:
    """The OME-XML of a file, or, where it only names the file that has it, of that one; '' where there is none."""
    description = _description(tiff.pages[0].aspage()) if len(tiff.pages) else ""
    if "<OME" not in description and ":OME" not in description:
        return ""
    other = re.search(r'<(?:\w+:)?BinaryOnly\b[^>]*\bMetadataFile="([^"]+)"', description)
    if other is None:
        return description
    beside = path.with_name(Path(html.unescape(other[1])).name)
    if not beside.is_file() or beside == path:
        return ""
    if beside.suffix.lower() not in (".tif", ".tiff"):
        return beside.read_text(encoding="utf-8", errors="replace")
    with tifffile.TiffFile(beside) as master:
        return _description(master.pages[0].aspage())


def _is_understood(spacing: Spacing) -> bool:
    return all(to_nm(*length) is not None or is_reciprocal(length[1]) for length in spacing)


def _description(page: tifffile.TiffPage) -> str:
    text = page.tags.valueof(270)
    return text if isinstance(text, str) else ""


def _resolution(page: tifffile.TiffPage) -> tuple[float, float]:
    """Units per pixel along rows and columns, 0 where the tags say nothing."""
    (pixels_y, length_y), (pixels_x, length_x) = (page.tags.valueof(code) or (0, 1) for code in (283, 282))
    return length_y / (pixels_y or np.inf), length_x / (pixels_x or np.inf)


def _digital_micrograph(page: tifffile.TiffPage) -> Spacing | None:
    (height, width), (unit_y, unit_x) = ([page.tags.valueof(code) for code in codes] for codes in (_DM_SCALE, _DM_UNIT))
    if height is None or width is None or not (unit_y or unit_x):
        return None
    return (float(height), unit_y), (float(width), unit_x)


def _imagej(page: tifffile.TiffPage) -> Spacing | None:
    """ImageJ keeps the unit in the description and pixels per unit in the resolution tags."""
    description = _description(page)
    if not description.startswith(_IMAGEJ):
        return None
    units = dict(re.findall(r"^(y?unit)=(.*)$", description, flags=re.MULTILINE))
    if "unit" not in units:
        return None
    height, width = _resolution(page)
    return (height, units.get("yunit", units["unit"])), (width, units["unit"])


def _scifio(page: tifffile.TiffPage) -> Spacing | None:
    """SCIFIO, with which Fiji can save, writes lists of axes, scales and units into the description."""
    description = _description(page)
    if not description.startswith("SCIFIO="):
        return None
    lists = {key: text.split(",") for key, text in re.findall(r"^(axes|scales|units)=(.*)$", description, re.MULTILINE)}
    axes = [axis.strip().upper() for axis in lists["axes"]]
    height, width = ((float(lists["scales"][axes.index(axis)]), lists["units"][axes.index(axis)]) for axis in "YX")
    return height, width


def _tifffile(page: tifffile.TiffPage) -> Spacing | None:
    """Python programs that write through tifffile keep the unit in JSON, and pixels per unit as ImageJ does."""
    description = _description(page)
    metadata = json.loads(description) if description.startswith("{") else {}
    unit = metadata.get("unit")
    if not unit:
        return None
    height, width = _resolution(page)
    return (height, unit), (width, unit)


def _ome(ome_xml: str, number: int) -> Spacing | None:
    """OME keeps the sides of a pixel in its XML, in micrometres where no unit stands (schema 2016-06).

    Args:
        ome_xml: The XML.
        number: Number of the image in it, which counts where the images differ.
    """
    pixels = re.findall(r"<(?:\w+:)?Pixels\b[^>]*>", ome_xml)
    sizes = [dict(re.findall(r'\bPhysicalSize([XY](?:Unit)?)="([^"]+)"', html.unescape(each))) for each in pixels]
    if not sizes or (number >= len(sizes) and any(each != sizes[0] for each in sizes)):
        return None
    size = sizes[number] if number < len(sizes) else sizes[0]
    height, width = ((float(size[axis]), size.get(f"{axis}Unit", "µm")) for axis in "YX")
    return height, width


def _fei(page: tifffile.TiffPage) -> Spacing | None:
    """FEI's scanning and focused-ion-beam microscopes: the step of the scan, or the width of the field, in metres."""
    metadata = _first(page, _FEI)
    if not metadata:
        return None
    if "PixelWidth" in metadata.get("Scan", {}):
        return (float(metadata["Scan"]["PixelHeight"]), "m"), (float(metadata["Scan"]["PixelWidth"]), "m")
    field, image = metadata["IRBeam"], metadata["Image"]
    height, width = float(field["VFW"]) / float(image["ResolutionY"]), float(field["HFW"]) / float(image["ResolutionX"])
    return (height, "m"), (width, "m")


def _zeiss(page: tifffile.TiffPage) -> Spacing | None:
    """Zeiss' scanning microscopes: metres per pixel of a picture that is 1024 pixels wide."""
    metadata = page.tags.valueof(_ZEISS)
    if not metadata:
        return None
    edge = float(metadata[""][3]) * 1024 / page.imagewidth
    return (edge, "m"), (edge, "m")


def _tvips(page: tifffile.TiffPage) -> Spacing | None:
    """Cameras of TVIPS: nanometres, or pixels per centimetre in the resolution tags."""
    metadata = page.tags.valueof(_TVIPS)
    if not metadata:
        return None
    if "PixelSizeX" in metadata and "PixelSizeY" in metadata:
        return (float(metadata["PixelSizeY"]), "nm"), (float(metadata["PixelSizeX"]), "nm")
    height, width = _resolution(page)
    return (height * 1e-2, "m"), (width * 1e-2, "m")


def _olympus(page: tifffile.TiffPage) -> Spacing | None:
    """Cameras of Olympus Soft Imaging Solutions (now EMSIS): metres."""
    metadata = _first(page, _OLYMPUS)
    if not metadata:
        return None
    return (float(metadata["pixelsizey"]), "m"), (float(metadata["pixelsizex"]), "m")


def _jeol(page: tifffile.TiffPage) -> Spacing | None:
    """JEOL's SightX: the resolution on the screen divided by the magnification, or by the camera length."""
    if page.tags.valueof(271) != "JEOL Ltd.":
        return None
    tem = _jeol_xml(_description(page))
    if tem.findtext(".//EosMode") != "eosTEM":
        return None
    imaging = tem.find(".//ImageFormingSystem")
    assert imaging is not None
    inch = int(page.tags.valueof(296) or 0) == 2
    height, width = (step * (0.0254 if inch else 0.01) for step in _resolution(page))  # metres on the screen
    value, mode = float(imaging.findtext("SelectorValue") or 0), imaging.findtext("ModeString")
    if mode == "MAG":
        return (height / value, "m"), (width / value, "m")
    if mode == "DIFF":
        length_m = value * {"mm": 1e-3, "cm": 1e-2}.get(imaging.findtext("SelectorUnitString") or "", 1.0)
        scale = 1 / (length_m * _wavelength_nm(float(tem.findtext(".//AccelerationVoltage") or 0)))
        return (height * scale, "1/nm"), (width * scale, "1/nm")
    return None


def _jeol_xml(description: str) -> ET.Element:
    return ET.fromstring("".join(line.strip(" \r\n\t\x01\x00") for line in description.split("\n")))


def _wavelength_nm(voltage_V: float) -> float:
    """Wavelength of electrons: hc / sqrt(E (E + 2 m c^2)) with E = eU."""
    return float(_HC_EV_NM / np.sqrt(voltage_V * (voltage_V + 2 * _ELECTRON_REST_EV)))


def _first(page: tifffile.TiffPage, codes: tuple[int, ...]) -> Mapping[str, Any] | None:
    return next((value for value in map(page.tags.valueof, codes) if isinstance(value, Mapping)), None)


def _to_dict(element: ET.Element) -> Any:
    """Elements by their names, texts where there are no more."""
    children = list(element)
    return {child.tag: _to_dict(child) for child in children} if children else element.text
