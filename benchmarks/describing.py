"""Describing particles of 5.5 nm at 0.02 nm a pixel: milliseconds for one, and for each of 200 on all cores.

Run it with: python benchmarks/describing.py
"""

import numpy as np
from report import processor_seconds, report, seconds

from hrtem_lab.particles import lattice_features

PIXEL_NM, PITCH_NM, DIAMETER_NM = 0.02, 8.0, 5.5
TWIN_DEG = 70.53


def field(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a grid of particles with two sets of {111} fringes on noise: image and instances."""
    pitch = round(PITCH_NM / PIXEL_NM)
    row, column = np.mgrid[:pitch, :pitch] * PIXEL_NM - PITCH_NM / 2
    disc = np.hypot(row, column) < DIAMETER_NM / 2
    angles = np.deg2rad([0.0, TWIN_DEG])
    fringes = sum(np.cos(2 * np.pi * (row * np.sin(a) + column * np.cos(a)) / 0.2355) for a in angles)
    noise = np.random.default_rng(0).normal(size=(rows * pitch, columns * pitch))
    image = np.tile(disc * (0.7 * fringes - 1), (rows, columns)) + noise
    numbers = np.arange(1, rows * columns + 1, dtype=np.int32).reshape(rows, columns)
    return image.astype(np.float32), np.kron(numbers, disc.astype(np.int32))


if __name__ == "__main__":
    few, many = field(3, 3), field(10, 20)
    report(
        {
            "one of 9, ms of processor": lambda: processor_seconds(lambda: lattice_features(*few, PIXEL_NM)) / 9e-3,
            "one of 9, ms": lambda: seconds(lambda: lattice_features(*few, PIXEL_NM)) / 9e-3,
            "one of 200, ms": lambda: seconds(lambda: lattice_features(*many, PIXEL_NM)) / 200e-3,
        },
        __doc__,
    )
