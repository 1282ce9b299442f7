"""Content of a set of labelled micrographs: one reading of all of it, which collects everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from hrtem_lab.evaluation.near_duplicates import find_near_duplicates, hash_image
from hrtem_lab.files import LabelledEntry, LabelledSet
from hrtem_lab.micrograph import InputError, LabelledMicrograph
from hrtem_lab.progress import ProgressCallback, no_progress

NAMED = 5
"""Problems that a message names before it says how many more there are."""
COLUMNS = (
    *("group", "stack", "position", "origin", "outline", "rows", "columns", "pixel_size_nm", "label", "particles"),
    *("median_diameter_nm", "particle_fraction", "ignored_fraction", "annotators", "notes"),
)
"""Columns of `Survey.table`, before those of the set's own tables."""


@dataclass(frozen=True)
class Survey:
    """Everything that a split and a report have to know of a set.

    Attributes:
        micrographs: The set.
        table: One row per micrograph that can be used, indexed by its name, with `COLUMNS` and the columns of the
            set's own tables. Diameters are of circles of the same area.
        problems: A line for each micrograph that cannot be used.
        duplicates: Names of two micrographs that show the same field or overlap, and the number of points that agree.
    """

    micrographs: LabelledSet
    table: pd.DataFrame
    problems: tuple[str, ...] = ()
    duplicates: tuple[tuple[str, str, int], ...] = field(default=())

    def refuse_problems(self) -> None:
        """Raise where anything is wrong.

        Raises:
            InputError: A micrograph cannot be used, or no label marks a particle; every file is named.
        """
        if self.problems:
            more = f"; and {len(self.problems) - NAMED} more" if len(self.problems) > NAMED else ""
            raise InputError(f"{'; '.join(self.problems[:NAMED])}{more}")
        if not self.table["particles"].any():
            names = ", ".join(self.table.index[:NAMED]) + (" ..." if len(self.table) > NAMED else "")
            raise InputError(
                f"no label marks a particle, of {len(self.table)} ({names}); mark them with another value than that of "
                "the background"
            )


def survey(micrographs: LabelledSet, progress: ProgressCallback = no_progress, duplicates: bool = True) -> Survey:
    """Read every micrograph of a set once, keeping none in memory.

    Args:
        micrographs: The set.
        progress: Called with (done, total) after each micrograph that was read, and again when it was compared with the
            others; the total counts both.
        duplicates: Whether to look for micrographs that show the same field.

    Raises:
        InputError: The set is empty.
    """
    if not len(micrographs):
        raise InputError("the set holds no micrograph; give another folder or file as data.root")
    rows, hashes, problems = {}, {}, []
    for done, entry in enumerate(micrographs.entries, start=1):
        try:
            micrograph = entry.read()
        except InputError as error:
            problems.append(str(error))
        else:
            rows[entry.name] = _row(entry, micrograph)
            if duplicates:
                hashes[entry.name] = hash_image(micrograph.image)
        progress(done, len(micrographs) * (1 + duplicates))
    table = pd.DataFrame.from_dict(rows, orient="index", columns=None if rows else list(COLUMNS)).rename_axis("name")
    names = list(hashes)
    found = find_near_duplicates(
        list(hashes.values()), lambda done, total: progress(len(micrographs) + done, len(micrographs) + total)
    )
    pairs = tuple((names[i], names[j], count) for i, j, count in found)
    return Survey(micrographs, table, tuple(problems), pairs)


def _row(entry: LabelledEntry, micrograph: LabelledMicrograph) -> dict[str, Any]:
    """The facts of one micrograph."""
    areas = np.bincount(micrograph.instances.ravel())[1:]
    areas = areas[areas > 0]
    diameters_nm = 2 * np.sqrt(areas / np.pi) * micrograph.pixel_size_nm
    own = {
        "group": entry.group,
        "stack": entry.stack,
        "position": entry.position,
        "origin": entry.origin,
        "outline": entry.outline,
        "rows": micrograph.image.shape[0],
        "columns": micrograph.image.shape[1],
        "pixel_size_nm": micrograph.pixel_size_nm,
        "label": micrograph.metadata.get("label", ""),
        "particles": len(areas),
        "median_diameter_nm": float(np.median(diameters_nm)) if len(areas) else np.nan,
        "particle_fraction": float(micrograph.mask.mean()),
        "ignored_fraction": 0.0 if micrograph.ignored is None else float(micrograph.ignored.mean()),
        "annotators": len(micrograph.annotators),
        "notes": "; ".join(micrograph.notes),
    }
    return own | {column: text for column, text in entry.facts.items() if column not in own}


def size_classes(diameters_nm: Iterable[float]) -> list[str]:
    """The size class of each median diameter: below 3 nm, up to 7 nm, above, or no particle."""
    names = ("below 3 nm", "3 to 7 nm", "above 7 nm")
    return ["no particle" if np.isnan(d) else names[int(np.searchsorted((3.0, 7.0), d))] for d in diameters_nm]
