"""TIFF files through tifffile: cameras, microscopes, ImageJ, DigitalMicrograph, HyperSpy, OME."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from tifffile import PHOTOMETRIC

from hrtem_lab.files.frames import Deferred, Frames, Length, grey
from hrtem_lab.files.instrument_metadata import find_metadata
from hrtem_lab.files.orientation import QUARTER_TURNS, turn, turn_metadata, turn_note
from hrtem_lab.files.tiff_calibration import find_ome_xml, page_metadata, page_spacing

_COLOURED = (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR)
_SMALL_COPY, _MASK = 1, 4
"""Bits of the tag NewSubfileType."""
_MAX_PAGES = 256
"""Number of pages up to which each is asked for its calibration."""


def read_tiff(path: Path) -> list[Frames]:
    """Read every series of images; small copies and masks of an image are left out.

    Colours become grey, palettes are looked up, images in which 0 is white are inverted, and turned ones are turned
    back. Pixels stay in the file until they are asked for.

    Raises:
        Exception: Whatever tifffile raises for a broken file.
    """
    with tifffile.TiffFile(path) as tiff:
        ome_xml = find_ome_xml(tiff, path)
        stacks: list[Frames] = []
        for number, series in enumerate(tiff.series):
            page_numbers = [i for i, page in enumerate(series.pages) if page is not None and page.parent is tiff]
            for pages, spacing in _by_calibration(series, number, page_numbers, ome_xml):
                stacks.append(_frames(path, series, number, pages, spacing))
    return stacks


def _by_calibration(
    series: tifffile.TiffPageSeries, number: int, page_numbers: list[int], ome_xml: str
) -> list[tuple[list[int], tuple[Length, Length] | None]]:
    """The pages of a series in this file with their calibration; those without stand apart where only others have one.

    Programs write a calibration once, with the first page of what it is of.
    """
    if not page_numbers:
        return []
    first = page_spacing(_page(series, page_numbers[0]), ome_xml, number)
    if first is not None or len(page_numbers) == 1 or len(page_numbers) > _MAX_PAGES:
        return [(page_numbers, first)]
    spacings = {i: page_spacing(_page(series, i), ome_xml, number) for i in page_numbers}
    calibrated = [i for i in page_numbers if spacings[i] is not None]
    if not calibrated:
        return [(page_numbers, None)]
    return [([i for i in page_numbers if spacings[i] is None], None), (calibrated, spacings[calibrated[0]])]


def _frames(
    path: Path,
    series: tifffile.TiffPageSeries,
    number: int,
    pages: list[int],
    spacing: tuple[Length, Length] | None,
) -> Frames:
    page = _page(series, pages[0])
    axes, shape = series.axes, series.shape
    splits_colours = "S" in page.axes and "S" not in axes  # ImageJ's description knows no colour planes
    if len(pages) < len(series.pages) or splits_colours:  # pages one after the other
        axes, shape = f"Q{page.axes}", (len(pages), *page.shape)
        if len(pages) == 1:
            axes, shape = page.axes, page.shape
    if len(set(axes)) < len(axes) and "S" not in axes:  # tifffile's names of axes of length 1
        axes = f"{'Q' * (len(axes) - 2)}YX"
    excluded = ""
    if not {"Y", "X"} <= set(axes):
        excluded = "a row of numbers"
    elif int(page.subfiletype) & (_SMALL_COPY | _MASK):
        excluded = "a small copy or a mask of another image"
    turned = _orientation(page) in QUARTER_TURNS
    lengths = tuple(length for axis, length in zip(axes, shape, strict=True) if axis not in "SYX")
    rows, columns = (shape[axes.index(axis)] if axis in axes else 1 for axis in "YX")
    if turned and spacing:
        spacing = (spacing[1], spacing[0])

    def load() -> npt.NDArray[Any]:
        with tifffile.TiffFile(path) as again:
            file_series = again.series[number]
            is_all = len(pages) == len(file_series.pages)
            pixels = file_series.asarray() if is_all else np.stack([_page(file_series, i).asarray() for i in pages])
        pixels = pixels.reshape(shape)
        return turn(_to_grey(pixels, axes, page), _orientation(page))

    return Frames(
        Deferred((*lengths, columns, rows) if turned else (*lengths, rows, columns), np.dtype(series.dtype), load),
        spacing,
        find_metadata(page_metadata(page)) | turn_metadata(_orientation(page)),
        title=_title(series, page),
        is_coloured=page.photometric in _COLOURED and "S" in axes,
        excluded=excluded,
        notes=turn_note(_orientation(page)),
    )


def _page(series: tifffile.TiffPageSeries, number: int) -> tifffile.TiffPage:
    """A page of a series with its tags; the series knows that it has one of this number."""
    page = series.pages[number]
    assert page is not None
    return page.aspage()


def _title(series: tifffile.TiffPageSeries, page: tifffile.TiffPage) -> str:
    """Name of an image: OME's, or that of the page."""
    name = page.tags.valueof(285)  # PageName
    title = series.name if series.kind == "ome" else name
    return str(title or "").strip("\0 ")


def _to_grey(pixels: npt.NDArray[Any], axes: str, page: tifffile.TiffPage) -> npt.NDArray[Any]:
    """Pixels (..., rows, columns) in which a larger number is brighter."""
    if "S" in axes:
        channels = list(np.moveaxis(pixels, axes.index("S"), 0))
        axes = axes.replace("S", "")
        pixels = _mix(channels, page)
    order = [i for i, axis in enumerate(axes) if axis not in "YX"] + [axes.index("Y"), axes.index("X")]
    pixels = pixels.transpose(order)
    if page.photometric == PHOTOMETRIC.PALETTE and page.colormap is not None:
        return _look_up(pixels, page.colormap)
    return _invert(pixels, page) if is_inverted(page) else pixels


def is_inverted(page: tifffile.TiffPage) -> bool:
    """Whether 0 is white in a page.

    Booleans that tifffile wrote say so as well, though nobody meant it: it marks every image of one bit in this way.
    """
    by_default = page.bitspersample == 1 and page.software.startswith("tifffile")
    return page.photometric == PHOTOMETRIC.MINISWHITE and not by_default


def _mix(channels: list[npt.NDArray[Any]], page: tifffile.TiffPage) -> npt.NDArray[Any]:
    """Grey of the channels of a page; where they are no colours, the first is the image and others come with it."""
    if page.photometric == PHOTOMETRIC.SEPARATED and len(channels) >= 4:
        paper = [_invert(channel, page).astype(np.float32) for channel in channels[:4]]
        return grey([channel * paper[3] for channel in paper[:3]])
    return grey(channels if page.photometric in _COLOURED else channels[:1])


def _look_up(indices: npt.NDArray[Any], colormap: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Grey of palette colours, in 8 bits as a PNG file has them."""
    palette = grey([np.asarray(channel >> 8, dtype=np.uint8) for channel in colormap])
    return np.asarray(palette)[indices]


def _invert(pixels: npt.NDArray[Any], page: tifffile.TiffPage) -> npt.NDArray[Any]:
    """The negative: of unsigned integers within their bits, of other numbers by the sign."""
    if pixels.dtype.kind == "b":
        return ~pixels
    if pixels.dtype.kind == "u":
        white = pixels.dtype.type(2 ** int(page.bitspersample) - 1)
        return np.asarray(white - pixels)
    return np.negative(pixels.astype(np.float32 if pixels.dtype.kind == "i" else pixels.dtype))


def _orientation(page: tifffile.TiffPage) -> int:
    value = page.tags.valueof(274)
    return int(value) if value in range(1, 9) else 1
