"""Training data: labelled micrographs among simulated ones, so that a network forgets nothing of those."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from hrtem_lab.files import LabelledSet, Layout
from hrtem_lab.micrograph import InputError, LabelledMicrograph
from hrtem_lab.paths import workspace
from hrtem_lab.segmentation.data import ALL, SimulatedData, TrainingData, train_loader, validation_loader
from hrtem_lab.segmentation.datasets import LabelledDataset, MixedDataset, mix
from hrtem_lab.segmentation.module import Batch
from hrtem_lab.segmentation.split import SPLIT_FILE, STAGES, Split, Stage, refuse_leaks
from hrtem_lab.segmentation.splitters import Splitter
from hrtem_lab.segmentation.standardised import StandardisedSet
from hrtem_lab.segmentation.survey import Survey, survey


class LabelledData(TrainingData):
    """Labelled micrographs for training, validation and test, and simulated ones besides.

    The network learns from a mixture of both and its best epoch is chosen on such a mixture, so that it does not forget
    what it has learned from simulations. Settings are tuned on labelled micrographs, and the scores are those of
    labelled micrographs; those of simulated ones are an extra test set. Where all labelled ones are of one group or
    two, there are none to test on, and with one group settings are tuned on simulated ones.

    Args:
        root: Folder or file of the set.
        layout: Layout of the set.
        splitter: Way to split it.
        share: Fraction of the training images that are labelled ones, above 0 and at most 1.
        pixel_size_nm: Pixel size of micrographs for which neither a file nor a table states one.
        cache: Folder of the standardised images; None for `.cache/standardised`.
        simulated: Arguments of `SimulatedData`; `validation` and `test` are numbers of simulated specimens.

    Raises:
        InputError: A file cannot be used, labels follow different outlines, the split leaks or leaves a side empty, or
            the share is out of range.
    """

    def __init__(
        self,
        root: str | Path,
        layout: Layout,
        splitter: Splitter,
        share: float = 0.5,
        pixel_size_nm: float | None = None,
        cache: str | Path | None = None,
        **simulated: Any,
    ) -> None:
        super().__init__()
        if not 0 < share <= 1:
            raise InputError(f"data.share is {share}, expected a part above 0 and at most 1")
        self.simulated, self.share = SimulatedData(**simulated), share
        self.library, self.preprocessing = self.simulated.library, self.simulated.preprocessing
        self.cache = Path(cache) if cache else workspace() / ".cache" / "standardised"
        self.survey = survey(layout.open(root, pixel_size_nm))
        self.survey.refuse_problems()
        refuse_mixed_outlines(self.survey)
        self.partition: Split = splitter.split(self.survey, self.simulated.seed)
        refuse_leaks(self.partition, self.survey)
        self.labelled: dict[Stage, LabelledSet] = {
            stage: self.survey.micrographs.select(self.partition.sides[stage]) for stage in STAGES
        }

    @property
    def fingerprint_inputs(self) -> dict[str, Any]:
        """Everything that the exit waves depend on, and a fingerprint of every file of labelled micrographs."""
        return self.simulated.fingerprint_inputs | {"labelled": dict(self.partition.files)}

    @property
    def split(self) -> dict[str, list[Any]]:
        """Names of the labelled micrographs on each side, and indices of the simulated specimens."""
        labelled = {stage: list(self.partition.sides[stage]) for stage in STAGES}
        return labelled | {f"simulated_{stage}": indices for stage, indices in self.simulated.split.items()}

    @cached_property
    def validation_samples(self) -> list[Batch]:
        """Images of the validation sides, mixed as in training but the same in every epoch."""
        if not len(self.labelled["validation"]):
            return self.simulated.validation_samples
        dataset = self.dataset("validation")
        return [dataset[i] for i in range(2 * len(self.simulated.indices["validation"]))]

    def micrographs(self, stage: Stage, repeat: int = 0, part: slice = ALL) -> Sequence[LabelledMicrograph]:
        """The labelled micrographs of a part, the same in every `repeat`, each read when it is asked for."""
        return self.labelled[stage] if part is ALL else self.labelled[stage][part]

    def views(self, stage: Stage, count: int) -> Sequence[LabelledMicrograph]:
        """The labelled micrographs of a stage once, since a label has one view; simulated ones where there are none."""
        return self.micrographs(stage) or self.simulated.views(stage, count)

    def extra_test_sets(self) -> dict[str, Sequence[LabelledMicrograph]]:
        """Simulated micrographs of the specimens that are held out for the test."""
        return {"simulated": self.simulated.micrographs("test")}

    def notes(self) -> list[tuple[str, str]]:
        """Name of a labelled micrograph and a line about how it or its label was read, in any number of pairs."""
        lines = self.survey.table["notes"]
        notes = [(str(name), note) for name, text in lines.items() for note in text.split("; ") if note]
        return notes + [(name, "is on no side of the split") for name in self.partition.left_out]

    def save_split(self, folder: Path) -> None:
        """Write `split.json`, which `data/splitter=saved` reads."""
        self.partition.save(folder / SPLIT_FILE)

    def dataset(self, stage: Stage) -> MixedDataset:
        """Endless training samples of both kinds; those of a mixture of sets by their shares."""
        simulated, entries = self.simulated, self.labelled[stage].entries
        seed = (simulated.seed, STAGES.index(stage))
        shares = {entry.origin: entry.share for entry in entries}
        sets = [LabelledSet(entry for entry in entries if entry.origin == origin) for origin in shares]
        labelled = [
            LabelledDataset(
                StandardisedSet(each, self.preprocessing, self.cache), simulated.augmentation, simulated.window_nm, seed
            )
            for each in sets
        ]
        return MixedDataset(mix(labelled, list(shares.values())), simulated.mixture(stage), self.share)

    def train_dataloader(self) -> DataLoader[Batch]:
        """New images in every epoch."""
        simulated = self.simulated
        dataset = self.dataset("train")
        return train_loader(dataset, simulated.samples, simulated.batch_size, simulated.workers, simulated.seed)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The same images of the validation sides in every epoch."""
        return validation_loader(self.validation_samples, self.simulated.batch_size)


def refuse_mixed_outlines(survey: Survey) -> None:
    """Refuse a set whose labels follow different edges: a network would learn neither.

    Raises:
        InputError: There are labels of both kinds; one of each is named.
    """
    first = survey.table["outline"].drop_duplicates()
    if len(first) > 1:
        examples = " and ".join(f"{outline} ({name})" for name, outline in first.items())
        raise InputError(
            f"the labels follow different outlines, {examples}; train on those of one kind, each in a folder of its own"
        )
