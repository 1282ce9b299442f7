"""The folder that a prediction leaves, read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hrtem_lab.files.errors import read_errors
from hrtem_lab.files.tables import parse_number, read_rows
from hrtem_lab.micrograph import OUTLINES, InputError

_FIELD = ("rows", "columns")
_AREA = ("field_nm2", "pixel_size_nm")
_NUMBER_ENDS = ("_nm", "_nm2", "_deg", "_px")
"""Ends of the names of columns that hold numbers, if they are there."""
_AGAIN = "give a folder that hrtem_lab.predict wrote, or run it again"


def read_results(folder: str | Path, numbers: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read `particles.csv` and the fields of view in `summary.json`.

    Args:
        folder: Output folder of `hrtem_lab.predict`.
        numbers: Columns of particles.csv that are needed beside `micrograph` and `touches_edge`; they become floats.

    Returns:
        The particles, without `class` where no forest was asked; and `group`, `rows` and `columns` (px), `field_nm2`
        (without what an earlier micrograph shows) and `pixel_size_nm` of every micrograph, indexed by its name; the
        last two are NaN where they are not known.

    Raises:
        InputError: It is no such folder, a file or column is missing or holds something else, or a micrograph's field
            is not known.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise InputError(f"{folder}: {'is a file' if folder.exists() else 'no such folder'}; {_AGAIN}")
    for name in ("particles.csv", "summary.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: holds no {name}; {_AGAIN}")
    particles = _particles(folder / "particles.csv", numbers)
    fields = _fields(folder / "summary.json")
    if unknown := sorted(set(particles["micrograph"]) - set(fields.index)):
        raise InputError(f"{folder}: summary.json says no size in pixels of {unknown[0]}; {_AGAIN}")
    return particles, fields


def read_outline(folder: str | Path) -> str:
    """The outline by which a prediction goes; the geometric one where nothing is said, as in those of before."""
    try:
        summary = json.loads((Path(folder).expanduser() / "summary.json").read_text(encoding="utf-8"))
        return str(summary["outline"])
    except (OSError, ValueError, LookupError, TypeError):
        return OUTLINES[0]


def read_summary(folder: Path) -> dict[str, Any]:
    """Read `summary.json` in a folder that `hrtem_lab.predict` wrote.

    Raises:
        InputError: It is not there, or holds something else.
    """
    path = folder / "summary.json"
    with read_errors(path):
        summary = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(summary, dict):
            raise ValueError("expected an object")
    return summary


def find_outputs(folder: Path) -> set[Path]:
    """The masks and overlays that `summary.json` in a folder tells of; none where it tells of none."""
    try:
        rows = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["per_micrograph"]
        masks = {folder / "masks" / f"{row.get('mask', row['micrograph'])}.tif" for row in rows}
        return masks | {folder / "overlays" / f"{row['micrograph']}.png" for row in rows}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # no such file, or one of another kind
        return set()


def _particles(path: Path, numbers: Sequence[str]) -> pd.DataFrame:
    columns, rows = read_rows(path)
    if missing := [name for name in ("micrograph", "touches_edge", *numbers) if name not in columns]:
        raise InputError(f"{path}: the column {' and '.join(missing)} is missing; {_AGAIN}")
    cells = [(row + [""] * len(columns))[: len(columns)] for _, row in rows]
    table = pd.DataFrame(cells, columns=columns, dtype=str)
    cut = table["touches_edge"].str.strip().str.lower().map({"true": True, "false": False})
    if cut.isna().any():
        other = table["touches_edge"][cut.isna()].iloc[0]
        raise InputError(f"{path}: touches_edge is '{other}' of a particle, expected True or False; {_AGAIN}")
    others = (name for name in columns if name.startswith("p_") or name.endswith(_NUMBER_ENDS))
    numeric = dict.fromkeys([*numbers, *others])
    lines = [line for line, _ in rows]
    table = table.assign(
        touches_edge=cut.astype(bool), **{name: _numbers(table[name], lines, path) for name in numeric}
    )
    if "class" in table:
        table["class"] = table["class"].replace("", None)
    return table.drop(columns="class") if "class" in table and table["class"].isna().all() else table


def _numbers(texts: pd.Series, lines: Sequence[int], path: Path) -> pd.Series:
    """A column of numbers, with a point or a comma; NaN where a cell is empty."""
    numbers = texts.map(parse_number).astype(float)
    for line, text, number in zip(lines, texts, numbers, strict=True):
        if text.strip() and np.isnan(number) and text.strip().lower() != "nan":
            raise InputError(
                f"{path}: cannot be read as .csv: {texts.name} is '{text}' in line {line}, expected a number; {_AGAIN}"
            )
    return numbers


def _fields(path: Path) -> pd.DataFrame:
    with read_errors(path):
        rows = json.loads(path.read_text(encoding="utf-8"))["per_micrograph"]
        fields = [row | {key: row.get(f"field_{key}", row.get(key)) for key in _FIELD} for row in rows]
        for row in fields:
            row["field_nm2"] = row.get("field_once_nm2", row.get("field_nm2"))
            row["group"] = row.get("group") or row["micrograph"]
        table = pd.DataFrame(fields, columns=["micrograph", "group", *_FIELD, *_AREA]).dropna(
            subset=["micrograph", *_FIELD]
        )
        table = table.astype(
            {"micrograph": str, "group": str, **dict.fromkeys(_FIELD, int), **dict.fromkeys(_AREA, float)}
        )
        table = table.set_index("micrograph")
    if twice := sorted(set(table.index[table.index.duplicated()])):
        raise InputError(
            f"{path}: two micrographs are called {twice[0]}; rename a file, and run hrtem_lab.predict again"
        )
    return table
