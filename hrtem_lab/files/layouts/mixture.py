"""Several sets of labelled micrographs as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hrtem_lab.files.labelled_set import LabelledEntry, LabelledSet
from hrtem_lab.files.layouts.layout import Layout
from hrtem_lab.micrograph import InputError


@dataclass(frozen=True)
class PartOfMixture:
    """One set of a mixture.

    Attributes:
        root: Folder or file of the set.
        layout: Layout of the set.
        share: Part of the training images that come from it, in any unit: the shares of a mixture are scaled to 1.
        pixel_size_nm: Pixel size of micrographs for which neither a file nor a table states one.

    Raises:
        InputError: The share is not positive.
    """

    root: str
    layout: Layout
    share: float = 1.0
    pixel_size_nm: float | None = None

    def __post_init__(self) -> None:
        if not self.share > 0:
            raise InputError(f"{self.root}: share={self.share}; expected a number above 0, or leave the set out")


@dataclass(frozen=True)
class Mixture(Layout):
    """Sets that are opened as one: names and groups have the name of their set before them, as in `gold/m1`.

    Attributes:
        sets: The sets by name.
    """

    sets: Mapping[str, PartOfMixture]

    def open(self, root: str | Path | None = None, pixel_size_nm: float | None = None) -> LabelledSet:
        """Open every set.

        Args:
            root: Folder that the roots of the sets are relative to; None for the current one.
            pixel_size_nm: Pixel size for sets that have none of their own.

        Raises:
            InputError: There is no set, or one of them cannot be opened.
        """
        if not self.sets:
            raise InputError("data.layout.sets is empty; give the sets of the mixture in a file of conf/data")
        total = sum(part.share for part in self.sets.values())
        return LabelledSet(
            _rename(entry, name, part.share / total)
            for name, part in self.sets.items()
            for entry in part.layout.open(
                Path(root or ".") / Path(part.root).expanduser(), part.pixel_size_nm or pixel_size_nm
            ).entries
        )


def _rename(entry: LabelledEntry, name: str, share: float) -> LabelledEntry:
    """An entry under the name of its set."""
    stack = f"{name}/{entry.stack}" if entry.stack else ""
    return replace(
        entry, name=f"{name}/{entry.name}", group=f"{name}/{entry.group}", stack=stack, share=share, origin=name
    )
