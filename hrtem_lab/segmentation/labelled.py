"""Training data: labelled micrographs among simulated ones, so that a network forgets nothing of those."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader

from hrtem_lab.files import LabelRule, read_labelled
from hrtem_lab.fingerprint import fingerprint_bytes
from hrtem_lab.micrograph import InputError, LabelledMicrograph
from hrtem_lab.segmentation.data import (
    STAGES,
    SimulatedData,
    Stage,
    TrainingData,
    train_loader,
    validation_loader,
)
from hrtem_lab.segmentation.datasets import LabelledDataset, MixedDataset
from hrtem_lab.segmentation.module import Batch


class LabelledData(TrainingData):
    """Labelled micrographs for training, validation and test, and simulated ones besides.

    The network learns from a mixture of both and its best epoch is chosen on such a mixture, so that it does not forget
    what it has learned from simulations. Settings are tuned on labelled micrographs, and the scores are those of
    labelled micrographs; those of simulated ones are an extra test set.

    Args:
        root: Folder of images with `<name>_label.png` (see `hrtem_lab.files.read_labelled`).
        validation_groups: Number of groups of micrographs for choosing thresholds and settings.
        test_groups: Number of groups for the final scores; the seed decides which.
        share: Fraction of the training images that are labelled ones, above 0 and at most 1.
        pixel_size_nm: Pixel size of files for which neither they themselves nor `metadata.csv` state one.
        label: Meaning of the values of a label; black is the background by default.
        overrule: Whether `pixel_size_nm` and `metadata.csv` count more than the calibration of a file.
        frames: Frame of a stack that the label belongs to: its number, or `sum`.
        signal: Title of the image that the label belongs to where a file holds several.
        simulated: Arguments of `SimulatedData`; `validation` and `test` are numbers of simulated specimens.

    Raises:
        InputError: There are too few groups, the share is out of range, or the folder cannot be read.
    """

    def __init__(
        self,
        root: str | Path,
        validation_groups: int = 1,
        test_groups: int = 1,
        share: float = 0.5,
        pixel_size_nm: float | None = None,
        label: LabelRule | None = None,
        overrule: bool = False,
        frames: str | int | None = None,
        signal: str | None = None,
        **simulated: Any,
    ) -> None:
        super().__init__()
        if not 0 < share <= 1:
            raise InputError(f"data.share is {share}, expected a part above 0 and at most 1")
        self.simulated, self.share = SimulatedData(**simulated), share
        self.library, self.preprocessing = self.simulated.library, self.simulated.preprocessing
        micrographs = read_labelled(root, pixel_size_nm, label, overrule=overrule, frames=frames, signal=signal)
        groups = split_groups(micrographs, validation_groups, test_groups, self.simulated.seed)
        self.labelled = {stage: [m for m in micrographs if m.group in groups[stage]] for stage in STAGES}

    @property
    def fingerprint_inputs(self) -> dict[str, Any]:
        """Everything that the exit waves depend on, and a fingerprint of every labelled micrograph."""
        labelled = {m.name: _fingerprint(m) for side in self.labelled.values() for m in side}
        return self.simulated.fingerprint_inputs | {"labelled": labelled}

    @property
    def split(self) -> dict[str, list[Any]]:
        """Names of the labelled micrographs on each side, and indices of the simulated specimens."""
        labelled = {stage: [m.name for m in side] for stage, side in self.labelled.items()}
        return labelled | {f"simulated_{stage}": indices for stage, indices in self.simulated.split.items()}

    @cached_property
    def validation_samples(self) -> list[Batch]:
        """Images of the validation sides, mixed as in training but the same in every epoch."""
        dataset = self.dataset("validation")
        return [dataset[i] for i in range(2 * len(self.simulated.indices["validation"]))]

    def micrographs(self, stage: Stage, repeat: int = 0) -> list[LabelledMicrograph]:
        """The labelled micrographs of a stage, the same in every `repeat`."""
        return self.labelled[stage]

    def views(self, stage: Stage, count: int) -> list[LabelledMicrograph]:
        """The labelled micrographs of a stage once: a label has one view."""
        return self.micrographs(stage)

    def extra_test_sets(self) -> dict[str, list[LabelledMicrograph]]:
        """Simulated micrographs of the specimens that are held out for the test."""
        return {"simulated": self.simulated.micrographs("test")}

    def notes(self) -> list[tuple[str, str]]:
        """Name of a labelled micrograph and a line about how it or its label was read, in any number of pairs."""
        return [(m.name, note) for side in self.labelled.values() for m in side for note in m.notes]

    def dataset(self, stage: Stage) -> MixedDataset:
        """Endless training samples of both kinds."""
        simulated = self.simulated
        seed = (simulated.seed, STAGES.index(stage))
        labelled = LabelledDataset(self.labelled[stage], simulated.preprocessing, simulated.augmentation, seed)
        return MixedDataset(labelled, simulated.dataset(stage), self.share)

    def train_dataloader(self) -> DataLoader[Batch]:
        """New images in every epoch."""
        simulated = self.simulated
        dataset = self.dataset("train")
        return train_loader(dataset, simulated.samples, simulated.batch_size, simulated.workers, simulated.seed)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The same images of the validation sides in every epoch."""
        return validation_loader(self.validation_samples, self.simulated.batch_size)


def split_groups(
    micrographs: Sequence[LabelledMicrograph], validation: int, test: int, seed: int
) -> dict[Stage, set[str]]:
    """Split the groups of micrographs at random into those of each stage.

    Raises:
        InputError: A stage would have no group.
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


def _fingerprint(micrograph: LabelledMicrograph) -> str:
    """Fingerprint of the image, the mask and the pixel size."""
    content = np.ascontiguousarray(micrograph.image).tobytes() + np.packbits(micrograph.mask).tobytes()
    return fingerprint_bytes(content + repr(micrograph.pixel_size_nm).encode())
