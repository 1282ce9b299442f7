"""The files of a library of exit waves."""

from __future__ import annotations

import json
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr

import hrtem_lab
from hrtem_lab.atomic_write import move_when_written
from hrtem_lab.micrograph import InputError, IntArray
from hrtem_lab.physics.manifest import differences, read_manifest
from hrtem_lab.physics.placed_particle import PlacedParticle
from hrtem_lab.physics.records import from_parquet, to_parquet


class LibraryFolder:
    """Arrays, tables of particles and manifest of a library; several processes may write different specimens at once.

    The folder holds `library.zarr` (`waves` and `instances`, a chunk per specimen), `facts/` (a Parquet file per
    specimen with a row per particle, written last: where it is, the arrays are whole; `pandas.read_parquet` reads the
    folder as one table) and `manifest.json`.

    Args:
        path: The folder; nothing is written before `prepare`.
        digest: Fingerprint of everything that decides the waves.
        inputs: Content that the digest is the fingerprint of.
        gpts: Pixels of a wave along each side.
    """

    def __init__(self, path: Path, digest: str, inputs: dict[str, Any], gpts: int) -> None:
        self.path, self.digest, self.inputs, self.gpts = path, digest, inputs, gpts

    def check(self) -> None:
        """Raise `InputError` where the folder holds entries of another library."""
        manifest = read_manifest(self.path)
        entries = (self.path / "facts").glob("*.parquet")
        if manifest is not None and manifest.get("digest") != self.digest and (not manifest or any(entries)):
            raise InputError(
                f"{self.path} holds another library: {differences(manifest, self.inputs)}; give the settings that "
                "are there, or another folder"
            )

    def is_prepared(self) -> bool:
        """Tell whether `prepare` has been called for this folder."""
        return (self.path / "manifest.json").exists()

    def prepare(self, count: int) -> None:
        """Create the folder, its manifest and arrays for `count` specimens, or enlarge those that are there."""
        (self.path / "facts").mkdir(parents=True, exist_ok=True)
        manifest = read_manifest(self.path) or {}
        same = manifest.get("digest") == self.digest
        if not same:  # it has no entries, or those of an interrupted library with other settings
            shutil.rmtree(self.path / "library.zarr", ignore_errors=True)
        new = {
            "digest": self.digest,
            "count": max(count, manifest["count"] if same else 0),
            "hrtem_lab": hrtem_lab.__version__,
            "recipe": self.inputs,
        }
        _write(self.path / "manifest.json", json.dumps(new, indent=1).encode())
        field = (self.gpts, self.gpts)
        # not compressed: a wave is like noise to a compressor, hardly smaller, and takes longer to read
        for name, dtype in (("waves", np.complex64), ("instances", np.uint16)):
            path = self.path / "library.zarr" / name
            if not (path / "zarr.json").exists():
                shape, chunk = (count, *field), (1, *field)
                zarr.create_array(path, shape=shape, chunks=chunk, dtype=dtype, compressors=None)
            array = zarr.open_array(path, mode="r+")
            if array.shape[0] < count:
                array.resize((count, *field))

    def particles_file(self, index: int) -> Path:
        """Return the path of the particles of one specimen; the specimen is complete where this file exists."""
        return self.path / "facts" / f"{index:06d}.parquet"

    def read_particles(self, index: int) -> tuple[PlacedParticle, ...]:
        """Read the particles of one specimen."""
        return from_parquet(self.particles_file(index))

    def read_arrays(self, index: int) -> tuple[np.ndarray, IntArray]:
        """Read exit wave (gpts, gpts) complex64 and instance map (gpts, gpts) of one specimen.

        Raises:
            FileNotFoundError: The specimen is not simulated yet.
        """
        if not self.particles_file(index).exists():
            raise FileNotFoundError(f"{self.particles_file(index)}: this exit wave is not simulated yet")
        arrays = self._read_only_arrays
        return np.asarray(arrays["waves"][index]), np.asarray(arrays["instances"][index]).astype(np.int32)

    def write(
        self, index: int, name: str, wave: np.ndarray, instances: IntArray, particles: tuple[PlacedParticle, ...]
    ) -> None:
        """Write one specimen: its arrays, then its particles."""
        arrays = self._open("r+")
        arrays["waves"][index] = wave
        arrays["instances"][index] = instances
        _write(self.particles_file(index), to_parquet(particles, index, name))

    @cached_property
    def _read_only_arrays(self) -> dict[str, Any]:
        """The arrays, opened once, when they are complete."""
        return self._open("r")

    def _open(self, mode: Literal["r", "r+"]) -> dict[str, Any]:
        return {n: zarr.open_array(self.path / "library.zarr" / n, mode=mode) for n in ("waves", "instances")}


def _write(path: Path, content: bytes) -> None:
    with move_when_written(path) as unfinished:
        unfinished.write_bytes(content)
