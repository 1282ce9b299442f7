"""The report of an analysis: `report.html` in the folder that `predict` wrote, from its tables."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from hrtem_lab import __version__
from hrtem_lab.analysis.quality import DOUBTFUL, NOT_JUDGED
from hrtem_lab.atomic_write import write_text
from hrtem_lab.evaluation import size_report
from hrtem_lab.figures.analysis_report import AnalysisTables, build_page
from hrtem_lab.figures.report import render
from hrtem_lab.files import read_summary
from hrtem_lab.fingerprint import fingerprint_bytes
from hrtem_lab.pipelines.statistics import Population, compute_tables
from hrtem_lab.plural import plural

REPORT = "report.html"
PRECISION = 0.02
"""Half width of the interval of the median that is taken as wanted, relative."""
LIBRARIES = ("torch", "segmentation-models-pytorch", "scikit-learn", "scikit-image", "scipy", "numpy")
"""Libraries whose versions the methods paragraph names."""


def write_report(folder: Path, resamples: int = 500) -> Path:
    """Write `report.html` beside the tables of an analysis.

    Args:
        folder: Folder that `hrtem_lab.predict` wrote.
        resamples: Number of bootstrap draws of micrographs.

    Raises:
        InputError: The folder holds no such tables.
    """
    summary = read_summary(folder)
    population = Population.read(str(folder))
    statistics = compute_tables(population, None, resamples)
    tables = AnalysisTables(
        particles=population.particles,
        uncut=population.uncut,
        micrographs=_micrographs(summary),
        failures=_failures(folder),
        statistics=statistics,
        density=size_report.number_density(population.uncut, population.fields, resamples),
        needed=size_report.particles_needed(statistics["sizes"], PRECISION),
        precision=PRECISION,
        methods=describe_methods(folder, summary, population),
        overlays=folder / "overlays",
    )
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = build_page(tables, f"Particles of {folder.name}", f"hrtem_lab {__version__}, {made}", _footer(folder))
    write_text(folder / REPORT, render(page))
    return folder / REPORT


def describe_methods(folder: Path, summary: Mapping[str, Any], population: Population) -> str:
    """Write the paragraph for a publication: what was done, with versions and digests."""
    model, settings = summary.get("model", {}), summary.get("settings", {})
    pixels = " to ".join(dict.fromkeys(f"{size:.3g}" for size in _ends(population.fields["pixel_size_nm"])))
    counted, *excluded = size_report.exclusions(population.particles).itertuples(index=False)
    left_out = ", ".join(f"{row.particles} {row.reason}" for row in excluded) or "none"
    doubtful = sum(row.get("quality") == DOUBTFUL for row in summary["per_micrograph"])
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    found = "in outlines that were made elsewhere"
    if settings.get("masks"):
        found += f" (masks in {Path(settings['masks']).name})"
    elif "weights" in model:
        found = (
            "by a convolutional network trained on simulated micrographs (model {name}, weights {weights}, threshold "
            "{threshold}, smallest diameter {min_diameter_nm} nm), without manual correction"
        ).format(name=Path(model["folder"]).name, **model)
    if settings.get("leave_out"):
        found += f"; regions marked in {Path(settings['leave_out']).name} were left out"
    return (
        f"Particles in {plural(len(summary['per_micrograph']), 'micrograph')} (pixel size {pixels or 'unknown'} nm; "
        f"{doubtful} called doubtful by a check of their quality) were measured with hrtem_lab {__version__} "
        f"{found}. Counted: {counted.particles} of {plural(len(population.particles), 'outline')}; left out: "
        f"{left_out}. Each counts by the inverse of its chance to lie whole in its field (Miles-Lantuéjoul "
        "correction). Minimal Feret and equivalent circular diameters are given as medians by number with D10 and D90 "
        "(ISO 21363). Intervals are 95 %, from a bootstrap over "
        f"micrographs or groups of them with Student's t. Software: Python {platform.python_version()}, {versions}. "
        f"Digest of the table of particles: {_digest(folder / 'particles.csv')}."
    )


def _ends(values: pd.Series) -> list[float]:
    """Smallest and largest value; nothing where there is none."""
    return [values.min(), values.max()] if len(values) else []


def _micrographs(summary: Mapping[str, Any]) -> pd.DataFrame:
    """A row per micrograph, with a quality where an older table has none."""
    columns = ["micrograph", "quality", "quality_reason", "pixel_size_nm", "particles"]
    table = pd.DataFrame(summary["per_micrograph"])
    table = table.reindex(columns=[*columns, *table.columns.difference(columns, sort=False)])
    return table.fillna({"quality": NOT_JUDGED, "quality_reason": ""})


def _failures(folder: Path) -> pd.DataFrame:
    """Files that failed, by their names, and why."""
    path = folder / "failures.csv"
    table = pd.read_csv(path, dtype=str) if path.is_file() else pd.DataFrame(columns=["file", "reason"])
    return table.assign(file=[Path(file).name for file in table["file"]])


def _footer(folder: Path) -> str:
    """Line about the files that the report was made from."""
    return f"From particles.csv ({_digest(folder / 'particles.csv')}) and summary.json in the same folder."


def _digest(path: Path) -> str:
    """Fingerprint of a file."""
    return fingerprint_bytes(path.read_bytes())
