"""Endless datasets of training samples, each of which depends only on a seed and its number."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer release when imported
import albumentations as A
import numpy as np
import torch
import torch.distributed as dist
from torch.utils.data import Dataset, Sampler

from hrtem_lab.micrograph import FloatArray
from hrtem_lab.physics import ExitWave, ImageSimulator
from hrtem_lab.segmentation.module import Batch
from hrtem_lab.segmentation.preprocessing import Preprocessing
from hrtem_lab.segmentation.standardised import StandardisedSet
from hrtem_lab.segmentation.targets import micrograph_targets


def augment_sample(image: FloatArray, masks: FloatArray, augmentation: A.Compose, rng: np.random.Generator) -> Batch:
    """Augment an image (rows, columns) and its masks (rows, columns, n) in the same way.

    Returns:
        `image` (1, h, w) and `mask` (n, h, w).
    """
    # albumentations alone would repeat itself across workers and epochs
    augmentation.set_random_seed(int(rng.integers(2**32)))
    augmented = augmentation(image=image, mask=masks)
    mask = np.ascontiguousarray(augmented["mask"].transpose(2, 0, 1))
    return {"image": torch.from_numpy(np.ascontiguousarray(augmented["image"][None])), "mask": torch.from_numpy(mask)}


class SimulatedDataset(Dataset[Batch]):
    """Simulates the image of every sample anew, under other imaging conditions.

    Sample number k is the same for any number of workers, because its random numbers depend on (seed, k) alone.

    Args:
        waves: Exit waves by their index.
        indices: Exit waves to use, in turns.
        imaging: Simulator of the images.
        preprocessing: From the micrograph to the network's input.
        augmentation: Transforms under which the physics stays the same.
        window_nm: Side length of the part of the field that an image shows; None for the whole field.
        seed: First numbers of the seed of every sample.
    """

    def __init__(
        self,
        waves: Sequence[ExitWave],
        indices: Sequence[int],
        imaging: ImageSimulator,
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
        micrograph = self.imaging.simulate(wave, rng, window_nm=self.window_nm, ground_truth=False)
        image, masks = self.preprocessing(micrograph), micrograph_targets(micrograph, self.preprocessing)
        return augment_sample(image, masks, self.augmentation, rng)


class LabelledDataset(Dataset[Batch]):
    """Cuts a new part out of a labelled micrograph for every sample.

    Sample number k is the same for any number of workers, because its random numbers depend on (seed, k) alone.

    Args:
        standardised: Micrographs to use, in turns.
        augmentation: Crop, and transforms under which the physics stays the same.
        window_nm: Side length of the part of the field that is cut out before; None for the whole field.
        seed: First numbers of the seed of every sample; the last is the number of the sample.
    """

    def __init__(
        self, standardised: StandardisedSet, augmentation: A.Compose, window_nm: float | None, seed: Sequence[int]
    ) -> None:
        self.standardised, self.augmentation, self.seed = standardised, augmentation, seed
        pixel_size_nm = standardised.preprocessing.pixel_size_nm
        self.side_px = None if window_nm is None else round(window_nm / pixel_size_nm)

    def __getitem__(self, number: int) -> Batch:
        rng = np.random.default_rng([*self.seed, number])
        image, masks = self.standardised.window(number % len(self.standardised), self.side_px, rng)
        return augment_sample(image, masks, self.augmentation, rng)


class MixedDataset(Dataset[Batch]):
    """Takes evenly spread samples from two endless datasets, and each of their samples once.

    Args:
        first: One dataset.
        second: The other.
        share: Fraction of the samples that are from `first`.
    """

    def __init__(self, first: Dataset[Batch], second: Dataset[Batch], share: float) -> None:
        self.first, self.second, self.share = first, second, share

    def __getitem__(self, number: int) -> Batch:
        before, after = (int(n * self.share) for n in (number, number + 1))
        return self.first[before] if after > before else self.second[number - before]


def mix(datasets: Sequence[Dataset[Batch]], shares: Sequence[float]) -> Dataset[Batch]:
    """Mix any number of endless datasets.

    Args:
        datasets: At least one.
        shares: Part of the samples from each, in any unit.
    """
    first, *others = datasets
    return MixedDataset(first, mix(others, shares[1:]), shares[0] / sum(shares)) if others else first


class EpochSampler(Sampler[int]):
    """Numbers the samples continuously: epoch e holds the numbers from e * size to (e + 1) * size - 1, shuffled.

    Where several processes train together, each takes an equal share of every epoch, and no two the same number.

    Args:
        size: Number of samples in an epoch of all processes.
        seed: Seed of the order.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed, self.epoch = size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the epoch; Lightning does so at its start."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        rank, processes = _place()
        numbers = self.epoch * self.size + np.random.default_rng([self.seed, self.epoch]).permutation(self.size)
        return iter(numbers[rank::processes][: len(self)].tolist())

    def __len__(self) -> int:
        return self.size // _place()[1]


def _place() -> tuple[int, int]:
    """Number of this process among those that train together, and how many these are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_available() and dist.is_initialized() else (0, 1)
