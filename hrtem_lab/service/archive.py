"""The results of several files in one archive."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from hrtem_lab.service.jobs import Job
from hrtem_lab.service.task import RESULT, TABLE


def write_archive(jobs: Iterable[Job], folder: Path) -> Path:
    """Write masks, overlays, the summary of each file and the table of all particles as a ZIP file.

    Args:
        jobs: Analyses that are done.
        folder: Folder for the file; the caller removes it.
    """
    path = folder / f"{uuid4().hex}.zip"
    tables, names = [], set[str]()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for job in jobs:
            result = json.loads((job.folder / RESULT).read_text(encoding="utf-8"))
            stem = _unique(Path(job.name).stem, names)
            for row in result["micrographs"]:
                picture = stem + row["micrograph"].removeprefix(Path(job.name).stem)
                archive.write(job.folder / row["mask"], f"masks/{picture}.tif")
                archive.write(job.folder / row["overlay"], f"overlays/{picture}.png")
            archive.write(job.folder / RESULT, f"summaries/{stem}.json")
            tables.append((stem, job.folder / TABLE))
        archive.writestr("particles.csv", _join(tables))
    return path


def _unique(name: str, names: set[str]) -> str:
    """The name, with a number where another file has it already."""
    free = name
    number = 2
    while free in names:
        free, number = f"{name} ({number})", number + 1
    names.add(free)
    return free


def _join(tables: list[tuple[str, Path]]) -> str:
    """The tables under one header, each row after the name of its file."""
    rows: list[dict[str, str]] = []
    for stem, path in tables:
        with path.open(encoding="utf-8", newline="") as table:
            rows += [{"file": stem, **row} for row in csv.DictReader(table)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
