"""Analysis of one file that was sent, in a child process: its result as JSON, with pictures in a folder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from skimage.measure import approximate_polygon

from hrtem_lab.analysis.analyser import Analyser, Analysis, no_particles
from hrtem_lab.analysis.summary import describe_micrograph
from hrtem_lab.atomic_write import atomic_write
from hrtem_lab.figures.micrographs import overlay
from hrtem_lab.figures.style import save
from hrtem_lab.files import read, write_json, write_mask, write_table
from hrtem_lab.files.reader_pool import ReaderPool
from hrtem_lab.image import rescale_intensity
from hrtem_lab.micrograph import FloatArray, InputError, IntArray, Micrograph
from hrtem_lab.particles.closed_curves import contours
from hrtem_lab.particles.crops import boxes
from hrtem_lab.progress import ProgressCallback, no_progress
from hrtem_lab.service.task import RESULT, TABLE, AnalysisSettings, Upload

MAX_PICTURE_PX = 4096
"""Longest side of the picture that the page shows."""
OUTLINE_TOLERANCE_PX = 0.5
"""Largest distance of an outline that is sent from the border of the pixels."""


@lru_cache(maxsize=1)
def load(settings: AnalysisSettings) -> tuple[Analyser, ReaderPool]:
    """Load the model in this process, which keeps it, and start a process that reads files.

    Raises:
        InputError: The folder holds no model.
    """
    analyser = Analyser.load(settings.model, settings.features, tta=settings.tta)
    return analyser, ReaderPool(settings.read_limit_s, settings.read_limit_gib)


def analyse_upload(
    settings: AnalysisSettings, upload: Upload, folder: Path, progress: ProgressCallback = no_progress
) -> None:
    """Analyse a file, and write its pictures, its table and, last, its result.

    `result.json` has `name`, `model` and `micrographs`: for each what `describe_micrograph` says, its `table` with the
    `outline` of every particle as (column, row) in pixels, and the names of its `picture`, `overlay` and `mask`.

    Args:
        settings: Settings of the analysis.
        upload: The file.
        folder: Folder of the results.
        progress: Called after each tile of an image.

    Raises:
        InputError: The file cannot be read or analysed.
    """
    analyser, readers = load(settings)
    try:
        micrographs: list[Micrograph] = readers.call(
            read, upload.path, upload.path, upload.pixel_size_nm, Path(upload.name).stem
        )
    except InputError as error:
        raise InputError(str(error).replace(upload.path.name, upload.name)) from None
    described, tables = [], [no_particles().reset_index().assign(micrograph=[])]
    for number, micrograph in enumerate(micrographs):
        analysis = analyser(micrograph, progress=progress)
        tables.append(analysis.table.reset_index().assign(micrograph=micrograph.name))
        row = describe_micrograph(analysis, upload.path) | {"file": upload.name}
        described.append({**row, "table": _particles(analysis), **_write_pictures(analysis, folder, number)})
    filled = [table for table in tables if len(table)] or tables[:1]
    write_table(folder / TABLE, pd.concat(filled, ignore_index=True))
    model = {key: value for key, value in analyser.model.items() if key != "folder"}
    write_json(folder / RESULT, {"name": upload.name, "model": model, "micrographs": described})


def _particles(analysis: Analysis) -> list[dict[str, Any]]:
    """Rows of the particles with their outlines."""
    outlines = {number: _outline(analysis.instances, number, box) for number, box in boxes(analysis.instances)}
    rows: list[dict[str, Any]] = analysis.table.reset_index().to_dict("records")  # type: ignore[assignment]
    return [{**row, "outline": outlines[row["particle"]]} for row in rows]


def _outline(instances: IntArray, number: int, box: tuple[slice, slice]) -> list[list[float]]:
    """The longest border of a particle as (column, row) of its corners; (0, 0) is the middle of the first pixel."""
    alone = np.pad(instances[box] == number, 1).astype(float)
    curve = approximate_polygon(max(contours(alone, 0.5), key=len), OUTLINE_TOLERANCE_PX)
    return [[float(column + box[1].start - 1), float(row + box[0].start - 1)] for row, column in curve]


def _write_pictures(analysis: Analysis, folder: Path, number: int) -> dict[str, str]:
    """Write picture, overlay and mask, and return their names by what they are."""
    names = {"picture": f"picture-{number}.png", "overlay": f"overlay-{number}.png", "mask": f"mask-{number}.tif"}
    _write_grey(folder / names["picture"], analysis.micrograph.image)
    save(overlay(analysis), folder / names["overlay"])
    write_mask(folder / names["mask"], analysis.instances, analysis.micrograph.pixel_size_nm)
    return names


def _write_grey(path: Path, image: FloatArray) -> None:
    """Write an image as 8-bit PNG, stretched between its 0.2 % and 99.8 % quantiles."""
    rows, columns = image.shape
    zoom = min(1.0, MAX_PICTURE_PX / max(rows, columns))
    if zoom < 1:
        size = max(round(columns * zoom), 1), max(round(rows * zoom), 1)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    _, png = cv2.imencode(".png", (255 * rescale_intensity(image, 0.002)).round().astype(np.uint8))
    with atomic_write(path) as unfinished:
        unfinished.write_bytes(png.tobytes())
