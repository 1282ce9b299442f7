"""What stands in a table about images: pixel sizes, for files without a calibration of their own, and groups."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from hrtem_lab.files.guard import reading
from hrtem_lab.files.read import SUFFIXES
from hrtem_lab.micrograph import InputError

_COLUMNS = ("name", "pixel_size_nm")


def read_calibration(csv_path: str | Path) -> dict[str, float]:
    """Read a CSV file with the columns `name` and `pixel_size_nm`; others are ignored.

    Args:
        csv_path: Comma-separated, UTF-8. A name may be written with or without the suffix of its file.

    Returns:
        Edge of a pixel in nm for each name without suffix.

    Raises:
        InputError: The file is missing or no such table, a row has no name or no positive size, or two rows disagree.
    """
    path = Path(csv_path)
    columns, rows = _table(path)
    missing = [column for column in _COLUMNS if column not in columns]
    if missing:
        raise InputError(
            f"{path.name}: the column {' and '.join(missing)} is missing, expected {','.join(_COLUMNS)}; "
            f"found {','.join(columns) or 'nothing'}"
        )
    sizes: dict[str, float] = {}
    for line, row in rows:
        name, size_nm = _name_and_size(f"{path.name}: line {line}", dict(zip(columns, row, strict=False)))
        if sizes.setdefault(name, size_nm) != size_nm:
            raise InputError(f"{path.name}: line {line} gives {name} {size_nm} nm, an earlier line {sizes[name]} nm")
    return sizes


def find_calibration(folder: str | Path) -> dict[str, float]:
    """Read `metadata.csv` in a folder as `read_calibration` does; empty where it is absent or lacks the columns.

    Raises:
        InputError: The table cannot be read, or it has the columns and a bad row.
    """
    path = Path(folder) / "metadata.csv"
    if not path.is_file() or not set(_COLUMNS) <= set(_table(path)[0]):
        return {}
    return read_calibration(path)


def find_groups(folder: str | Path) -> dict[str, str]:
    """Read what a split may not divide, the column `group` of `metadata.csv` in a folder, by name without suffix.

    Returns:
        Empty where there is no such table or column; a name whose cell is empty is left out.

    Raises:
        InputError: The table cannot be read.
    """
    path = Path(folder) / "metadata.csv"
    columns, rows = _table(path) if path.is_file() else ([], [])
    if not {"name", "group"} <= set(columns):
        return {}
    cells = [dict(zip(columns, (cell.strip() for cell in row), strict=False)) for _, row in rows]
    return {_stem(row["name"]): row["group"] for row in cells if row.get("group")}


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Column names, and the rows that are not blank with their line numbers."""
    with reading(path), path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, skipinitialspace=True, strict=True)
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    columns = [column.strip() for column in rows[0][1]] if rows else []
    return columns, rows[1:]


def _name_and_size(place: str, row: dict[str, str]) -> tuple[str, float]:
    name, size = (row.get(column, "").strip() for column in _COLUMNS)
    name = _stem(name)
    if not name:
        raise InputError(f"{place} has no name")
    try:
        size_nm = float(size)
    except ValueError:
        size_nm = math.nan
    if not (math.isfinite(size_nm) and size_nm > 0):
        raise InputError(f"{place}: the pixel_size_nm of {name} is '{size}', expected a positive number of nm")
    return name, size_nm


def _stem(name: str) -> str:
    return Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name
