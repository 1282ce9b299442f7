"""Standardised images of labelled micrographs on disk, from which training cuts its samples."""

from __future__ import annotations

import pickle
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hrtem_lab.atomic_write import atomic_write
from hrtem_lab.files import LabelledEntry, LabelledSet
from hrtem_lab.fingerprint import fingerprint, fingerprint_bytes
from hrtem_lab.micrograph import FloatArray, LabelledMicrograph
from hrtem_lab.segmentation.preprocessing import Preprocessing
from hrtem_lab.segmentation.targets import micrograph_targets

Targets = npt.NDArray[np.float16]


class StandardisedSet:
    """Every micrograph of a set as the network's input, and the targets, memory-mapped.

    A micrograph is standardised when it is first asked for, in whatever process, and lies on disk from then on: a
    sample reads no more of it than it shows, and the memory does not grow with the set.

    Args:
        micrographs: The set.
        preprocessing: From the micrograph to the network's input.
        folder: Folder of the arrays. An array belongs to the files of its micrograph as they were, and to the settings.
    """

    def __init__(self, micrographs: LabelledSet, preprocessing: Preprocessing, folder: Path) -> None:
        self.micrographs, self.preprocessing, self.folder = micrographs, preprocessing, folder

    def __len__(self) -> int:
        return len(self.micrographs)

    def window(self, index: int, side_px: int | None, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """A part of a micrograph, at random.

        Args:
            index: Index of the micrograph.
            side_px: Side length of the part; None for all of it.
            rng: Decides where it is.

        Returns:
            Image (rows, columns) and targets (rows, columns, 3), smaller than `side_px` where the micrograph is.
        """
        image, targets = self._arrays(index)
        rows, columns = (
            slice(None) if side_px is None or length <= side_px else _part(length, side_px, rng)
            for length in image.shape
        )
        return np.array(image[rows, columns]), targets[rows, columns].astype(np.float32)

    def _arrays(self, index: int) -> tuple[FloatArray, Targets]:
        """Image and targets on disk, made where they are missing."""
        place = self.folder / self._key(self.micrographs.entries[index])
        image_path, targets_path = place.with_suffix(".image.npy"), place.with_suffix(".targets.npy")
        if not image_path.is_file():  # it is written last
            self._write(self.micrographs[index], image_path, targets_path)
        return np.load(image_path, mmap_mode="r"), np.load(targets_path, mmap_mode="r")

    def _write(self, micrograph: LabelledMicrograph, image_path: Path, targets_path: Path) -> None:
        targets = micrograph_targets(micrograph, self.preprocessing).astype(np.float16)
        for path, array in ((targets_path, targets), (image_path, self.preprocessing(micrograph))):
            with atomic_write(path) as unfinished, unfinished.open("wb") as file:
                np.save(file, array)

    def _key(self, entry: LabelledEntry) -> str:
        """Name of the arrays of a micrograph."""
        stats = [(str(path.absolute()), path.stat().st_size, path.stat().st_mtime_ns) for path in entry.files]
        reading = fingerprint_bytes(pickle.dumps(entry.load))
        return fingerprint([entry.name, stats, reading, asdict(self.preprocessing)])


def _part(length: int, side: int, rng: np.random.Generator) -> slice:
    """A part of an axis, at random."""
    start = int(rng.integers(length - side, endpoint=True))
    return slice(start, start + side)
