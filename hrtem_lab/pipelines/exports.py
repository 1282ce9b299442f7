"""Files for other programs that `predict` writes on request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hrtem_lab.analysis.analyser import Analysis
from hrtem_lab.figures.micrographs import overlay
from hrtem_lab.figures.style import COLOURS, save
from hrtem_lab.files import write_table
from hrtem_lab.files.exports import (
    merge_coco,
    to_imagej_table,
    write_coco,
    write_geojson,
    write_imagej_rois,
    write_ome_tiff,
)
from hrtem_lab.micrograph import InputError
from hrtem_lab.particles.pixel_borders import trace_borders

FILES = {
    "imagej_rois": "rois/{}.zip",
    "geojson": "geojson/{}.geojson",
    "coco": "coco/{}.json",
    "ome_tiff": "labels/{}.ome.tif",
    "svg": "overlays/{}.svg",
    "pdf": "overlays/{}.pdf",
}
"""File of a micrograph in each export, from the output; braces are for the micrograph's name."""
TABLES = {"imagej_table": "particles_imagej.csv", "coco": "coco.json"}
"""File of all micrographs in each export, from the output."""
EXPORTS = tuple(dict.fromkeys([*FILES, *TABLES]))


def check_exports(exports: Iterable[Any]) -> tuple[str, ...]:
    """The exports that were asked for.

    Raises:
        InputError: There is none of a name.
    """
    wanted = tuple(str(export) for export in exports)
    if unknown := [export for export in wanted if export not in EXPORTS]:
        raise InputError(f"exports={unknown[0]}: expected any of {', '.join(EXPORTS)}, as in 'exports=[coco,svg]'")
    return wanted


def write_exports(output: Path, exports: Iterable[str], analysis: Analysis) -> list[str]:
    """Write a micrograph's files in every export, and return their paths from the output.

    Raises:
        InputError: A file cannot be written.
    """
    wanted = [export for export in exports if export in FILES]
    places = {export: FILES[export].format(analysis.micrograph.name) for export in wanted}
    for export, place in places.items():
        _write(output / place, export, analysis)
    return list(places.values())


def _write(path: Path, export: str, analysis: Analysis) -> None:
    """Write a micrograph's file in an export."""
    micrograph, instances, table = analysis.micrograph, analysis.instances, analysis.table
    if export == "imagej_rois":
        write_imagej_rois(path, trace_borders(instances), analysis.classes.to_dict())
    elif export == "geojson":
        colours = {name: tuple(bytes.fromhex(colour[1:])) for name, colour in COLOURS.items()}
        write_geojson(path, micrograph.name, trace_borders(instances), table, colours)
    elif export == "coco":
        source = str(micrograph.metadata.get("source", micrograph.name))
        write_coco(path, source, micrograph.pixel_size_nm, instances, table)
    elif export == "ome_tiff":
        write_ome_tiff(path, micrograph.name, micrograph.pixel_size_nm, instances)
    else:
        save(overlay(analysis), path)


def write_export_tables(
    output: Path, exports: Iterable[str], particles: pd.DataFrame, micrographs: Iterable[Mapping[str, Any]]
) -> None:
    """Write the files of all micrographs, and remove those of exports that were not asked for.

    Args:
        output: Folder of the results.
        exports: Exports that were asked for.
        particles: Table of the particles of all micrographs.
        micrographs: Row of each micrograph.

    Raises:
        InputError: A file cannot be written.
    """
    rows = list(micrographs)
    for export in TABLES.keys() - set(exports):
        (output / TABLES[export]).unlink(missing_ok=True)
    if "imagej_table" in exports:
        pixel_sizes = {row["micrograph"]: row["pixel_size_nm"] for row in rows}
        write_table(output / TABLES["imagej_table"], to_imagej_table(particles, pixel_sizes))
    if "coco" in exports:
        merge_coco(output / TABLES["coco"], [output / FILES["coco"].format(row["micrograph"]) for row in rows])
