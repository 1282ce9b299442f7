"""A library of exit waves: simulated once, kept on disk, found again by its content."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import cached_property
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import zarr

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics.exit_wave import ExitWave, multislice, outlines
from hrtem_lab.physics.placed import Placed, particle_facts
from hrtem_lab.physics.specimen import ParticlesOnCarbon

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = (
    *("material.py", "shapes.py", "multiply_twinned.py", "crystal.py"),
    *("placed.py", "support.py", "specimen.py", "exit_wave.py"),
)

Progress = Callable[[int, int], None]


class Library(Sequence[ExitWave]):
    """Exit waves of `count` different specimens.

    The folder's name is a digest of everything that decides the waves: the arguments, the source of the modules that
    build them and the versions of abTEM and ASE. So nothing is simulated twice, nothing stale is used, and a library
    with a larger `count` continues a smaller one. Each specimen is drawn from (seed, index) alone.

    Args:
        specimen: Draws the specimens.
        count: How many.
        seed: Base of all chance.
        gpts: Pixels of a wave along each edge.
        voltage_kV: Accelerating voltage.
        root: Folder of all libraries; by default `.cache/exit_waves` in the project.
        workers: Processes that simulate; 0 is this one, by default one per processor.
    """

    def __init__(
        self,
        specimen: ParticlesOnCarbon,
        count: int,
        seed: int,
        gpts: int = 512,
        voltage_kV: float = 300.0,
        root: str | Path | None = None,
        workers: int | None = None,
    ) -> None:
        if count < 0:
            raise InputError(f"count is {count}, expected the number of specimens")
        self.specimen, self.size, self.seed, self.gpts, self.voltage_kV = specimen, count, seed, gpts, voltage_kV
        self.workers = (os.cpu_count() or 1) if workers is None else workers
        self.folder = Path(root or PROJECT / ".cache" / "exit_waves") / self.digest

    @property
    def sampling_nm(self) -> float:
        """Edge of a wave's pixel."""
        return self.specimen.field_nm / self.gpts

    @property
    def recipe(self) -> dict[str, Any]:
        """What decides every wave but its index."""
        code = b"".join((Path(__file__).parent / name).read_bytes() for name in SOURCES)
        return {
            "specimen": asdict(self.specimen),
            "seed": self.seed,
            "gpts": self.gpts,
            "voltage_kV": self.voltage_kV,
            "source": hashlib.sha256(code).hexdigest(),
            "versions": {name: version(name) for name in ("abtem", "ase")},
        }

    @cached_property
    def digest(self) -> str:
        """Fingerprint of the recipe, 16 hexadecimal digits; that of the start, should the source change meanwhile."""
        return hashlib.sha256(json.dumps(self.recipe, sort_keys=True).encode()).hexdigest()[:16]

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, index: int) -> ExitWave: ...
    @overload
    def __getitem__(self, index: slice) -> list[ExitWave]: ...
    def __getitem__(self, index: int | slice) -> ExitWave | list[ExitWave]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < self.size:
            raise IndexError(index)
        particles = tuple(Placed.of(p) for p in json.loads(self._done(index).read_text()))
        return ExitWave(
            wave=np.asarray(self._arrays["waves"][index]),
            instances=np.asarray(self._arrays["instances"][index]).astype(np.int32),
            sampling_nm=self.sampling_nm,
            name=f"{self.digest[:8]}_{index:05d}",
            facts=particle_facts(particles),
            particles=particles,
        )

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        """Opened once, when everything is there."""
        return self._open("r")

    def _open(self, mode: Literal["r", "r+"]) -> dict[str, Any]:
        return {n: zarr.open_array(self.folder / "library.zarr" / n, mode=mode) for n in ("waves", "instances")}

    def missing(self) -> list[int]:
        """Indices that are not simulated yet."""
        return [i for i in range(self.size) if not self._done(i).exists()]

    def simulate(self, progress: Progress = lambda done, total: None) -> None:
        """Make what is missing, on all workers; after an interruption the next call goes on where this one stopped."""
        missing = self.missing()
        done = self.size - len(missing)
        progress(done, self.size)
        if not missing:
            return
        self._prepare()
        if self.workers == 0:
            for number, index in enumerate(missing, start=1):
                self._simulate_one(index)
                progress(done + number, self.size)
            return
        # forkserver or spawn: a forked copy of a process that runs threads may hang
        with ProcessPoolExecutor(min(self.workers, len(missing)), mp_context=get_context("spawn")) as pool:
            futures = [pool.submit(self._simulate_one, i) for i in missing]
            try:
                for future in as_completed(futures):
                    future.result()
                    done += 1
                    progress(done, self.size)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _prepare(self) -> None:
        (self.folder / "facts").mkdir(parents=True, exist_ok=True)
        _write(self.folder / "manifest.json", self.recipe)
        field = (self.gpts, self.gpts)
        for name, dtype in (("waves", np.complex64), ("instances", np.uint16)):
            path = self.folder / "library.zarr" / name
            if not path.exists():
                zarr.create_array(path, shape=(self.size, *field), chunks=(1, *field), dtype=dtype)
            array = zarr.open_array(path, mode="r+")
            if array.shape[0] < self.size:
                array.resize((self.size, *field))

    def _simulate_one(self, index: int) -> None:
        specimen = self.specimen.draw(np.random.default_rng([self.seed, index]))
        arrays = self._open("r+")
        arrays["waves"][index] = multislice(specimen, self.gpts, self.voltage_kV)
        arrays["instances"][index] = outlines(specimen, self.gpts)
        # written last: where this file is, the arrays are whole
        _write(self._done(index), [p.plain() for p in specimen.particles])

    def _done(self, index: int) -> Path:
        return self.folder / "facts" / f"{index:05d}.json"


def _write(path: Path, content: Any) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(content, indent=1))
    os.replace(part, path)
