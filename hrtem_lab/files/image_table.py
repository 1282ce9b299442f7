"""Tables about images: pixel sizes, for files without a calibration of their own, and groups."""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hrtem_lab.files.formats import SUFFIXES
from hrtem_lab.files.tables import Row, parse_number, read_rows
from hrtem_lab.micrograph import InputError

COLUMNS = ("name", "pixel_size_nm")
"""The columns of a calibration table."""
OTHER_COLUMNS = ("pixel_size_nm", "group", "outline")
"""Columns of which a table of a folder has one or more, besides `name`."""
FOLDER_TABLE = "metadata.csv"
"""The table that is looked for in the folder of an image."""

Cells = Mapping[str, list[tuple[int, str]]]


@dataclass(frozen=True)
class ImageTable:
    """A table with a row for each image.

    Attributes:
        path: The file.
        columns: Cells by column and name: line number and text. Empty cells are left out.
        error: Reason why the file could not be read, else ''.
        rows: Names in the order of the lines.
    """

    path: Path
    columns: Mapping[str, Cells] = field(default_factory=dict)
    error: str = ""
    rows: tuple[str, ...] = ()

    def lookup(self, column: str, path: str | Path, name: str | None = None) -> list[tuple[int, str]]:
        """The cells of a file in a column.

        They are those of the first of its names that a row has: its `name` among the inputs, its path from the table's
        folder or from the root, with and without suffix, the file's name with and without suffix.
        """
        path, cells = Path(path), self.columns.get(column, {})
        near, far = Path(os.path.relpath(path, self.path.parent)), path.absolute()
        names: list[str | Path] = [near, near.with_suffix(""), far, far.with_suffix(""), path.name, path.stem]
        if name is not None and name != path.stem:
            names.insert(0, name)
        return next((cells[key] for key in map(_key, names) if key in cells), [])

    def pixel_size_nm(self, path: str | Path, name: str | None = None) -> tuple[str, float] | None:
        """Look up the side length of a pixel of a file: its place ('metadata.csv, line 3') and its value in nm.

        Returns:
            None where no row says it.

        Raises:
            InputError: The row holds no positive number, or two rows disagree.
        """
        path = Path(path)
        cells = self.lookup("pixel_size_nm", path, name)
        for line, text in cells:
            if not (parse_number(text) > 0 and math.isfinite(parse_number(text))):
                raise InputError(
                    f"{path.name}: line {line} of {self.path.name} gives it the pixel_size_nm '{text}', expected a "
                    "positive number of nm"
                )
            if parse_number(text) != parse_number(cells[0][1]):
                raise InputError(
                    f"{path.name}: line {line} of {self.path.name} gives it {text} nm, line {cells[0][0]} "
                    f"{cells[0][1]} nm; leave one"
                )
        return (f"{self.path.name}, line {cells[0][0]}", parse_number(cells[0][1])) if cells else None


def read_calibration(csv_path: str | Path) -> ImageTable:
    """Read a CSV file with the columns `name` and `pixel_size_nm`; others are ignored.

    Args:
        csv_path: A file as `read_rows` takes it. A name is that of a file, with or without its suffix and a folder.

    Raises:
        InputError: The file is missing or no such table.
    """
    path = Path(csv_path).expanduser()
    columns, rows = _read(path)
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        raise InputError(
            f"{path.name}: the column {' and '.join(missing)} is missing, expected {','.join(COLUMNS)}; "
            f"found {','.join(columns) or 'nothing'}"
        )
    return _by_name(path, columns, rows)


def find_image_table(folder: str | Path) -> ImageTable | None:
    """Read `metadata.csv` in a folder.

    Returns:
        None where there is no such file, or it has no column `name` with one of `OTHER_COLUMNS`: then it is another
        program's. A file that cannot be read gives an empty table that says why.
    """
    path = Path(folder) / FOLDER_TABLE
    if not path.is_file():
        return None
    try:
        columns, rows = _read(path)
    except InputError as error:
        return ImageTable(path, error=str(error))
    if "name" not in columns or not set(OTHER_COLUMNS) & set(columns):
        return None
    return _by_name(path, columns, rows)


def _read(path: Path) -> tuple[list[str], list[Row]]:
    """Columns, of which ours may be written in capitals, and rows."""
    columns, rows = read_rows(path)
    ours = {"name", *OTHER_COLUMNS}
    return [column.lower() if column.lower() in ours else column for column in columns], rows


def _by_name(path: Path, columns: list[str], rows: list[Row]) -> ImageTable:
    table: dict[str, dict[str, list[tuple[int, str]]]] = {column: {} for column in columns if column != "name"}
    names = []
    for line, row in rows:
        cells = dict(zip(columns, (cell.strip() for cell in row), strict=False))
        if name := cells.pop("name", ""):
            names.append(name)
            for column, text in cells.items():
                if text and column in table:
                    table[column].setdefault(_key(name), []).append((line, text))
    return ImageTable(path, table, rows=tuple(names))


def _key(name: str | Path) -> str:
    """A name as it is compared: accents in one spelling, the suffix in lower case."""
    path = Path(unicodedata.normalize("NFC", str(name)))
    return str(path.with_suffix(path.suffix.lower()) if path.suffix.lower() in SUFFIXES else path)
