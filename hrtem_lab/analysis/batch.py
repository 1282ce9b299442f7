"""Many files: each read, analysed and written by itself, so that none costs the others anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from hrtem_lab.analysis.analyser import Analyser, Analysis, no_particles
from hrtem_lab.analysis.summary import LabelReader, describe_micrograph, describe_values
from hrtem_lab.files import read_label
from hrtem_lab.micrograph import InputError, Micrograph
from hrtem_lab.progress import ProgressCallback, no_progress

Reader = Callable[[Path, str], list[Micrograph]]
"""Reads the micrographs of a file, given its path and the name of the file's results."""
Writer = Callable[[str, list[Analysis]], None]
"""Writes the analyses of a file, given the name of the file's results."""


@dataclass
class Results:
    """Everything that a call has found so far.

    Attributes:
        particles: Table of particles of each micrograph.
        micrographs: Summary of each micrograph.
        failures: File and reason of each failure.
    """

    particles: list[pd.DataFrame] = field(default_factory=list)
    micrographs: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)

    def particle_table(self) -> pd.DataFrame:
        """One row per particle of every micrograph, its name first."""
        tables = self.particles or [no_particles().reset_index().assign(micrograph=[])]
        table = pd.concat(tables, ignore_index=True)
        return table[["micrograph", *table.columns.drop("micrograph")]]

    def failure_table(self) -> pd.DataFrame:
        """One row per file that failed: `file` and `reason`."""
        return pd.DataFrame(self.failures, columns=["file", "reason"])

    def summary(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """Counts and sizes over all micrographs, and those of each.

        Args:
            model: Description of the model, as from `Analyser.model`.
        """
        particles = self.particle_table()
        uncut = particles[~particles["touches_edge"].astype(bool)]
        return {
            "micrographs": len(self.micrographs),
            "particles": len(particles),
            "particles_whole": len(uncut),
            "equivalent_diameter_nm": describe_values(uncut["equivalent_diameter_nm"]),
            "classes": particles["class"].value_counts().to_dict() if "class" in particles else None,
            "failures": len(self.failures),
            "model": dict(model),
            "per_micrograph": self.micrographs,
        }


def analyse_files(
    inputs: Mapping[str, Path],
    read: Reader,
    analyser: Analyser,
    write: Writer,
    results: Results,
    progress: ProgressCallback = no_progress,
    tile_progress: ProgressCallback = no_progress,
    read_label: LabelReader = read_label,
) -> None:
    """Analyse every file. Files that fail are recorded and skipped.

    Args:
        inputs: Name of a file's results -> its path.
        read: Reads the micrographs of a file.
        analyser: Analyses a micrograph.
        write: Writes the analyses of a file; only a file of which all is written counts.
        results: Collects the outcome of each file as it ends, so that an interruption loses nothing.
        progress: Called before each file and at the end.
        tile_progress: Called after each tile of a micrograph.
        read_label: Reads the label beside a file.
    """
    for done, (name, path) in enumerate(inputs.items()):
        progress(done, len(inputs))
        try:
            micrographs = read(path, name)
            _refuse_taken_names([m.name for m in micrographs if m.name != name and m.name in inputs], path)
            analyses = [analyser(micrograph, progress=tile_progress) for micrograph in micrographs]
            write(name, analyses)
            rows = [describe_micrograph(analysis, path, read_label) for analysis in analyses]
        except Exception as error:  # whatever is wrong with one file, the others are still wanted
            kind = "" if isinstance(error, InputError) else f"{path.name}: {type(error).__name__}: "
            results.failures.append({"file": str(path), "reason": f"{kind}{error}"})
            continue
        masks = share_mask(name, analyses)
        results.micrographs += [row | {"mask": mask} for row, mask in zip(rows, masks, strict=True)]
        results.particles += [a.table.reset_index().assign(micrograph=a.micrograph.name) for a in analyses]
    progress(len(inputs), len(inputs))


def share_mask(name: str, analyses: list[Analysis]) -> list[str]:
    """Name of the mask file of each image of a file.

    The images of a stack share one, unless they differ in shape or pixel size: then each has its own.
    """
    if len(analyses) == 1:
        return [analyses[0].micrograph.name]
    kinds = {(analysis.micrograph.image.shape, analysis.micrograph.pixel_size_nm) for analysis in analyses}
    return [name if len(kinds) == 1 else analysis.micrograph.name for analysis in analyses]


def _refuse_taken_names(names: list[str], path: Path) -> None:
    """Refuse images that would have the names of other files: their overlays and rows would be mixed up."""
    if names:
        raise InputError(f"{path.name}: its image {names[0]} is called as another file is; rename one of the files")
