"""Growth of processor time with the number of particles and of pixels, and the power by which it grows.

Run it with: OMP_NUM_THREADS=1 python benchmarks/growth.py --plot growth.png
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from report import machine, processor_seconds

from hrtem_lab.micrograph import Micrograph
from hrtem_lab.particles import lattice_features, measure, separate
from hrtem_lab.segmentation.preprocessing import Preprocessing

PIXEL_NM = 0.05
PITCH_PX, RADIUS_PX = 80, 30
PARTICLES = (10, 31, 100, 316, 1000)
SIDES = (512, 1024, 2048, 4096, 8192)


def discs(count: int) -> np.ndarray:
    """Mask of so many discs of 3 nm in a row of at most 40, 1 nm apart."""
    row, column = np.mgrid[:PITCH_PX, :PITCH_PX] - PITCH_PX / 2
    rows = -(-count // 40)
    present = (np.arange(rows * 40) < count).reshape(rows, 40)[:, : min(count, 40)]
    return np.kron(present, np.hypot(row, column) < RADIUS_PX)


def particle_work(count: int) -> dict[str, Callable[[], object]]:
    """Steps whose cost depends on the number of particles."""
    mask = discs(count)
    instances = separate(mask, 0.5, PIXEL_NM)
    image = np.random.default_rng(0).normal(size=mask.shape).astype(np.float32)
    return {
        "separate": lambda: separate(mask, 0.5, PIXEL_NM),
        "measure": lambda: measure(instances, PIXEL_NM),
        "features": lambda: lattice_features(image, instances, PIXEL_NM),
    }


def pixel_work(side: int) -> dict[str, Callable[[], object]]:
    """Steps whose cost depends on the number of pixels."""
    image = np.random.default_rng(0).normal(size=(side, side)).astype(np.float32)
    micrograph = Micrograph(image=image, pixel_size_nm=PIXEL_NM, name="noise")
    return {"preprocessing": lambda: Preprocessing()(micrograph)}


def grow(sizes: tuple[int, ...], make: Callable[[int], dict[str, Callable[[], object]]]) -> dict[str, list[float]]:
    """Seconds of every step at every size."""
    found: dict[str, list[float]] = {}
    for size in sizes:
        for name, work in make(size).items():
            found.setdefault(name, []).append(processor_seconds(work))
    return found


def power(sizes: tuple[int, ...], values: list[float]) -> float:
    """Exponent of the growth over the upper half of the sizes; 1 is linear."""
    upper = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[upper:]), np.log(values[upper:]), 1)[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots(1, 2)
    pixels = tuple(side**2 for side in SIDES)
    parts = (
        ("particles", PARTICLES, grow(PARTICLES, particle_work)),
        ("pixels", pixels, grow(SIDES, pixel_work)),
    )
    for ax, (label, sizes, found) in zip(axes, parts, strict=True):
        for name, values in found.items():
            row = " ".join(f"{value:9.3g}" for value in values)
            print(f"{name:14} {row}  s for {sizes[0]} to {sizes[-1]} {label}, power {power(sizes, values):.2f}")
            ax.loglog(sizes, values, "o-", label=name)
        ax.set_xlabel(label)
        ax.set_ylabel("seconds of processor time")
        ax.legend()
    print(machine())
    if arguments.plot:
        figure.savefig(arguments.plot, dpi=100)
