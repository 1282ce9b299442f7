"""The table of particles under the names that ImageJ's Analyze Particles gives its columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd


def to_imagej_table(particles: pd.DataFrame, pixel_size_nm: Mapping[str, float]) -> pd.DataFrame:
    """Convert the table of particles to ImageJ's columns, in nm.

    ImageJ counts positions from the corner of the first pixel, and fits the ellipse of the same area and second moments
    (`Major`, `Minor`, `Angle`); `AR` and `Round` are ratios of its axes. What ImageJ has no column for keeps its name.

    Args:
        particles: A row for each particle, with `micrograph` and `particle`.
        pixel_size_nm: Side length of a pixel of each micrograph.

    Returns:
        A row for each particle; the index is numbered from 1 under ImageJ's name for it, a space.
    """
    pixel = particles["micrograph"].map(pixel_size_nm).astype(float)
    axis_ratio = np.sqrt(1 - particles["eccentricity"].astype(float) ** 2)
    columns = {
        "Label": particles["micrograph"],
        "Area": particles["area_nm2"],
        "X": particles["column_nm"] + pixel / 2,
        "Y": particles["row_nm"] + pixel / 2,
        "Perim.": particles["perimeter_nm"],
        "Width": particles["box_columns_px"] * pixel,
        "Height": particles["box_rows_px"] * pixel,
        "Major": particles["equivalent_diameter_nm"] / np.sqrt(axis_ratio),
        "Minor": particles["equivalent_diameter_nm"] * np.sqrt(axis_ratio),
        "Angle": particles["orientation_deg"],
        "Circ.": particles["circularity"],
        "Feret": particles["feret_max_nm"],
        "MinFeret": particles["feret_min_nm"],
        "AR": 1 / axis_ratio,
        "Round": axis_ratio,
        "Solidity": particles["solidity"],
    }
    kept = [name for name in ("particle", "touches_edge", "class") if name in particles]
    index = pd.RangeIndex(1, len(particles) + 1, name=" ")
    return pd.DataFrame(columns).join(particles[kept]).set_index(index)
