"""What stands in a table about images: pixel sizes, for files without a calibration of their own, and groups."""

from __future__ import annotations

import csv
import math
import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from hrtem_lab.files.errors import read_errors
from hrtem_lab.files.read import SUFFIXES, read
from hrtem_lab.micrograph import InputError, Micrograph

_COLUMNS = ("name", "pixel_size_nm")


@dataclass(frozen=True)
class Column:
    """One column of a table about images.

    Attributes:
        table: The file.
        cells: What stands in the rows of each name: line number and text. Empty cells are left out.
    """

    table: Path
    cells: dict[str, list[tuple[int, str]]]

    def lookup(self, path: str | Path, name: str | None = None) -> list[tuple[int, str]]:
        """The cells of a file.

        They are those of the first of its names that a row has: its `name` among the inputs, its path from the table's
        folder or from the root, with and without suffix, the file's name with and without suffix.
        """
        path = Path(path)
        near, far = Path(os.path.relpath(path, self.table.parent)), path.absolute()
        names: list[str | Path] = [near, near.with_suffix(""), far, far.with_suffix(""), path.name, path.stem]
        if name is not None and name != path.stem:
            names.insert(0, name)
        return next((self.cells[key] for key in map(_key, names) if key in self.cells), [])

    def size_nm(self, path: str | Path, name: str | None = None) -> float | None:
        """Edge of a pixel of a file in nm, or None where no row says it.

        Raises:
            InputError: Its row holds no positive number, or two rows disagree.
        """
        path = Path(path)
        cells = self.lookup(path, name)
        for line, text in cells:
            if not (_number(text) > 0 and math.isfinite(_number(text))):
                raise InputError(
                    f"{path.name}: line {line} of {self.table.name} gives it the pixel_size_nm '{text}', expected a "
                    "positive number of nm"
                )
            if _number(text) != _number(cells[0][1]):
                raise InputError(
                    f"{path.name}: line {line} of {self.table.name} gives it {text} nm, line {cells[0][0]} "
                    f"{cells[0][1]} nm; leave one"
                )
        return _number(cells[0][1]) if cells else None


def read_calibrated(
    path: str | Path, tables: Iterable[Column | None], pixel_size_nm: float | None = None, name: str | None = None
) -> list[Micrograph]:
    """Read a file as `read` does; its pixel size is from the first of the tables that says it, else as given."""
    asked = [table for table in tables if table is not None]
    sizes = (table.size_nm(path, name) for table in asked)
    size = next((size for size in sizes if size is not None), pixel_size_nm)
    return read(path, size, name, [table.table.name for table in asked])


def read_calibration(csv_path: str | Path) -> Column:
    """Read a CSV file with the columns `name` and `pixel_size_nm`; others are ignored.

    Args:
        csv_path: UTF-8, with commas, or with semicolons and perhaps decimal commas. A name is that of a file, with or
            without its suffix and a folder.

    Raises:
        InputError: The file is missing or no such table.
    """
    path = Path(csv_path).expanduser()
    columns, rows = _table(path)
    missing = [column for column in _COLUMNS if column not in columns]
    if missing:
        raise InputError(
            f"{path.name}: the column {' and '.join(missing)} is missing, expected {','.join(_COLUMNS)}; "
            f"found {','.join(columns) or 'nothing'}"
        )
    return _column(path, columns, rows, "pixel_size_nm")


def find_calibration(folder: str | Path) -> Column | None:
    """Read `metadata.csv` in a folder as `read_calibration` does; None where it is absent or lacks the columns.

    Raises:
        InputError: The table cannot be read.
    """
    return _beside(Path(folder), "pixel_size_nm")


def find_groups(folder: str | Path) -> Column | None:
    """Read what a split may not divide, the column `group` of `metadata.csv` in a folder.

    Returns:
        None where there is no such table or column.

    Raises:
        InputError: The table cannot be read.
    """
    return _beside(Path(folder), "group")


def _beside(folder: Path, column: str) -> Column | None:
    path = folder / "metadata.csv"
    columns, rows = _table(path) if path.is_file() else ([], [])
    return _column(path, columns, rows, column) if {"name", column} <= set(columns) else None


def _column(path: Path, columns: list[str], rows: list[tuple[int, list[str]]], column: str) -> Column:
    cells: dict[str, list[tuple[int, str]]] = {}
    for line, row in rows:
        named = dict(zip(columns, (cell.strip() for cell in row), strict=False))
        if named.get("name") and named.get(column):
            cells.setdefault(_key(named["name"]), []).append((line, named[column]))
    return Column(path, cells)


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Column names, and the rows that are not blank with their line numbers."""
    with read_errors(path):
        text = path.read_text(encoding="utf-8-sig")
        header = next((line for line in text.splitlines() if line.strip()), "")
        delimiter = ";" if ";" in header and "," not in header else ","
        reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    columns = [column.strip() for column in rows[0][1]] if rows else []
    return columns, rows[1:]


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan


def _key(name: str | Path) -> str:
    """A name as it is compared: accents in one spelling, the suffix in lower case."""
    path = Path(unicodedata.normalize("NFC", str(name)))
    return str(path.with_suffix(path.suffix.lower()) if path.suffix.lower() in SUFFIXES else path)
