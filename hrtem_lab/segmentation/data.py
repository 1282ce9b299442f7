"""Training data: the interface that the pipelines use, and simulated data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import albumentations as A
import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset

from hrtem_lab.micrograph import InputError, LabelledMicrograph
from hrtem_lab.physics import ExitWaveLibrary, ImageSimulator, ProjectedBodies
from hrtem_lab.progress import ProgressCallback, no_progress
from hrtem_lab.segmentation.datasets import EpochSampler, MixedDataset, SimulatedDataset
from hrtem_lab.segmentation.module import Batch
from hrtem_lab.segmentation.preprocessing import Preprocessing
from hrtem_lab.segmentation.split import STAGES, Stage

ALL = slice(None)


class TrainingData(pl.LightningDataModule, ABC):
    """Data as the pipelines use them, besides the loaders of a `LightningDataModule`.

    Attributes:
        library: Exit waves of the simulated micrographs.
        preprocessing: From the micrograph to the network's input.
    """

    library: ExitWaveLibrary
    preprocessing: Preprocessing

    @property
    @abstractmethod
    def fingerprint_inputs(self) -> dict[str, Any]:
        """Everything that the data depend on besides the settings."""

    @property
    @abstractmethod
    def split(self) -> dict[str, list[Any]]:
        """Names or indices of what is on each side of the split."""

    @property
    @abstractmethod
    def validation_samples(self) -> Sequence[Batch]:
        """The samples of the validation loader, the same in every epoch."""

    @abstractmethod
    def micrographs(self, stage: Stage, repeat: int = 0, part: slice = ALL) -> Sequence[LabelledMicrograph]:
        """The micrographs of a stage; a simulated specimen has other imaging conditions in another `repeat`.

        Args:
            stage: Side of the split.
            repeat: Number of the conditions.
            part: Part of `split[stage]`, where not all are to be in memory.
        """

    @abstractmethod
    def views(self, stage: Stage, count: int) -> Sequence[LabelledMicrograph]:
        """The micrographs of a stage with up to `count` imaging conditions of each specimen, all in memory."""

    @abstractmethod
    def extra_test_sets(self) -> dict[str, Sequence[LabelledMicrograph]]:
        """Micrographs of other kinds to score besides those of the test stage, by the name of the set."""

    def notes(self) -> list[tuple[str, str]]:
        """Name of a micrograph and a line about how it or its label was read, in any number of pairs."""
        return []

    def save_split(self, folder: Path) -> None:
        """Write the split of labelled micrographs to a folder; simulated ones are split by their numbers alone."""

    def simulate(self, progress: ProgressCallback = no_progress) -> None:
        """Simulate the exit waves that are missing."""
        self.library.simulate(progress)


def train_loader(dataset: Dataset[Batch], samples: int, batch_size: int, workers: int, seed: int) -> DataLoader[Batch]:
    """Load new samples of an endless dataset in every epoch.

    Args:
        dataset: Endless.
        samples: Number of samples in an epoch; an incomplete last batch is left out.
        batch_size: Number of samples in a batch.
        workers: Number of processes that make samples; 0 for the process itself.
        seed: Seed of the order.
    """
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=EpochSampler(samples, seed),
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context="spawn" if workers else None,
        drop_last=True,
    )


def validation_loader(samples: Sequence[Batch], batch_size: int) -> DataLoader[Batch]:
    """Load the same samples in every epoch."""
    return DataLoader(cast(Dataset[Batch], samples), batch_size=batch_size)


class SimulatedData(TrainingData):
    """Simulated micrographs for training, validation and test, from different specimens each.

    Args:
        library: Exit waves; `test` specimens from `first` on and the next `validation` ones are held out.
        imaging: Simulator of the images, with the ranges of its conditions.
        preprocessing: From the micrograph to the network's input.
        augmentation: Albumentations pipeline whose result has the network's input size.
        validation: Number of specimens for choosing thresholds and settings, and for the forest; at least 1.
        test: Number of specimens for the final scores.
        first: Index of the first test specimen; the specimens are counted in a circle.
        bodies: Fields that are drawn from the thickness of bodies, to train and validate on besides; None for none.
        bodies_share: Fraction of the training images that show `bodies`.
        window_nm: Side length of the part of a field that a training image shows; None for the whole field.
        samples: Number of images in an epoch.
        batch_size: Number of images in a step.
        workers: Number of processes that make images.
        seed: Seed of all random numbers.

    Raises:
        InputError: No specimen is left to tune or to train on, or an epoch would have no step.
    """

    def __init__(
        self,
        library: ExitWaveLibrary,
        imaging: ImageSimulator,
        preprocessing: Preprocessing,
        augmentation: A.Compose,
        validation: int,
        test: int,
        first: int = 0,
        bodies: ProjectedBodies | None = None,
        bodies_share: float = 0.5,
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
        self.bodies, self.bodies_share = bodies, bodies_share
        self.augmentation, self.samples, self.batch_size = augmentation, samples, batch_size
        self.window_nm, self.workers, self.seed = window_nm, workers, seed
        circle = [(first + place) % len(library) for place in range(len(library))]
        self.indices: dict[Stage, list[int]] = {
            "test": circle[:test],
            "validation": circle[test : test + validation],
            "train": circle[test + validation :],
        }

    @property
    def fingerprint_inputs(self) -> dict[str, Any]:
        """Everything that the exit waves depend on."""
        bodies = self.bodies.fingerprint_inputs if self.bodies else None
        return {"library": self.library.fingerprint_inputs, "bodies": bodies}

    @property
    def split(self) -> dict[str, list[Any]]:
        """Indices of the specimens on each side."""
        return {stage: sorted(indices) for stage, indices in self.indices.items()}

    @cached_property
    def validation_samples(self) -> list[Batch]:
        """One image of each validation specimen and as many of bodies, made as in training but always the same."""
        count = len(self.indices["validation"])
        samples = [self.dataset("validation")[i] for i in range(count)]
        return samples + [self.body_dataset("validation")[i] for i in range(count if self.bodies else 0)]

    def micrographs(self, stage: Stage, repeat: int = 0, part: slice = ALL) -> Sequence[LabelledMicrograph]:
        """One micrograph of each specimen of a part, with ground truth, always the same for a `repeat`."""
        micrographs = []
        for index in self.indices[stage][part]:
            rng = np.random.default_rng([self.seed, STAGES.index(stage), repeat, index, 1])
            wave = self.library[index]
            micrographs.append(self.imaging.simulate(wave, rng, name=f"{wave.name}_{repeat}", half_contrast=True))
        return micrographs

    def views(self, stage: Stage, count: int) -> Sequence[LabelledMicrograph]:
        """`count` micrographs of each specimen of a stage, each under other imaging conditions, all in memory."""
        return [micrograph for repeat in range(count) for micrograph in self.micrographs(stage, repeat)]

    def extra_test_sets(self) -> dict[str, Sequence[LabelledMicrograph]]:
        """No other sets."""
        return {}

    def dataset(self, stage: Stage) -> SimulatedDataset:
        """Endless training samples of the specimens of a stage."""
        seed = (self.seed, STAGES.index(stage))
        parts = self.imaging, self.preprocessing, self.augmentation, self.window_nm
        return SimulatedDataset(self.library, self.indices[stage], *parts, seed)

    def body_dataset(self, stage: Stage) -> SimulatedDataset:
        """Endless training samples of bodies that are drawn by their thickness: those of a stage are in no other."""
        if self.bodies is None:
            raise InputError("bodies is None: there are none to draw")
        third = len(self.bodies) // len(STAGES)
        indices = range(STAGES.index(stage) * third, (STAGES.index(stage) + 1) * third)
        seed = (self.seed, STAGES.index(stage), 2)
        parts = self.imaging, self.preprocessing, self.augmentation, self.window_nm
        return SimulatedDataset(self.bodies, indices, *parts, seed)

    def mixture(self, stage: Stage) -> Dataset[Batch]:
        """Endless training samples of a stage: of its specimens, and of bodies where there are any."""
        specimens = self.dataset(stage)
        if self.bodies is None:
            return specimens
        return MixedDataset(self.body_dataset(stage), specimens, self.bodies_share)

    def train_dataloader(self) -> DataLoader[Batch]:
        """New images in every epoch."""
        return train_loader(self.mixture("train"), self.samples, self.batch_size, self.workers, self.seed)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The same images of the validation specimens in every epoch."""
        return validation_loader(self.validation_samples, self.batch_size)
