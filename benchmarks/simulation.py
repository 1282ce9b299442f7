"""Speed of simulating exit waves and images, accuracy against abTEM's defaults, and memory.

    python benchmarks/simulation.py [specimen=diverse microscope=wide ...]

Takes about two minutes on one core. Times are processor times for the same specimens on both sides; they differ from
machine to machine, their ratios hardly.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMBA_NUM_THREADS="1")  # before anything is imported

import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from rich.console import Console
from rich.table import Table

from hrtem_lab.cli.build import build
from hrtem_lab.paths import CONF
from hrtem_lab.physics import ExitWave, ExitWaveLibrary, ImagingConditions
from hrtem_lab.physics import microscope as tem
from hrtem_lab.physics.exit_wave import multislice, propagate
from hrtem_lab.physics.silhouettes import project_instances
from hrtem_lab.physics.specimen import Specimen
from hrtem_lab.segmentation.datasets import SimulatedDataset

GPTS, SPECIMENS = 512, 12
CONDITIONS = ImagingConditions(defocus_nm=8.0, cs_um=-5.0, focal_spread_nm=3.0, pixel_size_nm=0.03, mtf_nyquist=1.0)
"""Conditions under which the images of two exit waves are compared: near Scherzer's focus of a corrected microscope."""


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        library = ExitWaveLibrary(
            build(config.data.library.specimen), SPECIMENS, seed=0, gpts=GPTS, root=folder, workers=0
        )
        setup = " ".join([*sys.argv[1:], f"{library.specimen.field_nm:g} nm field, {GPTS} x {GPTS}, one core"])
        table = Table(title=f"Simulation, {setup}")
        for column in ("quantity", "ours", "the other", "ratio"):
            table.add_column(column, justify="left" if column == "quantity" else "right")
        for row in (
            *compare_exit_waves(library),
            *compare_training_images(library, config),
            *time_microscope(),
            measure_memory(library),
        ):
            table.add_row(*row)
    Console(width=110).print(table)


def median_seconds(task: Callable[[int], Any], calls: int, warm: bool = True) -> float:
    """Return the median processor time of task(0), task(1), ..., which other load on the machine hardly affects."""
    if warm:
        task(0)
    times = []
    for number in range(calls):
        before = time.process_time()
        task(number)
        times.append(time.process_time() - before)
    return statistics.median(times)


def abtem_defaults(specimen: Specimen) -> np.ndarray:
    """Return the exit wave by abTEM's defaults: finite projections in slices of 1 Angstrom."""
    import abtem

    with abtem.config.set({"device": "cpu", "diagnostics.progress_bar": False, "fftw.threads": 1}):
        potential = abtem.Potential(specimen.atoms, gpts=GPTS, slice_thickness=1)
        waves = abtem.PlaneWave(energy=300e3).multislice(potential)
        return np.asarray(waves.compute(scheduler="single-threaded").array, dtype=np.complex64)


def compare_exit_waves(library: ExitWaveLibrary) -> list[tuple[str, ...]]:
    """Compare the number of exit waves per minute, and the images of ours with those of abTEM's defaults."""
    # abTEM's potentials have no absorption
    sampled = [
        replace(library.specimen.sample(np.random.default_rng([0, i])), absorption=0.0) for i in range(SPECIMENS)
    ]
    full = [specimen for specimen in sampled if specimen.particles]
    ours, fast = per_minute(lambda specimen: multislice(specimen, GPTS), full)
    other, slow = per_minute(abtem_defaults, full)
    rms, correlation = [], []
    for pair in zip(fast, slow, strict=True):
        # thin slices begin half a slice too early, too
        waves = pair[0], propagate(pair[1], library.sampling_nm, -0.05, 300.0)
        one, two = (tem.expose(wave, library.sampling_nm, CONDITIONS).numpy().ravel() for wave in waves)
        rms.append(np.sqrt(((one - two) ** 2).mean()) / two.mean())
        correlation.append(np.corrcoef(one, two)[0, 1])
    label = "of the image at +8 nm, Cs -5 µm, focal spread 3 nm, no noise"
    return [
        ("exit waves per minute and core, against abTEM's documented default", *ratio(ours, other, ".0f")),
        (f"RMS difference over mean, {label}", f"{100 * statistics.median(rms):.1f} %", "0", ""),
        ("correlation of the two images", f"{statistics.median(correlation):.4f}", "1", ""),
    ]


def per_minute(simulate: Callable[[Specimen], np.ndarray], specimens: list[Specimen]) -> tuple[float, list[np.ndarray]]:
    """Return the number of exit waves per minute, and the exit waves of all specimens."""
    simulate(specimens[0])  # the first call compiles
    before = time.process_time()
    waves = [simulate(specimen) for specimen in specimens]
    return 60 * len(waves) / (time.process_time() - before), waves


def compare_training_images(library: ExitWaveLibrary, config: Any) -> list[tuple[str, ...]]:
    """Compare images of stored exit waves under new conditions with images of a new exit wave each, per second."""
    library.simulate()
    preprocessing, augmentation = build(config.preprocessing), build(config.data.augmentation)
    rest = (build(config.data.imaging), preprocessing, augmentation, config.data.window_nm, (0, 0))
    images = SimulatedDataset(library, range(SPECIMENS), *rest)
    ours = median_seconds(lambda i: images[i], 40)

    def from_scratch(number: int, simulate: Callable[..., np.ndarray]) -> None:
        specimen = library.specimen.sample(np.random.default_rng([1, number]))
        instances = project_instances(specimen, GPTS)
        wave = ExitWave(simulate(specimen), instances, library.sampling_nm, "new", lambda: specimen.particles)
        SimulatedDataset([wave], range(1), *rest)[number]  # type: ignore[arg-type]

    fast = median_seconds(lambda i: from_scratch(i, lambda specimen: multislice(specimen, GPTS)), SPECIMENS, warm=False)
    slow = median_seconds(lambda i: from_scratch(i, abtem_defaults), SPECIMENS, warm=False)
    label = "training images per second, against a new specimen for each"
    return [
        (f"{label}, our exit waves", *ratio(1 / ours, 1 / fast, ".2f")),
        (f"{label}, abTEM's default", *ratio(1 / ours, 1 / slow, ".2f")),
    ]


def time_microscope() -> list[tuple[str, ...]]:
    """Time lens, camera and counting for a field of 256 x 256 pixels."""
    rng = np.random.default_rng(0)
    wave = np.exp(0.1j * rng.normal(size=(256, 256))).astype(np.complex64)
    duration = median_seconds(lambda _: tem.record(tem.expose(wave, 0.03, CONDITIONS), CONDITIONS, rng), 50)
    return [("ms per image of a 256 x 256 field, microscope alone", f"{1e3 * duration:.1f}", "30 allowed", "")]


def measure_memory(library: ExitWaveLibrary) -> tuple[str, ...]:
    """Compare the memory of a process that simulates specimen after specimen with that of one that only imports."""
    other = ExitWaveLibrary(library.specimen, 3, 2, GPTS, root=library.folder.parent, workers=0)
    return (
        "peak memory of a worker in MiB, against one that only imports",
        *ratio(peak_MiB(other), peak_MiB(None), ".0f"),
    )


WORKER = """
import pickle, sys
import abtem, hrtem_lab.physics
library = pickle.load(sys.stdin.buffer)
if library is not None:
    library.simulate()
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak_MiB(library: ExitWaveLibrary | None) -> float:
    """Return the largest resident memory of a process that simulates this library (Linux only)."""
    call = [sys.executable, "-c", WORKER]
    return int(subprocess.run(call, input=pickle.dumps(library), capture_output=True, check=True).stdout) / 1024


def ratio(ours: float, other: float, number_format: str) -> tuple[str, str, str]:
    """Return two numbers and their ratio as text."""
    return f"{ours:{number_format}}", f"{other:{number_format}}", f"{ours / other:.1f}"


if __name__ == "__main__":
    main()
