"""The interface of every layout, and what tables say about the images of a set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from hrtem_lab.files.image_table import ImageTable
from hrtem_lab.files.labelled_set import LabelledSet
from hrtem_lab.micrograph import OUTLINES, InputError

NAMED = 5
"""Problems that a message names before it says how many more there are."""


class Layout(ABC):
    """A way to keep labelled micrographs in files."""

    @abstractmethod
    def open(self, root: str | Path, pixel_size_nm: float | None = None) -> LabelledSet:
        """Find the micrographs of a set, without reading their pixels.

        Args:
            root: Folder or file of the set.
            pixel_size_nm: Pixel size of micrographs for which neither a file nor a table states one.

        Raises:
            InputError: The set is not of this layout, or incomplete; every file that is at fault is named.
        """


def table_facts(table: ImageTable | None, path: Path, name: str) -> dict[str, str]:
    """Facts about an image from the columns of a table; of several rows the last counts.

    Raises:
        InputError: The table cannot be read: it may say which images belong together.
    """
    if table is None:
        return {}
    if table.error:
        raise InputError(table.error)
    cells = {column: table.lookup(column, path, name) for column in table.columns}
    return {column: found[-1][1] for column, found in cells.items() if found}


def check_outline(facts: dict[str, str], name: str) -> str:
    """The edge that a label follows, by the column `outline`; the geometric one where there is none.

    Raises:
        InputError: The cell holds something else.
    """
    outline = facts.get("outline", OUTLINES[0])
    if outline not in OUTLINES:
        raise InputError(f"{name}: metadata.csv gives it the outline '{outline}'; expected {' or '.join(OUTLINES)}")
    return outline


def list_problems(root: str | Path, problems: Sequence[str]) -> str:
    """One line that names every problem of a set, of many the first."""
    more = f"; and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
    return f"{root}: {'; '.join(problems[:NAMED])}{more}"
