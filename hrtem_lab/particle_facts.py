"""The facts about a particle and the imaging conditions that results are broken down by: one table of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Edges = tuple[float, ...]


@dataclass(frozen=True)
class Fact:
    """A fact about a particle, a column of `hrtem_lab.micrograph.LabelledMicrograph.ground_truth`, or a condition.

    Attributes:
        name: Name of the column, or key of a micrograph's metadata.
        type: Type of the values.
        label: Label of an axis, with the unit.
        particle_bins: Edges of the bins in which the results of particles are broken down.
        micrograph_bins: Edges of the bins in which the results of micrographs are broken down.
        in_forest_table: Whether the table that a forest learns from keeps it, beside the features.
    """

    name: str
    type: Any
    label: str
    particle_bins: Edges | None = None
    micrograph_bins: Edges | None = None
    in_forest_table: bool = False


SPECIMEN_FACTS = (
    Fact("material", str, "material", in_forest_table=True),
    Fact("structure", str, "crystal structure"),
    Fact("shape", str, "shape"),
    Fact("diameter_nm", float, "diameter, nm", (0, 2, 3, 5, 8, 20), (1, 2, 3, 5, 8, 13), in_forest_table=True),
    Fact("twins", int, "twin planes", in_forest_table=True),
    Fact("intrinsic", int, "intrinsic stacking faults", in_forest_table=True),
    Fact("extrinsic", int, "extrinsic stacking faults", in_forest_table=True),
    Fact("planes", list[str], "planar defects"),
    Fact(
        "plane_tilt_deg",
        float,
        "tilt of the defect plane from the beam, deg",
        (0, 2, 5, 10, 20, 45, 90),
        in_forest_table=True,
    ),
    Fact("zone", str, "zone axis"),
    Fact("zone_tilt_deg", float, "tilt of the zone axis from the beam, deg"),
    Fact("vacancies", float, "fraction of vacancies"),
    Fact("overlap", float, "fraction of the outline that overlaps another particle's"),
)
"""Facts that are known of a particle before an image is simulated."""
IMAGE_FACTS = (
    Fact("resolved", int, "resolved reflections"),
    Fact("lattice_snr", float, "strongest reflection, over noise"),
    Fact(
        "fault_snr",
        float,
        "reflection on the weaker side of the defect, over noise",
        (0, 3, 5, 7, 10, 20, 1e3),
        in_forest_table=True,
    ),
    Fact("label", str, "class"),
)
"""Facts that an image shows of a particle."""
CONDITIONS = (
    Fact("dose_e_per_nm2", float, "dose, e/nm$^2$", (0, 2e4, 5e4, 1e5, 1e6), (0, 1e4, 3e4, 1e5, 1e6)),
    Fact("defocus_nm", float, "defocus, nm", micrograph_bins=(0, 15, 40, 80, 150)),
    Fact("pixel_size_nm", float, "pixel size, nm", micrograph_bins=(0, 0.03, 0.045, 0.065, 0.11)),
)
"""Imaging conditions of a micrograph; in a breakdown, defocus counts by its magnitude."""

FACTS = {fact.name: fact for fact in (*SPECIMEN_FACTS, *IMAGE_FACTS, *CONDITIONS)}
"""All facts by their names."""
MICROGRAPH_BINS = {fact.name: fact.micrograph_bins for fact in FACTS.values() if fact.micrograph_bins}
"""Edges of the bins in which the results of micrographs are broken down."""
TRUTH_PREFIX = "true_"
"""Prefix of a fact about the matched true particle in a table of predicted ones."""


def fact_of(column: str) -> Fact:
    """The fact in a column of a table of predicted particles, such as `true_diameter_nm` or `dose_e_per_nm2`."""
    return FACTS[column.removeprefix(TRUTH_PREFIX)]
