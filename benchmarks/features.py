"""Seconds for the features of 1000 particles on one core by pixel size, and for those of one large particle; sums over
rings of a spectrum against a plain loop over annuli.

Run it with: OMP_NUM_THREADS=1 python benchmarks/features.py
"""

import time

import numpy as np
import pandas as pd

from hrtem_lab.particles import lattice_features
from hrtem_lab.particles.groschner import RINGS, ring_sums

SPACING_NM = 0.2355


def field(pixel_size_nm: float, side: int, diameter_nm: float, pitch_nm: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw a square grid of side x side discs with fringes on noise: image and instances."""
    pitch = round(pitch_nm / pixel_size_nm)
    row, column = np.mgrid[:pitch, :pitch] * pixel_size_nm - pitch_nm / 2
    disc = np.hypot(row, column) < diameter_nm / 2
    fringes = np.cos(2 * np.pi * (row + 0.4 * column) / SPACING_NM / np.hypot(1, 0.4)) * disc
    image = np.tile(fringes, (side, side)) + np.random.default_rng(0).normal(size=(side * pitch,) * 2)
    numbers = np.arange(1, side**2 + 1, dtype=np.int32).reshape(side, side)
    return image, np.kron(numbers, disc.astype(np.int32))


def seconds(pixel_size_nm: float, side: int, diameter_nm: float, pitch_nm: float) -> float:
    """Measure the time for the features of a field."""
    image, instances = field(pixel_size_nm, side, diameter_nm, pitch_nm)
    started = time.perf_counter()
    lattice_features(image, instances, pixel_size_nm)
    return time.perf_counter() - started


def ring_sums_by_masks(amplitude: np.ndarray) -> np.ndarray:
    """Sum ring by ring, each between the masks of two discs."""
    return np.array([amplitude[disc_mask(amplitude, r + 1) & ~disc_mask(amplitude, r)].sum() for r in range(RINGS)])


def disc_mask(amplitude: np.ndarray, rings: int) -> np.ndarray:
    """Mask of the innermost rings up to a number."""
    row, column = np.ogrid[: amplitude.shape[0], : amplitude.shape[1]]
    radius = np.sqrt((row - amplitude.shape[0] // 2) ** 2 + (column - amplitude.shape[1] // 2) ** 2)
    return radius * 2 * RINGS / min(amplitude.shape) < rings


def min_milliseconds(function, amplitude: np.ndarray, repeats: int = 5) -> float:
    """Measure the time of the fastest of several calls."""
    durations = []
    for _ in range(repeats):
        started = time.perf_counter()
        function(amplitude)
        durations.append(1e3 * (time.perf_counter() - started))
    return min(durations)


if __name__ == "__main__":
    rows = []
    for pixel_size_nm in (0.05, 0.03, 0.02):
        rows.append(
            {
                "nm/px": pixel_size_nm,
                "1000 of 3 nm, s": 1000 / 64 * seconds(pixel_size_nm, 8, 3.0, 4.5),
                "1000 of 5 nm, s": 1000 / 64 * seconds(pixel_size_nm, 8, 5.0, 6.5),
                "one of 20 nm, s": seconds(pixel_size_nm, 1, 20.0, 24.0),
                "one of 60 nm, s": seconds(pixel_size_nm, 1, 60.0, 64.0),
            }
        )
    print(pd.DataFrame(rows).round(2).to_string(index=False))
    rings = []
    for size in (128, 256, 512):
        amplitude = np.random.default_rng(0).random((size, size))
        ours, plain = min_milliseconds(ring_sums, amplitude, 20), min_milliseconds(ring_sums_by_masks, amplitude)
        rings.append({"edge, px": size, "100 rings, ms": ours, "loop, ms": plain, "ratio": plain / ours})
    print(pd.DataFrame(rings).round(2).to_string(index=False))
