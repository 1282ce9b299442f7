"""Regions of interest of ImageJ and Fiji."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import roifile

from hrtem_lab.atomic_write import atomic_write
from hrtem_lab.files.exports.curves import Borders, Points, to_xy

MOVE_TO, LINE_TO, CLOSE = 0.0, 1.0, 4.0
"""Steps of a path, as Java and so ImageJ number them."""


def write_imagej_rois(path: Path, borders: Borders, classes: Mapping[Any, str]) -> None:
    """Write the borders as a zip file that ImageJ's ROI manager opens.

    A region is named by the number of its particle and its class. It measures the same area as the mask.

    Args:
        path: The file.
        borders: Border of each particle.
        classes: Class of each particle that has one.

    Raises:
        InputError: The file cannot be written.
    """
    width = len(str(max(borders, default=0)))
    names = {number: f"{number:0{width}d} {classes.get(number, '')}".strip() for number in borders}
    regions = [_region([to_xy(curve) for curve in curves], names[number]) for number, curves in borders.items()]
    with atomic_write(path) as unfinished:
        roifile.roiwrite(unfinished, regions, mode="w")


def _region(curves: list[Points], name: str) -> roifile.ImagejRoi:
    """A traced polygon, or what ImageJ calls a composite where there is more than one curve."""
    points = np.concatenate(curves)
    if len(curves) == 1:
        is_whole = np.array_equal(points, np.round(points))
        region = roifile.ImagejRoi.frompoints(points[:-1].astype(np.int32 if is_whole else np.float32), name=name)
        region.roitype = roifile.ROI_TYPE.TRACED
        return region
    left, top = np.floor(points.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(points.max(axis=0)).astype(int).tolist()
    path = np.array(list(_steps(curves)), dtype=np.float32)
    return roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT,
        name=name,
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        shape_roi_size=len(path),
        multi_coordinates=path,
    )


def _steps(curves: Iterable[Points]) -> Iterable[float]:
    """Steps and coordinates of a path along all curves."""
    for curve in curves:
        for number, (x, y) in enumerate(curve[:-1]):
            yield from (LINE_TO if number else MOVE_TO, x, y)
        yield CLOSE
