"""The report on an analysis of micrographs: what was done, how far to trust it, what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hrtem_lab.analysis.quality import DOUBTFUL, GOOD, NOT_JUDGED
from hrtem_lab.evaluation.populations import SHAPE_QUANTITIES
from hrtem_lab.figures import statements
from hrtem_lab.figures.populations import plot_cumulative, plot_faults, plot_sizes
from hrtem_lab.figures.report import DataTable, Facts, Gallery, Page, Picture, Section, Text, present
from hrtem_lab.figures.sizing import (
    budget_rows,
    describe_density,
    describe_fit,
    describe_needed,
    sentence_on_sizes,
    size_rows,
)
from hrtem_lab.plural import plural

MAX_PICTURES = 48
"""Largest number of pictures in the gallery; each takes about 60 kB."""
QUALITY_ORDER = {DOUBTFUL: 0, NOT_JUDGED: 1, GOOD: 2}


@dataclass(frozen=True, kw_only=True)
class AnalysisTables:
    """Everything that a report shows, as the tables of `predict` and `statistics` hold it.

    Attributes:
        particles: All particles.
        uncut: The particles that are described, with their weights.
        micrographs: A row per micrograph: `micrograph`, `quality`, `quality_reason`, `pixel_size_nm`, `particles`.
        failures: `file` and `reason` of every file that failed.
        statistics: Tables of `statistics` by name, with `sizes`, `lognormal`, `budget` and `exclusions`.
        density: Particles per square micrometre, `value`, `low` and `high`.
        needed: Number of particles for `precision`, as from `particles_needed`.
        precision: Wanted half width of the interval of the median, relative.
        methods: Paragraph for a publication.
        overlays: Folder with a picture of each micrograph.
    """

    particles: pd.DataFrame
    uncut: pd.DataFrame
    micrographs: pd.DataFrame
    failures: pd.DataFrame
    statistics: Mapping[str, pd.DataFrame]
    density: Mapping[str, float]
    needed: Mapping[str, float]
    precision: float
    methods: str
    overlays: Path


def build_page(tables: AnalysisTables, title: str, subtitle: str, footer: str) -> Page:
    """Build the page of a report on an analysis."""
    sections = [
        Section("Summary", [_facts(tables), Text(_summary(tables))]),
        Section("Micrographs, worst first", [_gallery(tables)]),
        Section("Sizes", _sizes(tables)),
        Section("Uncertainty", _uncertainty(tables)),
        Section("Shapes", _shapes(tables)),
        Section("Faults against size", _faults(tables)),
        Section(
            "What was counted",
            [DataTable.of_frame(tables.statistics["exclusions"], "All particles")],
        ),
        Section("Table of micrographs", [_micrograph_table(tables.micrographs)] if len(tables.micrographs) else []),
        Section("Flags and failures", _flags(tables)),
        Section("Methods", [Text([tables.methods], to_copy=True)]),
    ]
    return Page(title, subtitle, sections, footer)


def _facts(tables: AnalysisTables) -> Facts:
    """The numbers that a reader looks for first."""
    quality = tables.micrographs["quality"]
    items = [
        ("Micrographs", str(len(tables.micrographs))),
        ("Particles counted", f"{len(tables.uncut)} of {len(tables.particles)}"),
        ("Doubtful micrographs", str(int((quality == DOUBTFUL).sum()))),
        ("Files that failed", str(len(tables.failures))),
    ]
    if len(tables.uncut):
        items.insert(2, ("Median equivalent diameter", sentence_on_sizes(tables.statistics["sizes"])))
    return Facts(items)


def _summary(tables: AnalysisTables) -> list[str]:
    """Sentences on what was found, and how far to trust it."""
    doubtful = int((tables.micrographs["quality"] == DOUBTFUL).sum())
    unjudged = int((tables.micrographs["quality"] == NOT_JUDGED).sum())
    lines = statements.describe_sample(tables.particles, tables.uncut)
    if doubtful:
        lines.append(
            f"Doubtful: {doubtful} of {plural(len(tables.micrographs), 'micrograph')}. Look at these before their "
            "particles are used; they are counted here."
        )
    if unjudged:
        lines.append(
            f"Not judged: {plural(unjudged, 'micrograph')}, too coarse, no picture, or no reference in the model."
        )
    if len(tables.uncut):
        lines += statements.describe_population(dict(tables.statistics))
        lines.append(describe_density(tables.density))
    return lines


def _gallery(tables: AnalysisTables) -> Gallery:
    """A picture of each micrograph, doubtful ones first."""
    order = tables.micrographs["quality"].map(QUALITY_ORDER)
    rows = tables.micrographs.iloc[order.argsort(kind="stable")]
    pictures = [_picture(row, tables.overlays) for _, row in rows.head(MAX_PICTURES).iterrows()]
    left = len(rows) - MAX_PICTURES
    note = f"{left} more are in {tables.overlays.name}/." if left > 0 else ""
    return Gallery([picture for picture in pictures if picture is not None], note)


def _picture(row: pd.Series, overlays: Path) -> Picture | None:
    """The overlay of a micrograph with its quality."""
    name = str(row["micrograph"])
    facts = f"{plural(row['particles'], 'particle')}, {row['pixel_size_nm']:.4g} nm a pixel"
    return Picture.of_file(
        overlays / f"{name}.png",
        name,
        badge=str(row["quality"]),
        is_warning=row["quality"] == DOUBTFUL,
        details=[line for line in (facts, str(row["quality_reason"])) if line],
    )


def _sizes(tables: AnalysisTables) -> Sequence[Any]:
    """Tables and distributions of the sizes."""
    if tables.uncut.empty:
        return [Text(["No particle is seen whole: nothing can be said of sizes."])]
    sizes = tables.statistics["sizes"]
    return present(
        [
            size_rows(sizes),
            Text(describe_fit(tables.statistics["lognormal"])),
            Picture.of_figure(
                plot_sizes(tables.uncut, tables.statistics["distributions"]),
                "Equivalent diameter by class, corrected for the edge, with the log-normal distribution that fits best",
            ),
            Picture.of_figure(
                plot_cumulative(tables.uncut, sizes["quantity"].unique().tolist()),
                "Share of particles up to a size; bands: 95 % intervals over micrographs, point by point",
            ),
        ]
    )


def _uncertainty(tables: AnalysisTables) -> Sequence[Any]:
    """The budget, and how many particles the wanted precision takes."""
    if tables.uncut.empty:
        return []
    return [budget_rows(tables.statistics["budget"]), Text([describe_needed(tables.needed, tables.precision)])]


def _shapes(tables: AnalysisTables) -> Sequence[Any]:
    """Distributions of the shapes."""
    if tables.uncut.empty:
        return []
    caption = "Share of particles up to a value; bands: 95 % intervals over micrographs, point by point"
    return [Picture.of_figure(plot_cumulative(tables.uncut, SHAPE_QUANTITIES), caption)]


def _faults(tables: AnalysisTables) -> Sequence[Any]:
    """Share of faulted particles against size."""
    faults = tables.statistics.get("faults")
    if faults is None or not faults["particles"].iloc[-1]:
        return []
    caption = "Share of particles with a planar fault among those that could show one; numbers: how many these are"
    table = DataTable.of_frame(faults, "Faults in ranges of diameter; the last row is the total", digits=3)
    return [Picture.of_figure(plot_faults(faults), caption), table]


def _micrograph_table(micrographs: pd.DataFrame) -> DataTable:
    """A row per micrograph."""
    shown = ("micrograph", "quality", "particles", "pixel_size_nm", "field_nm2", "particle_fraction", "scale_factor")
    return DataTable.of_frame(micrographs[[name for name in shown if name in micrographs]], "All micrographs")


def _flags(tables: AnalysisTables) -> Sequence[Any]:
    """Doubtful micrographs and files that failed, with the reasons."""
    doubtful = tables.micrographs[tables.micrographs["quality"] == DOUBTFUL]
    blocks = []
    if len(doubtful):
        blocks.append(DataTable.of_frame(doubtful[["micrograph", "quality_reason"]], "Doubtful micrographs"))
    if len(tables.failures):
        blocks.append(DataTable.of_frame(tables.failures[["file", "reason"]], "Files that failed"))
    return blocks or [Text(["No micrograph is doubtful, and no file failed."])]
