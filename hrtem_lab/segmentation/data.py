"""Training data: exit waves simulated once, images never twice."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal, cast

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer release when imported
import albumentations as A
import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from hrtem_lab.micrograph import FloatArray, InputError, IntArray, LabelledMicrograph
from hrtem_lab.particles import cores
from hrtem_lab.physics import Imaging, Library
from hrtem_lab.progress import ProgressCallback, no_progress
from hrtem_lab.segmentation.module import Batch
from hrtem_lab.segmentation.preprocessing import Preprocessing

Stage = Literal["train", "validation", "test"]
STAGES: tuple[Stage, ...] = ("train", "validation", "test")


def target_masks(instances: IntArray) -> FloatArray:
    """What a network is to tell, `hrtem_lab.particles.NETWORK_OUTPUTS`: (rows, columns, 2), 0 or 1."""
    return np.stack([instances > 0, cores(instances)], axis=-1).astype(np.float32)


def augment_sample(image: FloatArray, planes: FloatArray, augmentation: A.Compose, rng: np.random.Generator) -> Batch:
    """A sample: an image (rows, columns) and its masks (rows, columns, n), changed alike by the chance of `rng`."""
    # albumentations alone would repeat itself across workers and epochs
    augmentation.set_random_seed(int(rng.integers(2**32)))
    changed = augmentation(image=image, mask=planes)
    mask = np.ascontiguousarray(changed["mask"].transpose(2, 0, 1))
    return {"image": torch.from_numpy(np.ascontiguousarray(changed["image"][None])), "mask": torch.from_numpy(mask)}


class SimulatedDataset(Dataset[Batch]):
    """Draws a new imaging condition for every sample of every epoch.

    Sample number k of a training is the same for any number of workers, because all its chance comes from (seed, k).

    Args:
        waves: Library of exit waves.
        indices: Which of them to use.
        imaging: Takes the micrographs.
        preprocessing: As in use.
        augmentation: What may change without the physics changing.
        window_nm: Edge of the part of the field that an image shows.
        seed: Base of all chance.
    """

    def __init__(
        self,
        waves: Library,
        indices: range,
        imaging: Imaging,
        preprocessing: Preprocessing,
        augmentation: A.Compose,
        window_nm: float | None,
        seed: Sequence[int],
    ) -> None:
        self.waves, self.indices, self.imaging, self.window_nm = waves, indices, imaging, window_nm
        self.preprocessing, self.augmentation, self.seed = preprocessing, augmentation, seed

    def __getitem__(self, number: int) -> Batch:
        rng = np.random.default_rng([*self.seed, number])
        wave = self.waves[self.indices[number % len(self.indices)]]
        micrograph = self.imaging.take(wave, rng, window_nm=self.window_nm, facts=False)
        image = self.preprocessing(micrograph)
        instances = self.preprocessing.resample_instances(micrograph, micrograph.instances)
        return augment_sample(image, target_masks(instances), self.augmentation, rng)


class EpochSampler(Sampler[int]):
    """Numbers samples on and on: epoch e holds e * size to (e + 1) * size - 1, shuffled.

    Args:
        size: Samples of one epoch.
        seed: Base of the order.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed, self.epoch = size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning at the start of each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.size
        return iter((first + np.random.default_rng([self.seed, self.epoch]).permutation(self.size)).tolist())

    def __len__(self) -> int:
        return self.size


class SimulatedData(pl.LightningDataModule):
    """Simulated micrographs for training, validation and test, each from specimens of its own.

    Args:
        library: Exit waves; the first `validation` and `test` specimens are held out, the rest trains.
        imaging: Ranges of imaging conditions.
        preprocessing: From micrograph to network input.
        augmentation: Albumentations pipeline that ends in the network's input size.
        validation: Number of specimens for choosing thresholds and settings, and for the forest; at least 1.
        test: Number of specimens for the final score.
        window_nm: Edge of the part of a field that a training image shows; by default all of it.
        samples: Images per epoch.
        batch_size: Images per step.
        workers: Processes that make images.
        seed: Base of all chance.
    """

    def __init__(
        self,
        library: Library,
        imaging: Imaging,
        preprocessing: Preprocessing,
        augmentation: A.Compose,
        validation: int,
        test: int,
        window_nm: float | None = None,
        samples: int = 512,
        batch_size: int = 8,
        workers: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if validation < 1 or test < 0 or validation + test >= len(library):
            raise InputError(
                f"the library holds {len(library)} specimens, {validation} for validation and {test} for test; "
                "expected one or more to tune on and some left to train on: change them, or raise data.library.count"
            )
        if samples < batch_size:
            raise InputError(
                f"samples is {samples}, batch_size {batch_size}: an epoch would have no step; raise samples"
            )
        self.library, self.imaging, self.preprocessing = library, imaging, preprocessing
        self.augmentation, self.samples, self.batch_size = augmentation, samples, batch_size
        self.window_nm, self.workers, self.seed = window_nm, workers, seed
        self.indices: dict[Stage, range] = {
            "test": range(test),
            "validation": range(test, test + validation),
            "train": range(test + validation, len(library)),
        }

    @property
    def recipe(self) -> dict[str, Any]:
        """What decides the data; their fingerprint is made of it."""
        return {"library": self.library.recipe}

    @property
    def split(self) -> dict[str, list[Any]]:
        """What is on which side."""
        return {stage: list(indices) for stage, indices in self.indices.items()}

    def simulate(self, progress: ProgressCallback = no_progress) -> None:
        """Make the exit waves that are missing."""
        self.library.simulate(progress)

    def micrographs(self, stage: Stage, repeat: int = 0) -> list[LabelledMicrograph]:
        """The fixed micrographs of a stage, one per specimen, with ground truth; another `repeat`, other conditions."""
        taken = []
        for index in self.indices[stage]:
            rng = np.random.default_rng([self.seed, STAGES.index(stage), repeat, index, 1])
            wave = self.library[index]
            taken.append(self.imaging.take(wave, rng, name=f"{wave.name}_{repeat}"))
        return taken

    def views(self, stage: Stage, count: int) -> list[LabelledMicrograph]:
        """`count` micrographs of each specimen of a stage, each under another condition, all in memory."""
        return [micrograph for repeat in range(count) for micrograph in self.micrographs(stage, repeat)]

    def elsewhere(self) -> dict[str, list[LabelledMicrograph]]:
        """Micrographs of other kinds that are scored beside those of the test, by the name that their scores get."""
        return {}

    def train_dataloader(self) -> DataLoader[Batch]:
        """Fresh images, epoch after epoch."""
        return DataLoader(
            self._images("train"),
            batch_size=self.batch_size,
            sampler=EpochSampler(self.samples, self.seed),
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            multiprocessing_context="spawn" if self.workers else None,
            drop_last=True,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """The same images every time, from the validation specimens."""
        return DataLoader(cast(Dataset[Batch], self.validation_samples), batch_size=self.batch_size)

    @cached_property
    def validation_samples(self) -> list[Batch]:
        """One image of each validation specimen, made as in training but the same in every epoch."""
        data = self._images("validation")
        return [data[i] for i in range(len(self.indices["validation"]))]

    def _images(self, stage: Stage) -> Dataset[Batch]:
        return SimulatedDataset(
            self.library,
            self.indices[stage],
            self.imaging,
            self.preprocessing,
            self.augmentation,
            self.window_nm,
            seed=(self.seed, STAGES.index(stage)),
        )
