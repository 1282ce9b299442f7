"""Training data: a handful of labelled micrographs, among simulated ones so that nothing is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
from torch.utils.data import Dataset

from hrtem_lab.files import read_labelled
from hrtem_lab.fingerprint import fingerprint_bytes
from hrtem_lab.micrograph import FloatArray, InputError, LabelledMicrograph
from hrtem_lab.segmentation.data import STAGES, SimulatedData, Stage, augment_sample, target_masks
from hrtem_lab.segmentation.module import Batch
from hrtem_lab.segmentation.preprocessing import Preprocessing


class LabelledDataset(Dataset[Batch]):
    """Draws a new part of a labelled micrograph for every sample; all chance comes from (seed, number).

    Args:
        micrographs: They take turns.
        preprocessing: As in use.
        augmentation: Cuts out the part, and changes what may change without the physics changing.
        seed: Base of all chance.
    """

    def __init__(
        self,
        micrographs: Sequence[LabelledMicrograph],
        preprocessing: Preprocessing,
        augmentation: A.Compose,
        seed: Sequence[int],
    ) -> None:
        self.micrographs, self.preprocessing = micrographs, preprocessing
        self.augmentation, self.seed = augmentation, seed

    @cached_property
    def prepared(self) -> list[tuple[FloatArray, FloatArray]]:
        """Each whole micrograph as the network sees it, and its masks."""
        return [
            (
                self.preprocessing(micrograph),
                target_masks(self.preprocessing.resample_instances(micrograph, micrograph.instances)),
            )
            for micrograph in self.micrographs
        ]

    def __getitem__(self, number: int) -> Batch:
        rng = np.random.default_rng([*self.seed, number])
        return augment_sample(*self.prepared[number % len(self.prepared)], self.augmentation, rng)


class MixedDataset(Dataset[Batch]):
    """Two endless datasets in turns, of which `share` is the first's part; each of their samples is shown once."""

    def __init__(self, first: Dataset[Batch], second: Dataset[Batch], share: float) -> None:
        self.first, self.second, self.share = first, second, share

    def __getitem__(self, number: int) -> Batch:
        before, now = (int(n * self.share) for n in (number, number + 1))
        return self.first[before] if now > before else self.second[number - before]


class LabelledData(SimulatedData):
    """Labelled micrographs for training, validation and test, and simulated ones beside them.

    The network learns from both, `share` of its images being labelled, and its best epoch is chosen on a like mixture.
    Settings are tuned on labelled micrographs, and scores are of these; what has become of the simulated ones is told
    by `elsewhere`.

    Args:
        root: Folder of images with `<name>_label.png` (see `hrtem_lab.files.read_labelled`).
        validation_groups: Number of groups of micrographs for choosing thresholds and settings.
        test_groups: Number of groups for the final score; which ones, the seed decides.
        share: Part of the training images that is labelled, above 0 and at most 1.
        pixel_size_nm: For files whose size neither they themselves nor `metadata.csv` know.
        simulated: All that `SimulatedData` takes; its `validation` and `test` count simulated specimens.

    Raises:
        InputError: There are too few groups, the share is none, or the folder cannot be read.
    """

    def __init__(
        self,
        root: str | Path,
        validation_groups: int = 1,
        test_groups: int = 1,
        share: float = 0.5,
        pixel_size_nm: float | None = None,
        **simulated: Any,
    ) -> None:
        super().__init__(**simulated)
        if not 0 < share <= 1:
            raise InputError(f"data.share is {share}, expected a part above 0 and at most 1")
        self.share = share
        micrographs = read_labelled(root, pixel_size_nm)
        groups = split_groups(micrographs, validation_groups, test_groups, self.seed)
        self.labelled = {stage: [m for m in micrographs if m.group in groups[stage]] for stage in STAGES}

    @property
    def recipe(self) -> dict[str, Any]:
        """Adds a digest of every labelled micrograph to what decides the simulated ones."""
        content = {m.name: _digest(m) for side in self.labelled.values() for m in side}
        return super().recipe | {"labelled": content}

    @property
    def split(self) -> dict[str, list[Any]]:
        """Names of the labelled micrographs on each side, and the simulated specimens."""
        labelled = {stage: [m.name for m in side] for stage, side in self.labelled.items()}
        return labelled | {f"simulated_{stage}": indices for stage, indices in super().split.items()}

    def micrographs(self, stage: Stage, repeat: int = 0) -> list[LabelledMicrograph]:
        """The labelled micrographs of a stage, the same in every repeat."""
        return self.labelled[stage]

    def views(self, stage: Stage, count: int) -> list[LabelledMicrograph]:
        """The labelled micrographs of a stage once: a label has one view."""
        return self.micrographs(stage)

    def elsewhere(self) -> dict[str, list[LabelledMicrograph]]:
        """Simulated micrographs of the specimens that are held out for the test."""
        return {"simulated": super().micrographs("test")}

    @cached_property
    def validation_samples(self) -> list[Batch]:
        """Images of the validation sides, mixed as in training but the same in every epoch."""
        data = self._images("validation")
        return [data[i] for i in range(2 * len(self.indices["validation"]))]

    def _images(self, stage: Stage) -> Dataset[Batch]:
        seed = (self.seed, STAGES.index(stage))
        labelled = LabelledDataset(self.labelled[stage], self.preprocessing, self.augmentation, seed)
        return MixedDataset(labelled, super()._images(stage), self.share)


def split_groups(
    micrographs: Sequence[LabelledMicrograph], validation: int, test: int, seed: int
) -> dict[Stage, set[str]]:
    """The groups of each side, chosen by chance.

    Raises:
        InputError: A side would hold no group.
    """
    groups = sorted({micrograph.group for micrograph in micrographs})
    if min(validation, test) < 1 or validation + test >= len(groups):
        raise InputError(
            f"{len(micrographs)} labelled micrographs are of {len(groups)} groups ({', '.join(groups[:5])}), of which "
            f"data.validation_groups={validation} and data.test_groups={test} are held out; expected one or more of "
            "each and some left to train on: label more micrographs, or name their groups in the column group of "
            "metadata.csv"
        )
    order = [groups[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    return {
        "test": set(order[:test]),
        "validation": set(order[test : test + validation]),
        "train": set(order[test + validation :]),
    }


def _digest(micrograph: LabelledMicrograph) -> str:
    content = np.ascontiguousarray(micrograph.image).tobytes() + np.packbits(micrograph.mask).tobytes()
    return fingerprint_bytes(content + repr(micrograph.pixel_size_nm).encode())
