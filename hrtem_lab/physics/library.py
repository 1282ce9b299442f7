"""A library of exit waves: simulated once, kept on disk, found again by its content."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Protocol, overload

import numpy as np
import zarr

import hrtem_lab
from hrtem_lab.atomic_write import move_when_written
from hrtem_lab.fingerprint import fingerprint
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import workspace
from hrtem_lab.physics import workers as many
from hrtem_lab.physics.exit_wave import ExitWave, multislice, overlaps, painted, silhouettes
from hrtem_lab.physics.manifest import differences, read_manifest
from hrtem_lab.physics.material import Material
from hrtem_lab.physics.placed import Placed
from hrtem_lab.physics.records import from_parquet, to_parquet
from hrtem_lab.physics.specimen import Specimen
from hrtem_lab.progress import ProgressCallback, no_progress

SOURCES = (
    *("material.py", "shapes.py", "multiply_twinned.py", "crystal.py"),
    *("placed.py", "support.py", "specimen.py", "exit_wave.py"),
)
CODE = hashlib.sha256(b"".join((Path(__file__).parent / name).read_bytes() for name in SOURCES)).hexdigest()
"""Fingerprint of what builds the waves, as this process has imported it."""
LAYOUT = 2
"""Of the folder: it changes when an older library can no longer be read."""


class Specimens(Protocol):
    """Draws specimens; a dataclass of its settings."""

    @property
    def field_nm(self) -> float:
        """Edge of the square field."""

    def draw(self, rng: np.random.Generator) -> Specimen:
        """One specimen."""


class Library(Sequence[ExitWave]):
    """Exit waves of `count` different specimens.

    A digest of everything that decides the waves names the library: the arguments, the source of the modules that
    build them and the versions of abTEM and ASE. So nothing is simulated twice, nothing stale is used, and a library
    with a larger `count` continues a smaller one. Each specimen is drawn from (seed, index) alone.

    The folder holds `library.zarr` (`waves` and `instances`, a chunk per specimen), `facts/` (a Parquet file per
    specimen with a row per particle, written last: where it is, the arrays are whole; `pandas.read_parquet` reads the
    folder as one table) and `manifest.json`.

    Args:
        specimen: Draws the specimens.
        count: How many.
        seed: Base of all chance.
        gpts: Pixels of a wave along each edge.
        voltage_kV: Accelerating voltage.
        root: Folder of all libraries, each in one that is called after its digest; by default `.cache/exit_waves` in
            the project.
        folder: Folder of this library instead, whatever its digest; one with entries of another is refused.
        workers: Processes that simulate; 0 is this one, by default one per processor.
        cluster: Dask scheduler that simulates instead (see `workers.run`); its workers write to the same folder.

    Raises:
        InputError: An argument is out of its range, or `folder` holds another library.
    """

    def __init__(
        self,
        specimen: Specimens,
        count: int,
        seed: int,
        gpts: int = 512,
        voltage_kV: float = 300.0,
        root: str | Path | None = None,
        folder: str | Path | None = None,
        workers: int | None = None,
        cluster: Any = None,
    ) -> None:
        whole = {"count": count, "seed": seed, "workers": workers or 0, "gpts": gpts}
        for name, number in whole.items():
            if not isinstance(number, int) or number < (name == "gpts"):
                raise InputError(f"{name} is {number}, expected a whole number of at least {int(name == 'gpts')}")
        self.specimen, self.size, self.seed, self.gpts, self.voltage_kV = specimen, count, seed, gpts, voltage_kV
        self.workers = (os.cpu_count() or 1) if workers is None else workers
        self.cluster = cluster
        self._check_sampling()
        root = Path(root or workspace() / ".cache" / "exit_waves")
        self.folder = (Path(folder).expanduser() if folder else root / self.digest).absolute()
        self._check_folder()

    @property
    def sampling_nm(self) -> float:
        """Edge of a wave's pixel."""
        return self.specimen.field_nm / self.gpts

    @property
    def recipe(self) -> dict[str, Any]:
        """What decides every wave but its index."""
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
        """Fingerprint of the recipe, 16 hexadecimal digits."""
        return fingerprint(self.recipe)

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
        if not self._done(index).exists():
            raise FileNotFoundError(f"{self._done(index)}: this exit wave is not simulated yet")
        return ExitWave(
            wave=np.asarray(self._arrays["waves"][index]),
            instances=np.asarray(self._arrays["instances"][index]).astype(np.int32),
            sampling_nm=self.sampling_nm,
            name=self._name(index),
            placed=partial(self._particles, index),
        )

    def particles(self) -> Iterator[tuple[Placed, ...]]:
        """Of each specimen, without its wave."""
        return map(self._particles, range(self.size))

    def _particles(self, index: int) -> tuple[Placed, ...]:
        return from_parquet(self._done(index))

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which simulates but hands nothing on."""
        return self.__dict__ | {"cluster": None}

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        """Opened once, when everything is there."""
        return self._open("r")

    def _open(self, mode: Literal["r", "r+"]) -> dict[str, Any]:
        return {n: zarr.open_array(self.folder / "library.zarr" / n, mode=mode) for n in ("waves", "instances")}

    def missing(self) -> list[int]:
        """Indices that are not simulated yet."""
        return [i for i in range(self.size) if not self._done(i).exists()]

    def simulate(self, progress: ProgressCallback = no_progress) -> None:
        """Make what is missing, on all workers; after an interruption the next call goes on where this one stopped.

        Raises:
            InputError: The disk is full or cannot be written to, or a worker is not as this process is.
        """
        missing = self.missing()
        done = self.size - len(missing)
        progress(done, self.size)
        try:
            if missing or not (self.folder / "manifest.json").exists():
                self._prepare()
            for _ in many.run(self._simulate_one, missing, self.workers, self.cluster):
                done += 1
                progress(done, self.size)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise InputError(
                    f"{self.folder}: the disk is full after {done} of {self.size} specimens of "
                    f"{10e-6 * self.gpts**2:.1f} MB; make room, and the same command goes on from there"
                ) from error
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT):
                raise InputError(f"{self.folder}: cannot be written ({error.strerror}); give another folder") from error
            raise

    def _prepare(self) -> None:
        (self.folder / "facts").mkdir(parents=True, exist_ok=True)
        if (read_manifest(self.folder) or {}).get("digest") != self.digest:  # nothing is in it, or it is none of ours
            shutil.rmtree(self.folder / "library.zarr", ignore_errors=True)
        _write(self.folder / "manifest.json", json.dumps(self._manifest(), indent=1).encode())
        field = (self.gpts, self.gpts)
        # compressed, a wave is hardly smaller, for it is noise to a compressor, and takes longer to read
        for name, dtype in (("waves", np.complex64), ("instances", np.uint16)):
            path = self.folder / "library.zarr" / name
            if not (path / "zarr.json").exists():
                shape, chunk = (self.size, *field), (1, *field)
                zarr.create_array(path, shape=shape, chunks=chunk, dtype=dtype, compressors=None)
            array = zarr.open_array(path, mode="r+")
            if array.shape[0] < self.size:
                array.resize((self.size, *field))

    def _manifest(self) -> dict[str, Any]:
        before = read_manifest(self.folder) or {}
        count = max(self.size, before["count"] if before.get("digest") == self.digest else 0)
        return {"digest": self.digest, "count": count, "hrtem_lab": hrtem_lab.__version__, "recipe": self.recipe}

    def _simulate_one(self, index: int) -> None:
        if fingerprint(self.recipe) != self.digest:
            raise InputError(
                f"the worker on {socket.gethostname()} has another hrtem_lab, abTEM or ASE than the process that asks; "
                "install the same everywhere, and start it again"
            )
        if not self.folder.is_dir():
            raise InputError(f"the worker on {socket.gethostname()} does not see {self.folder}; give a shared folder")
        specimen = self.specimen.draw(np.random.default_rng([self.seed, index]))
        arrays = self._open("r+")
        arrays["waves"][index] = multislice(specimen, self.gpts, self.voltage_kV)
        found = silhouettes(specimen, self.gpts)
        arrays["instances"][index] = painted(found, self.gpts)
        particles = tuple(replace(p, overlap=o) for p, o in zip(specimen.particles, overlaps(found), strict=True))
        # written last: where this file is, the arrays are whole
        _write(self._done(index), to_parquet(particles, index, self._name(index)))

    def _done(self, index: int) -> Path:
        return self.folder / "facts" / f"{index:06d}.parquet"

    def _name(self, index: int) -> str:
        return f"{self.digest[:8]}_{index:05d}"

    def _check_sampling(self) -> None:
        """Multislice keeps two thirds of the Nyquist frequency (Kirkland, section 6.8), which the lattice needs."""
        for material in materials(self.specimen):
            needed = int(np.ceil(3 * self.specimen.field_nm / material.plane_nm))
            if self.gpts < needed:
                raise InputError(
                    f"gpts is {self.gpts}, pixels of {self.sampling_nm:.3g} nm: two thirds of their Nyquist frequency "
                    f"do not hold the {material.plane_nm:.3f} nm planes of {material.name}; give gpts of "
                    f"at least {needed}"
                )

    def _check_folder(self) -> None:
        manifest = read_manifest(self.folder)
        entries = (self.folder / "facts").glob("*.parquet")
        if manifest is not None and manifest.get("digest") != self.digest and (not manifest or any(entries)):
            raise InputError(
                f"{self.folder} holds another library: {differences(manifest, self.recipe)}; give the settings that "
                "are there, or another folder"
            )


def materials(settings: Any) -> Iterator[Material]:
    """Every material among the settings of what draws specimens."""
    if isinstance(settings, Material):
        yield settings
    elif isinstance(settings, Mapping):
        for value in settings.values():
            yield from materials(value)
    elif is_dataclass(settings):
        for field in fields(settings):
            yield from materials(getattr(settings, field.name))


def _write(path: Path, content: bytes) -> None:
    with move_when_written(path) as unfinished:
        unfinished.write_bytes(content)
