"""Choice between the pixel sizes that the file, a table and the user state for an image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hrtem_lab.files.frames import Frames
from hrtem_lab.files.image_table import ImageTable
from hrtem_lab.micrograph import InputError

FILE = "the file"
"""Source of a size that the image file itself says."""
SAME = 0.01
"""Relative difference up to which two sizes say the same."""


@dataclass(frozen=True)
class PixelSize:
    """The pixel size of an image.

    Attributes:
        nm: Side length of a pixel in nm.
        source: Origin of the size: `FILE`, a line of a table, or `pixel_size_nm`.
        unused: Other sizes in nm that were given, by their source.
        notes: Lines for the user about what was not used.
    """

    nm: float
    source: str
    unused: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SizesGiven:
    """Pixel sizes that a user gives.

    Attributes:
        pixel_size_nm: Side length of a pixel in nm, for files that no table names.
        tables: Tables in which files have rows; the first one that has it counts.
        overrule: Whether what is given counts more than what a file says.
    """

    pixel_size_nm: float | None = None
    tables: Sequence[ImageTable] = ()
    overrule: bool = False

    def choose(self, stack: Frames, path: Path, name: str | None) -> PixelSize:
        """The pixel size of an image, and what was given and is not used.

        A table that cannot be read, or has a bad row, is a mistake only where the size is needed from it.

        Raises:
            InputError: Nobody knows the size, or the table that has to say it cannot be read.
        """
        from_file = {FILE: stack.pixel_size_nm} if stack.pixel_size_nm else {}
        try:
            stated = self._from_tables(path, name)
        except InputError:
            if self.overrule or not from_file:
                raise
            stated = {}
        if self.pixel_size_nm is not None:
            stated["pixel_size_nm"] = self.pixel_size_nm
        ordered = {**stated, **from_file} if self.overrule else {**from_file, **stated}
        if not ordered:
            raise InputError(f"{path.name}: {self._unknown(stack)}")
        source, size = next(iter(ordered.items()))
        unused = {key: other for key, other in ordered.items() if key != source}
        notes = [
            self._note(key, other, source, size)
            for key, other in unused.items()
            if key in (FILE, "pixel_size_nm") or not math.isclose(other, size, rel_tol=SAME)
        ]
        if source == "pixel_size_nm":
            notes += [f"{table.error}; pixel_size_nm={size:g} is used" for table in self.tables if table.error]
        return PixelSize(size, source, unused, tuple(notes))

    def _from_tables(self, path: Path, name: str | None) -> dict[str, float]:
        """The first size that a table says, by where it says it."""
        for table in self.tables:
            row = table.pixel_size_nm(path, name)
            if row is not None:
                return {row[0]: row[1]}
        return {}

    def _unknown(self, stack: Frames) -> str:
        value, unit = stack.spacing[1] if stack.spacing else (0, None)
        text = unit.decode("utf-8", errors="replace") if isinstance(unit, bytes) else unit
        calibration = f"says {value:.6g} {text} per pixel" if text else "has no calibration"
        names = [table.path.name for table in self.tables if not table.error]
        none = f"none stands in {' and '.join(names)}" if names else "none was given"
        broken = "".join(f"; {table.error}" for table in self.tables if table.error)
        return (
            f"the pixel size is unknown (the file {calibration}, and {none}{broken}); give pixel_size_nm=..., a "
            "calibration CSV with columns name,pixel_size_nm, or such a metadata.csv in the folder"
        )

    @staticmethod
    def _note(key: str, unused_nm: float, source: str, size_nm: float) -> str:
        if key == FILE:
            return f"the file's own {unused_nm:.6g} nm per pixel is overruled by {source} with {size_nm:.6g} nm"
        given = f"pixel_size_nm={unused_nm:g}" if key == "pixel_size_nm" else f"{unused_nm:.6g} nm from {key}"
        differs = not math.isclose(unused_nm, size_nm, rel_tol=SAME)
        way = "; overrule=true takes what is given instead" if source == FILE and differs else ""
        return f"{given} is not used: {source} says {size_nm:.6g} nm per pixel{way}"
