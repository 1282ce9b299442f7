"""Many files: the record of each, and the tables of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from hrtem_lab.analysis.analyser import Analysis, diameter_column, no_particles
from hrtem_lab.analysis.label_ranking import first_to_label, rank_for_labelling
from hrtem_lab.analysis.repeats import mark_repeats
from hrtem_lab.analysis.scale_check import SPACING, check_scale
from hrtem_lab.analysis.summary import LabelReader, describe_micrograph, describe_values, flatten_rows
from hrtem_lab.evaluation.fault_share import BaseRates
from hrtem_lab.evaluation.populations import fault_shares, select_uncut_particles
from hrtem_lab.files import read_label
from hrtem_lab.micrograph import OUTLINES, InputError, Micrograph
from hrtem_lab.particles import tabulate_fault_lines

if TYPE_CHECKING:
    from hrtem_lab.physics.material import Material


@dataclass
class Results:
    """Everything that is known of all files.

    Attributes:
        particles: Table of particles of each micrograph that holds any.
        faults: Table of the lines of faults of each micrograph that holds any.
        micrographs: Summary of each micrograph.
        failures: File and reason of each failure.
        model: Description of the model, as from `Analyser.model`.
    """

    particles: list[pd.DataFrame] = field(default_factory=list)
    faults: list[pd.DataFrame] = field(default_factory=list)
    micrographs: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    model: Mapping[str, Any] = field(default_factory=dict)

    def add(self, record: Mapping[str, Any]) -> None:
        """Add the record of a file, as `describe_file` makes it, with why images of it were `refused`."""
        self.model = record["model"]
        self.micrographs += record["micrographs"]
        self.particles += _frames(record, "particles")
        self.faults += _frames(record, "faults")
        self.failures += [{"file": record["file"], "reason": reason} for reason in record.get("refused", ())]

    def mark_repeats(self) -> Results:
        """Copy the results and say which particles were counted before; see `hrtem_lab.analysis.repeats`."""
        micrographs, particles = mark_repeats(self.micrographs, self.particle_table())
        return replace(self, micrographs=micrographs, particles=[particles])

    def rank_for_labelling(self) -> Results:
        """Copy the results and say which micrographs are worth labelling next, after `mark_repeats`."""
        return replace(self, micrographs=rank_for_labelling(self.micrographs))

    def particle_table(self) -> pd.DataFrame:
        """One row per particle of every micrograph, its name first."""
        tables = self.particles or [no_particles().reset_index().assign(micrograph=[])]
        table = pd.concat(tables, ignore_index=True)
        return table[["micrograph", *table.columns.drop("micrograph")]]

    def fault_table(self) -> pd.DataFrame:
        """One row per line of a fault in any micrograph, whose name is first."""
        tables = self.faults or [tabulate_fault_lines({}, 1.0).reset_index().assign(micrograph=[])]
        table = pd.concat(tables, ignore_index=True)
        return table[["micrograph", *table.columns.drop("micrograph")]]

    def micrograph_table(self) -> pd.DataFrame:
        """One row per micrograph, with what `summary` says of it in columns of their own."""
        return flatten_rows(self.micrographs)

    def failure_table(self) -> pd.DataFrame:
        """One row per file that failed: `file` and `reason`."""
        return pd.DataFrame(self.failures, columns=["file", "reason"])

    def summary(self, settings: Mapping[str, Any], materials: Sequence[Material] = ()) -> dict[str, Any]:
        """Counts and sizes over all micrographs, each particle once, and those of each; after `mark_repeats`.

        Args:
            settings: Settings of the call.
            materials: Materials that the particles may be of, by which the scale of all is checked.
        """
        particles = self.particle_table()
        counted = particles[particles["repeat_of"] == ""]
        uncut = counted[~counted["touches_edge"].astype(bool)]
        outline = self.micrographs[0]["outline"] if self.micrographs else OUTLINES[0]
        return {
            "outline": outline,
            "micrographs": len(self.micrographs),
            "fields": len({row["field"] for row in self.micrographs}),
            "groups": len({row["group"] for row in self.micrographs}),
            "field_nm2": sum(row["field_once_nm2"] for row in self.micrographs),
            "particles": len(counted),
            "particles_whole": len(uncut),
            "particles_seen_again": len(particles) - len(counted),
            "equivalent_diameter_nm": describe_values(uncut[diameter_column(outline)].dropna()),
            "classes": counted["class"].value_counts().to_dict() if "class" in counted else None,
            "faults": self._share_faults(particles),
            "failures": len(self.failures),
            "label_next": first_to_label(self.micrographs),
            "quality": dict(Counter(row["quality"] for row in self.micrographs)),
            "scale": self._check_scale(particles, materials),
            "model": dict(self.model),
            "settings": dict(settings),
            "per_micrograph": self.micrographs,
        }

    def _share_faults(self, particles: pd.DataFrame) -> dict[str, Any] | None:
        """The total of `fault_shares` over the whole particles of all micrographs; None without a forest's rates."""
        rates = self.model.get("base_rates")
        if rates is None or "class" not in particles:
            return None
        fields = pd.DataFrame(self.micrographs).set_index("micrograph")[["field_rows", "field_columns"]]
        uncut = select_uncut_particles(particles, fields.set_axis(["rows", "columns"], axis=1))
        uncut = uncut.assign(micrograph=uncut["group"])
        total = fault_shares(uncut, BaseRates(**rates)).iloc[-1]
        return {str(name): total[name] for name in total.index if name not in ("diameter_low_nm", "diameter_high_nm")}

    def _check_scale(self, particles: pd.DataFrame, materials: Sequence[Material]) -> dict[str, float] | None:
        """Check of the scale by the particles of all micrographs; None without a material or a column of spacings."""
        if not materials or SPACING not in particles:
            return None
        check = check_scale(particles, materials)
        return {**asdict(check), "pixel_error": check.pixel_error}


def describe_file(
    path: Path,
    name: str,
    analyses: list[Analysis],
    model: Mapping[str, Any],
    group: str = "",
    read_label: LabelReader = read_label,
) -> dict[str, Any]:
    """Everything about a file that the tables of a batch hold, in types that JSON has.

    Args:
        path: The file.
        name: Name of the results.
        analyses: Analysis of each of its images.
        model: Description of the model.
        group: Specimen or session that the file is of, '' where it is not known.
        read_label: Reads the label beside it.

    Returns:
        `name`, `file`, `model`, `micrographs` (a row for each image), and `particles` and `faults` (values by column
        for each).
    """
    masks = share_mask(name, analyses)
    rows = [describe_micrograph(analysis, path, read_label) for analysis in analyses]
    return {
        "name": name,
        "file": str(path),
        "model": dict(model),
        "micrographs": [row | {"group": group, "mask": mask} for row, mask in zip(rows, masks, strict=True)],
        "particles": [analysis.table.reset_index().to_dict("list") for analysis in analyses],
        "faults": [analysis.faults.reset_index().to_dict("list") for analysis in analyses],
    }


def _frames(record: Mapping[str, Any], name: str) -> list[pd.DataFrame]:
    """The tables of this name of each image of a record that are not empty, with the name of the micrograph."""
    tables = zip(record["micrographs"], record[name], strict=True)
    frames = [pd.DataFrame(columns).assign(micrograph=row["micrograph"]) for row, columns in tables]
    return [frame for frame in frames if len(frame)]


def share_mask(name: str, analyses: list[Analysis]) -> list[str]:
    """Name of the mask file of each image of a file.

    The images of a stack share one, unless they differ in shape or pixel size: then each has its own.
    """
    if len(analyses) == 1:
        return [analyses[0].micrograph.name]
    kinds = {(analysis.micrograph.image.shape, analysis.micrograph.pixel_size_nm) for analysis in analyses}
    return [name if len(kinds) == 1 else analysis.micrograph.name for analysis in analyses]


def refuse_taken_names(path: Path, name: str, micrographs: Sequence[Micrograph], taken: Collection[str]) -> None:
    """Refuse images that would have the names of other files: their overlays and rows would be mixed up.

    Args:
        path: The file.
        name: Name of the results.
        micrographs: Images of the file.
        taken: Names of other files.

    Raises:
        InputError: An image has one of these names.
    """
    for micrograph in micrographs:
        if micrograph.name != name and micrograph.name in taken:
            raise InputError(
                f"{path.name}: its image {micrograph.name} is called as another file is; rename one of the files"
            )
