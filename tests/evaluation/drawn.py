"""Tables of particles whose truth is known."""

import numpy as np
import pandas as pd

from hrtem_lab.evaluation.populations import select_uncut_particles

FIELD_PX = 512


def particles(
    seed: int, micrographs: int = 10, each: int = 20, mean_nm: float = 5.0, fault_nm: float = 0.3, r: float = 0.5
) -> pd.DataFrame:
    """Particles as `hrtem_lab.predict` writes them, none cut by an edge.

    The diameter is normal, with a mean that differs from micrograph to micrograph; 0.4 of the particles are faulted and
    larger by `fault_nm`; the aspect ratio has the correlation `r` with the random part of the diameter.
    """
    rng = np.random.default_rng(seed)
    which = np.repeat(np.arange(micrographs), each)
    number = len(which)
    chance, free = rng.normal(size=(2, number))
    fault = rng.random(number) < 0.4
    diameter = mean_nm + rng.normal(0, 0.15, micrographs)[which] + 0.4 * chance + fault_nm * fault
    table = pd.DataFrame({"micrograph": [f"µ{i}" for i in which], "equivalent_diameter_nm": diameter})
    return table.assign(
        feret_max_nm=1.1 * diameter,
        feret_min_nm=0.9 * diameter,
        area_nm2=np.pi / 4 * diameter**2,
        aspect_ratio=1.3 + 0.05 * (r * chance + np.sqrt(1 - r**2) * free),
        circularity=rng.uniform(0.8, 1, number),
        solidity=rng.uniform(0.9, 1, number),
        eccentricity=rng.uniform(0.1, 0.6, number),
        box_rows_px=np.round(10 * diameter).astype(int),
        box_columns_px=np.round(10 * diameter).astype(int),
        touches_edge=False,
        **{"class": np.where(fault, "fault", "no_fault")},
    )


def fields(table: pd.DataFrame) -> pd.DataFrame:
    """Size of every micrograph in pixels."""
    return pd.DataFrame({"rows": FIELD_PX, "columns": FIELD_PX}, index=table["micrograph"].unique())


def population(seed: int, **settings: float) -> pd.DataFrame:
    """The uncut particles with their weights."""
    table = particles(seed, **settings)
    return select_uncut_particles(table, fields(table))
