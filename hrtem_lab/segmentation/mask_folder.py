"""Masks that another program made, in the place of a segmenter."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from hrtem_lab.files import LabelRule, read_label
from hrtem_lab.files.labels import SUFFIXES
from hrtem_lab.micrograph import OUTLINES, InputError, Micrograph
from hrtem_lab.segmentation.segmenter import Segmentation

ENDINGS = ("", "_label", "_mask")
"""Endings that may follow a micrograph's name in that of its mask."""


@dataclass(frozen=True)
class MaskFolder:
    """A folder with the mask of every micrograph: `<name>.png`, or with another of `ENDINGS` and of the suffixes.

    Attributes:
        folder: Folder of the masks, which are read as labels are (see `hrtem_lab.files.labels.read_label`).
        rule: Meaning of the values of a mask; black is the background by default.
        gives_probabilities: False: its scores are 0 and 1.
        outline: Edge that the masks follow, one of `hrtem_lab.micrograph.OUTLINES`.
    """

    gives_probabilities: ClassVar[bool] = False
    folder: Path
    rule: LabelRule = field(default_factory=LabelRule)
    outline: str = OUTLINES[0]

    def segment(self, micrograph: Micrograph) -> Segmentation:
        """Read the particles of a micrograph. Its scores are 0 and 1.

        Raises:
            InputError: The folder holds no mask of that name, or one of another shape.
        """
        path = self.find(micrograph.name)
        if path is None:
            raise InputError(
                f"{self.folder} holds no mask of {micrograph.name}; expected {micrograph.name}.png, black where no "
                "particle is, for every micrograph that is scored"
            )
        rows, columns = micrograph.image.shape
        instances = read_label(path, (rows, columns), micrograph.metadata, self.rule).instances
        return Segmentation((instances > 0)[None].astype(np.float32), instances)

    def find(self, name: str) -> Path | None:
        """Find the mask of a micrograph, or None."""
        paths = (self.folder / f"{name}{ending}{suffix}" for ending in ENDINGS for suffix in SUFFIXES)
        return next((path for path in paths if path.is_file()), None)

    @classmethod
    def holds_masks(cls, folder: Path) -> bool:
        """Whether a folder holds pictures."""
        return folder.is_dir() and any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())
