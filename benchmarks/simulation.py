"""How fast specimens become exit waves and exit waves become images, and what that costs in exactness and memory.

    python benchmarks/simulation.py [specimen=diverse microscope=wide ...]

One core, about two minutes. Times are those of the processor, over specimens that both sides simulate; those of other
machines differ, their ratios little.
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
CONDITION = ImagingConditions(defocus_nm=8.0, cs_um=-5.0, focal_spread_nm=3.0, pixel_size_nm=0.03, mtf_nyquist=1.0)
"""Near Scherzer's focus of a corrected microscope, no noise: what the images of two exit waves are compared at."""


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        library = ExitWaveLibrary(
            build(config.data.library.specimen), SPECIMENS, seed=0, gpts=GPTS, root=folder, workers=0
        )
        said = " ".join([*sys.argv[1:], f"{library.specimen.field_nm:g} nm field, {GPTS} x {GPTS}, one core"])
        table = Table(title=f"Simulation, {said}")
        for column in ("what", "ours", "the other", "ratio"):
            table.add_column(column, justify="left" if column == "what" else "right")
        for row in (*exit_waves(library), *training_images(library, config), *field_of_256(), memory(library)):
            table.add_row(*row)
    Console(width=110).print(table)


def seconds(task: Callable[[int], Any], calls: int, warm: bool = True) -> float:
    """Median processor time of task(0), task(1), ...: what else runs on the machine does not count."""
    if warm:
        task(0)
    times = []
    for number in range(calls):
        before = time.process_time()
        task(number)
        times.append(time.process_time() - before)
    return statistics.median(times)


def documented(specimen: Specimen) -> np.ndarray:
    """The exit wave by abTEM's defaults: finite projections in slices of 1 Angstrom."""
    import abtem

    with abtem.config.set({"device": "cpu", "diagnostics.progress_bar": False, "fftw.threads": 1}):
        potential = abtem.Potential(specimen.atoms, gpts=GPTS, slice_thickness=1)
        waves = abtem.PlaneWave(energy=300e3).multislice(potential)
        return np.asarray(waves.compute(scheduler="single-threaded").array, dtype=np.complex64)


def exit_waves(library: ExitWaveLibrary) -> list[tuple[str, ...]]:
    """Per minute, and how far the image of the fast one is from that of the slow one."""
    # without absorption, of which abTEM's potentials know nothing
    drawn = [replace(library.specimen.sample(np.random.default_rng([0, i])), absorption=0.0) for i in range(SPECIMENS)]
    full = [specimen for specimen in drawn if specimen.particles]
    ours, fast = per_minute(lambda specimen: multislice(specimen, GPTS), full)
    other, slow = per_minute(documented, full)
    rms, alike = [], []
    for pair in zip(fast, slow, strict=True):
        # thin slices begin half a slice too early, too
        waves = pair[0], propagate(pair[1], library.sampling_nm, -0.05, 300.0)
        one, two = (tem.expose(wave, library.sampling_nm, CONDITION).numpy().ravel() for wave in waves)
        rms.append(np.sqrt(((one - two) ** 2).mean()) / two.mean())
        alike.append(np.corrcoef(one, two)[0, 1])
    said = "of the image at +8 nm, Cs -5 µm, focal spread 3 nm, no noise"
    return [
        ("exit waves per minute and core, against abTEM's documented default", *ratio(ours, other, ".0f")),
        (f"RMS difference over mean, {said}", f"{100 * statistics.median(rms):.1f} %", "0", ""),
        ("correlation of the two images", f"{statistics.median(alike):.4f}", "1", ""),
    ]


def per_minute(simulate: Callable[[Specimen], np.ndarray], specimens: list[Specimen]) -> tuple[float, list[np.ndarray]]:
    """How many exit waves, and those of all specimens."""
    simulate(specimens[0])  # the first call compiles
    before = time.process_time()
    waves = [simulate(specimen) for specimen in specimens]
    return 60 * len(waves) / (time.process_time() - before), waves


def training_images(library: ExitWaveLibrary, config: Any) -> list[tuple[str, ...]]:
    """Per second: a new condition for a kept exit wave, against a new exit wave for each image."""
    library.simulate()
    preprocessing, augmentation = build(config.preprocessing), build(config.data.augmentation)
    rest = (build(config.data.imaging), preprocessing, augmentation, config.data.window_nm, (0, 0))
    images = SimulatedDataset(library, range(SPECIMENS), *rest)
    ours = seconds(lambda i: images[i], 40)

    def scratch(number: int, simulate: Callable[..., np.ndarray]) -> None:
        specimen = library.specimen.sample(np.random.default_rng([1, number]))
        instances = project_instances(specimen, GPTS)
        wave = ExitWave(simulate(specimen), instances, library.sampling_nm, "new", lambda: specimen.particles)
        SimulatedDataset([wave], range(1), *rest)[number]  # type: ignore[arg-type]

    fast = seconds(lambda i: scratch(i, lambda specimen: multislice(specimen, GPTS)), SPECIMENS, warm=False)
    slow = seconds(lambda i: scratch(i, documented), SPECIMENS, warm=False)
    said = "training images per second, against a new specimen for each"
    return [
        (f"{said}, our exit waves", *ratio(1 / ours, 1 / fast, ".2f")),
        (f"{said}, abTEM's default", *ratio(1 / ours, 1 / slow, ".2f")),
    ]


def field_of_256() -> list[tuple[str, ...]]:
    """Lens, camera and counting of a 256 x 256 field."""
    rng = np.random.default_rng(0)
    wave = np.exp(0.1j * rng.normal(size=(256, 256))).astype(np.complex64)
    took = seconds(lambda _: tem.record(tem.expose(wave, 0.03, CONDITION), CONDITION, rng), 50)
    return [("ms per image of a 256 x 256 field, microscope alone", f"{1e3 * took:.1f}", "30 allowed", "")]


def memory(library: ExitWaveLibrary) -> tuple[str, ...]:
    """Of a process that simulates specimen after specimen, and of one that only imports what it needs for that."""
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
    """Largest resident memory of a process that simulates this library (Linux only)."""
    call = [sys.executable, "-c", WORKER]
    return int(subprocess.run(call, input=pickle.dumps(library), capture_output=True, check=True).stdout) / 1024


def ratio(ours: float, other: float, form: str) -> tuple[str, str, str]:
    """Two numbers and how many times the first is the second."""
    return f"{ours:{form}}", f"{other:{form}}", f"{ours / other:.1f}"


if __name__ == "__main__":
    main()
