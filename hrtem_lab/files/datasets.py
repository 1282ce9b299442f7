"""Labelled images in the layouts that other programs train on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from PIL import Image

from hrtem_lab.atomic_write import atomic_write
from hrtem_lab.files.tables import read_rows
from hrtem_lab.files.write import write_image, write_mask, write_table
from hrtem_lab.image import rescale_intensity
from hrtem_lab.micrograph import LabelledMicrograph

GROSCHNER_PX = 512
"""Side length of the published images, in pixels."""

Numbered = Iterable[tuple[int, LabelledMicrograph]]


def write_groschner(folder: str | Path, micrographs: Numbered, count: int) -> None:
    """Write the layout of the published training sets of Groschner, Choi and Scott (Zenodo 3755011), as `images.h5`.

    `images`, (n, 512, 512, 1) float32 from 0 to 1, and `maps`, (n, 512, 512, 2) uint8, one-hot, whose last channel is
    the particles. Beside it `metadata.csv` (pixel size and condition by row), `particles.parquet` (ground truth).

    Args:
        folder: Made where it is absent.
        micrographs: Each with its row; 512 x 512 pixels.
        count: Number of micrographs.

    Raises:
        InputError: Something cannot be written.
    """
    folder, side = Path(folder), GROSCHNER_PX
    tables = _Tables()
    with atomic_write(folder / "images.h5") as unfinished, h5py.File(unfinished, "w") as file:
        layout: dict[str, Any] = {"chunks": (1, side, side, 1), "maxshape": (None, side, side, 1)}
        images = file.create_dataset("images", (count, side, side, 1), np.float32, **layout)
        layout = {"chunks": (1, side, side, 2), "maxshape": (None, side, side, 2), "compression": "gzip"}
        maps = file.create_dataset("maps", (count, side, side, 2), np.uint8, **layout)
        for row, micrograph in micrographs:
            images[row, ..., 0] = rescale_intensity(micrograph.image, 0.001)
            maps[row] = np.stack([~micrograph.mask, micrograph.mask], axis=-1)
            tables.add(row, micrograph)
    tables.write(folder)


def write_folder(folder: str | Path, micrographs: Numbered) -> None:
    """Write `<name>.tif` (float32, calibrated for ImageJ) and `<name>_label.png` (255 = particle) for each micrograph.

    Beside them `instances/<name>.tif` (particle numbers), `metadata.csv` (name, pixel size, condition) and
    `particles.parquet` (the ground truth). What an earlier call wrote here and this one does not is removed.

    Args:
        folder: Made where it is absent.
        micrographs: Each with its number, by which the tables are sorted.

    Raises:
        InputError: Something cannot be written.
    """
    folder = Path(folder)
    before = _names(folder / "metadata.csv")
    tables = _Tables()
    for number, micrograph in micrographs:
        write_image(folder / f"{micrograph.name}.tif", micrograph.image, micrograph.pixel_size_nm)
        with atomic_write(folder / f"{micrograph.name}_label.png") as unfinished:
            Image.fromarray(micrograph.mask.astype(np.uint8) * 255).save(unfinished, "png")
        write_mask(folder / "instances" / f"{micrograph.name}.tif", micrograph.instances, micrograph.pixel_size_nm)
        tables.add(number, micrograph)
    for name in before - set(tables.names):
        for file in (f"{name}.tif", f"{name}_label.png", f"instances/{name}.tif"):
            (folder / file).unlink(missing_ok=True)
    tables.write(folder)


class _Tables:
    """Tables of what the pictures cannot hold: a row per image, and a row per particle of each image."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.particles: dict[int, pd.DataFrame] = {}

    @property
    def names(self) -> list[str]:
        return [row["name"] for row in self.rows.values()]

    def add(self, number: int, micrograph: LabelledMicrograph) -> None:
        camera = {"camera_pixel_size_nm" if k == "pixel_size_nm" else k: v for k, v in micrograph.metadata.items()}
        row = {"name": micrograph.name, "pixel_size_nm": micrograph.pixel_size_nm, "group": micrograph.group}
        self.rows[number] = row | {"particles": len(micrograph.ground_truth)} | camera
        particles = micrograph.ground_truth.rename_axis("particle").reset_index()
        particles.insert(0, "name", micrograph.name)
        self.particles[number] = particles

    def write(self, folder: Path) -> None:
        columns = ["name", "pixel_size_nm", "group", "particles"]
        rows = pd.DataFrame([self.rows[n] for n in sorted(self.rows)], columns=None if self.rows else columns)
        write_table(folder / "metadata.csv", rows)
        particles = [self.particles[n] for n in sorted(self.particles)]
        some = [table for table in particles if len(table)] or particles[:1]
        table = pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=["name", "particle"])
        with atomic_write(folder / "particles.parquet") as unfinished:
            table.to_parquet(unfinished, index=False)


def _names(metadata: Path) -> set[str]:
    """Names of the images that an earlier call wrote."""
    if not metadata.is_file():
        return set()
    columns, rows = read_rows(metadata)
    return {row[columns.index("name")] for _, row in rows if "name" in columns and len(row) > columns.index("name")}
