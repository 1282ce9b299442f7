"""A folder of labels to be mended by hand and learned from: image, label, and what is known of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import tifffile

from hrtem_lab.files.errors import read_errors
from hrtem_lab.files.image_table import FOLDER_TABLE
from hrtem_lab.files.labels import ENDINGS
from hrtem_lab.files.tables import read_rows
from hrtem_lab.files.write import SOFTWARE, write_image, write_mask, write_table
from hrtem_lab.micrograph import IntArray, Micrograph

COLUMNS = ("name", "pixel_size_nm", "group", "outline")
"""Columns of the table of a folder of labels."""


def label_path(folder: Path, name: str) -> Path:
    """File of the label of a micrograph."""
    return folder / f"{name}{ENDINGS[0]}.tif"


def write_label(folder: Path, micrograph: Micrograph, instances: IntArray) -> None:
    """Write `<name>.tif` (float32) and `<name>_label.tif` (particle numbers, uint16), calibrated for ImageJ.

    A label that another program has saved is kept: somebody has mended it.

    Raises:
        InputError: A file cannot be written, or the label that is there cannot be read.
    """
    label = label_path(folder, micrograph.name)
    if not label.exists() or is_untouched(label):
        write_image(folder / f"{micrograph.name}.tif", micrograph.image, micrograph.pixel_size_nm)
        write_mask(label, instances, micrograph.pixel_size_nm)


def is_untouched(label: Path) -> bool:
    """Whether a label is as `write_label` left it.

    Raises:
        InputError: It cannot be read.
    """
    with read_errors(label), tifffile.TiffFile(label) as tiff:
        return tiff.pages.first.software == SOFTWARE


def write_label_table(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write `metadata.csv`, with a row for each micrograph whose label is there; a row that is there already is kept.

    Args:
        folder: Folder of the labels.
        rows: `COLUMNS` of each micrograph.

    Raises:
        InputError: The table cannot be read or written.
    """
    path = folder / FOLDER_TABLE
    columns, lines = read_rows(path) if path.is_file() else (list(COLUMNS), [])
    kept = pd.DataFrame([dict(zip(columns, cells, strict=False)) for _, cells in lines], columns=columns)
    there = [row for row in rows if label_path(folder, row["name"]).exists()]
    added = pd.DataFrame(there, columns=list(COLUMNS)).astype(str)
    table = pd.concat([kept, added[~added["name"].isin(kept["name"])]], ignore_index=True)
    write_table(path, table.sort_values("name"))
