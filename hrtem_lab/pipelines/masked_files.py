"""Analysis of one file whose particles are outlined already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hrtem_lab.analysis.analyser import Analysis, measure_mask
from hrtem_lab.files import find_inputs
from hrtem_lab.files.content import content_digest
from hrtem_lab.micrograph import InputError, Micrograph
from hrtem_lab.pipelines.file_analysis import FileAnalysis, OpenAnalysis
from hrtem_lab.progress import ProgressCallback

SEPARATORS = ("_", "-", " ")
"""Characters that may stand between the name of a micrograph and what a program adds for its mask."""


class OpenMaskAnalysis(OpenAnalysis):
    """A `FileAnalysis` that takes the outlines from masks; where there are no micrographs, the mask is the picture.

    Args:
        analysis: Settings of `measure`.

    Raises:
        InputError: The settings or the model are at fault.
    """

    def __init__(self, analysis: FileAnalysis) -> None:
        super().__init__(analysis)
        self.has_images = analysis.config.images is not None
        self.masks = list(find_inputs(analysis.config.masks).values())

    def _mask(self, path: Path) -> Path:
        """The mask of a file."""
        mask = find_mask(self.masks, path) if self.has_images else path
        if mask is None:
            raise InputError(f"{path.name}: no mask is called as it is")
        return mask

    def _depends_on(self, name: str, path: Path) -> list[Any]:
        return [*super()._depends_on(name, path), content_digest(self._mask(path))]

    def _read(self, name: str, path: Path) -> list[Micrograph]:
        micrographs = super()._read(name, path)
        if len(micrographs) > 1:
            raise InputError(f"{path.name}: holds {len(micrographs)} images, expected the one that its mask is of")
        return micrographs if self.has_images else [replace(each, valid=None, notes=()) for each in micrographs]

    def _analyse_micrograph(self, micrograph: Micrograph, path: Path, progress: ProgressCallback) -> Analysis:
        rows, columns = micrograph.image.shape
        label = self._read_label(self._mask(path), (rows, columns), micrograph.metadata)
        instances = label.instances if micrograph.valid is None else np.where(micrograph.valid, label.instances, 0)
        micrograph = replace(micrograph, notes=(*micrograph.notes, *label.notes))
        if self.has_images:
            return self.analyser(micrograph, instances=instances, progress=progress)
        return measure_mask(replace(micrograph, image=(instances > 0).astype(np.float32)), instances)


def find_mask(masks: Iterable[Path], image: Path) -> Path | None:
    """Find the mask of a micrograph: it is called as that, or begins so (`a_label.png`, `a_cp_masks.tif`).

    Args:
        masks: Files of masks.
        image: File of the micrograph.

    Returns:
        The one with the shortest name; None where there is none.
    """
    beginnings = tuple(image.stem + separator for separator in SEPARATORS)
    candidates = [mask for mask in masks if mask.stem == image.stem or mask.stem.startswith(beginnings)]
    return min(candidates, key=lambda mask: len(mask.stem), default=None)
