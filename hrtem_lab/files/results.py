"""The folder that a prediction leaves, read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hrtem_lab.files.guard import reading
from hrtem_lab.micrograph import InputError

_FIELD = ("rows", "columns")
_AGAIN = "give a folder that hrtem_lab.predict wrote, or run it again"


def read_results(folder: str | Path, numbers: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read `particles.csv` and the fields of view in `summary.json`.

    Args:
        folder: What `hrtem_lab.predict` was given as `output`.
        numbers: Columns of particles.csv that are needed beside `micrograph` and `touches_edge`; they become floats.

    Returns:
        The particles, without `class` where no forest was asked; and `rows` and `columns` (px) of every micrograph,
        indexed by its name.

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


def _particles(path: Path, numbers: Sequence[str]) -> pd.DataFrame:
    with reading(path):
        empty = {name: [""] for name in (*numbers, "class")}  # and no more: a micrograph may be called NA
        table = pd.read_csv(path, dtype={"micrograph": str}, na_values=empty, keep_default_na=False)
        if missing := [name for name in ("micrograph", "touches_edge", *numbers) if name not in table]:
            raise InputError(f"{path}: the column {' and '.join(missing)} is missing; {_AGAIN}")
        table = table.astype(dict.fromkeys(numbers, float) | {"touches_edge": bool})
    return table.drop(columns="class") if "class" in table and table["class"].isna().all() else table


def _fields(path: Path) -> pd.DataFrame:
    with reading(path):
        rows = json.loads(path.read_text(encoding="utf-8"))["per_micrograph"]
        table = pd.DataFrame(rows, columns=["micrograph", *_FIELD]).dropna()
        return table.astype({"micrograph": str}).set_index("micrograph").astype(int)
