"""A library of exit waves: simulated once, kept on disk, found again by its content."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hrtem_lab.fingerprint import fingerprint, fingerprint_bytes
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import workspace
from hrtem_lab.physics.exit_wave import ExitWave, multislice
from hrtem_lab.physics.library_folder import LibraryFolder
from hrtem_lab.physics.material import Material
from hrtem_lab.physics.placed_particle import PlacedParticle
from hrtem_lab.physics.silhouettes import instance_map, overlap_fractions, silhouettes
from hrtem_lab.physics.specimen import Specimen
from hrtem_lab.physics.wave_sequence import WaveSequence
from hrtem_lab.physics.workers import run
from hrtem_lab.progress import ProgressCallback, no_progress

SOURCES = (
    *("material.py", "shapes.py", "multiply_twinned.py", "crystal.py", "placed_particle.py", "support.py", "face.py"),
    *("specimen.py", "particles_on_film.py", "silhouettes.py", "exit_wave.py"),
)
CODE = fingerprint_bytes(b"".join((Path(__file__).parent / name).read_bytes() for name in SOURCES))
"""Fingerprint of the modules that build the waves, as this process has imported them."""
LAYOUT = 2
"""Version of the folder's layout; it changes when an older library can no longer be read."""


class SpecimenSampler(Protocol):
    """Samples specimens; a dataclass of its settings."""

    @property
    def field_nm(self) -> float:
        """Side length of the square field."""

    def sample(self, rng: np.random.Generator) -> Specimen:
        """Sample a specimen."""


class ExitWaveLibrary(WaveSequence):
    """Exit waves of `count` different specimens.

    A fingerprint of everything that decides the waves names the library: the arguments, the source of the modules that
    build them and the versions of abTEM and ASE. So nothing is simulated twice, nothing stale is used, and a library
    with a larger `count` continues a smaller one. Each specimen is sampled from (seed, index) alone. `LibraryFolder`
    describes the files.

    Args:
        specimen: Samples the specimens.
        count: Number of specimens.
        seed: Seed of the random number generator.
        gpts: Pixels of a wave along each side.
        voltage_kV: Accelerating voltage.
        root: Folder of all libraries, each in one that is called after its fingerprint; by default `.cache/exit_waves`
            in the workspace.
        folder: Folder of this library instead, whatever its fingerprint; one with entries of another is refused.
        workers: Processes that simulate; 0 is this one, by default one per processor.
        cluster: Dask scheduler that simulates instead (see `workers.run`); its workers write to the same folder.

    Raises:
        InputError: An argument is out of its range, or `folder` holds another library.
    """

    def __init__(
        self,
        specimen: SpecimenSampler,
        count: int,
        seed: int,
        gpts: int = 512,
        voltage_kV: float = 300.0,
        root: str | Path | None = None,
        folder: str | Path | None = None,
        workers: int | None = None,
        cluster: Any = None,
    ) -> None:
        integers = {"count": count, "seed": seed, "workers": workers or 0, "gpts": gpts}
        for name, number in integers.items():
            if not isinstance(number, int) or number < (name == "gpts"):
                raise InputError(f"{name} is {number}, expected a whole number of at least {int(name == 'gpts')}")
        self.specimen, self.size, self.seed, self.gpts, self.voltage_kV = specimen, count, seed, gpts, voltage_kV
        self.workers = (os.cpu_count() or 1) if workers is None else workers
        self.cluster = cluster
        self._check_sampling()
        root = Path(root or workspace() / ".cache" / "exit_waves")
        self.folder = (Path(folder).expanduser() if folder else root / self.digest).absolute()
        self._files = LibraryFolder(self.folder, self.digest, self.fingerprint_inputs, gpts)
        self._files.check()

    @property
    def sampling_nm(self) -> float:
        """Side length of a wave's pixel."""
        return self.specimen.field_nm / self.gpts

    @property
    def fingerprint_inputs(self) -> dict[str, Any]:
        """Everything that decides the waves, except their index."""
        return {
            "layout": LAYOUT,
            "specimen": asdict(self.specimen),  # type: ignore[call-overload]
            "seed": self.seed,
            "gpts": self.gpts,
            "voltage_kV": self.voltage_kV,
            "source": CODE,
            "versions": {name: version(name) for name in ("abtem", "ase")},
        }

    @cached_property
    def digest(self) -> str:
        """Fingerprint of `fingerprint_inputs`."""
        return fingerprint(self.fingerprint_inputs)

    def __len__(self) -> int:
        return self.size

    def _wave(self, index: int) -> ExitWave:
        wave, instances = self._files.read_arrays(index)
        return ExitWave(
            wave, instances, self.sampling_nm, self._name(index), partial(self._files.read_particles, index)
        )

    def particles(self) -> Iterator[tuple[PlacedParticle, ...]]:
        """Yield the particles of each specimen without reading its wave."""
        return map(self._files.read_particles, range(self.size))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the cluster: another process simulates one specimen and distributes nothing."""
        return self.__dict__ | {"cluster": None}

    def missing(self) -> list[int]:
        """Return the indices of specimens that are not simulated yet."""
        return [i for i in range(self.size) if not self._files.particles_file(i).exists()]

    def simulate(self, progress: ProgressCallback = no_progress) -> None:
        """Simulate the missing specimens on all workers; after an interruption the next call continues.

        Raises:
            InputError: The disk is full or cannot be written to, or a worker runs other code than this process.
        """
        missing = self.missing()
        done = self.size - len(missing)
        progress(done, self.size)
        try:
            if missing or not self._files.is_prepared():
                self._files.prepare(self.size)
            for _ in run(self._simulate_one, missing, self.workers, self.cluster):
                done += 1
                progress(done, self.size)
        except OSError as error:
            if message := self._explain(error, done):
                raise InputError(message) from error
            raise

    def _explain(self, error: OSError, done: int) -> str | None:
        """Return the message for an error that the user can mend, or None."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return (
                f"{self.folder}: the disk is full after {done} of {self.size} specimens of "
                f"{10e-6 * self.gpts**2:.1f} MB; make room, and the same command goes on from there"
            )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT):
            return f"{self.folder}: cannot be written ({error.strerror}); give another folder"
        return None

    def _simulate_one(self, index: int) -> None:
        """Simulate one specimen and write it."""
        if fingerprint(self.fingerprint_inputs) != self.digest:
            raise InputError(
                f"the worker on {socket.gethostname()} has another hrtem_lab, abTEM or ASE than the process that asks; "
                "install the same everywhere, and start it again"
            )
        if not self.folder.is_dir():
            raise InputError(f"the worker on {socket.gethostname()} does not see {self.folder}; give a shared folder")
        specimen = self.specimen.sample(np.random.default_rng([self.seed, index]))
        wave = multislice(specimen, self.gpts, self.voltage_kV)
        outlines = silhouettes(specimen, self.gpts)
        overlaps = overlap_fractions(outlines)
        particles = tuple(replace(p, overlap=o) for p, o in zip(specimen.particles, overlaps, strict=True))
        self._files.write(index, self._name(index), wave, instance_map(outlines, self.gpts), particles)

    def _name(self, index: int) -> str:
        """Return the name of a specimen."""
        return f"{self.digest[:8]}_{index:05d}"

    def _check_sampling(self) -> None:
        """Raise `InputError` where a pixel is too large for a lattice.

        Multislice keeps two thirds of the Nyquist frequency (Kirkland, section 6.8).
        """
        for material in find_materials(self.specimen):
            needed = int(np.ceil(3 * self.specimen.field_nm / material.d_spacing_nm))
            if self.gpts < needed:
                raise InputError(
                    f"gpts is {self.gpts}, pixels of {self.sampling_nm:.3g} nm: two thirds of their Nyquist frequency "
                    f"do not hold the {material.d_spacing_nm:.3f} nm planes of {material.name}; give gpts of "
                    f"at least {needed}"
                )


def find_materials(settings: Any) -> Iterator[Material]:
    """Yield every material in the settings of a specimen sampler."""
    if isinstance(settings, Material):
        yield settings
    elif isinstance(settings, Mapping):
        for value in settings.values():
            yield from find_materials(value)
    elif is_dataclass(settings):
        for field in fields(settings):
            yield from find_materials(getattr(settings, field.name))
