"""Folders of micrographs with label images beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from hrtem_lab.files.image_table import ImageTable, find_image_table
from hrtem_lab.files.inputs import find_inputs
from hrtem_lab.files.label_values import Label, LabelRule, soft_label
from hrtem_lab.files.labelled_set import LabelledEntry, LabelledSet
from hrtem_lab.files.labels import find_annotators, find_label, labelled_name, read_label
from hrtem_lab.files.layouts.layout import Layout, check_outline, table_facts
from hrtem_lab.files.read import read
from hrtem_lab.files.stacks import Choice, check_choice
from hrtem_lab.micrograph import InputError, LabelledMicrograph, Micrograph


@dataclass(frozen=True)
class FolderLayout(Layout):
    """A folder of micrographs in any format, each with `<name>_label.png` or `<name>_mask.tif` beside it.

    Several annotators' labels are `<name>_label_<annotator>.png`: a pixel belongs to a particle where most of them say
    so, and what is learned is their share. Where there is a `<name>_label.png` besides, it is what they agreed on, and
    they are compared alone. The folder's `metadata.csv` may say `pixel_size_nm`, `group`, `outline` and
    any other fact of an image; without a group, an image is a group.

    Attributes:
        label: Meaning of the values of a label.
        overrule: Whether the pixel size that is given counts more than what a file itself says.
        frames: Frame of a stack that the label belongs to: its number, or `sum`.
        signal: Title of the image that the label belongs to where a file holds several.
    """

    label: LabelRule = field(default_factory=LabelRule)
    overrule: bool = False
    frames: Choice = None
    signal: str | None = None

    def open(self, root: str | Path, pixel_size_nm: float | None = None) -> LabelledSet:
        """Find every micrograph of a folder or pattern (see `hrtem_lab.files.find_inputs`) and its label.

        Args:
            root: A folder, or a pattern.
            pixel_size_nm: Pixel size of files for which neither they themselves nor `metadata.csv` state one.

        Raises:
            InputError: Nothing is there, or labels alone. A micrograph without a label, and a label without a
                micrograph, are entries that cannot be read.
        """
        inputs = find_inputs(root)
        annotators = cache(find_annotators)  # listed once per folder
        labels = {name: _find_labels(path, annotators(path.parent)) for name, path in inputs.items()}
        if all(labelled_name(path) for path in inputs.values()):
            raise InputError(f"{root}: the folder holds labels alone; put the micrographs beside them")
        tables = cache(find_image_table)  # read once per folder
        options = {
            "pixel_size_nm": pixel_size_nm,
            "overrule": self.overrule,
            "frames": check_choice(self.frames),
            "signal": self.signal,
        }
        return LabelledSet(
            _Entry(path, name, labels[name], tables(path.parent), options, self.label).describe()
            for name, path in inputs.items()
        )


def read_labelled(root: str | Path, pixel_size_nm: float | None = None, **options: Any) -> LabelledSet:
    """Open a folder of labelled micrographs; `options` are the attributes of `FolderLayout`."""
    return FolderLayout(**options).open(root, pixel_size_nm)


def _find_labels(path: Path, annotators: Mapping[str, Mapping[str, Path]]) -> dict[str, Path]:
    """Labels of a micrograph by annotator; the label of nobody in particular is ''."""
    label = find_label(path)
    return {**({} if label is None else {"": label}), **annotators.get(path.stem, {})}


@dataclass(frozen=True)
class _Entry:
    """A micrograph's file, its labels, and everything that decides how they are read.

    Attributes:
        path: File of the micrograph.
        name: Name of the micrograph.
        labels: File of each annotator's label.
        table: The folder's table.
        options: Arguments of `read`.
        rule: Meaning of the values of a label.
    """

    path: Path
    name: str
    labels: Mapping[str, Path]
    table: ImageTable | None
    options: Mapping[str, Any]
    rule: LabelRule

    def describe(self) -> LabelledEntry:
        """The entry of a set, without the pixels."""
        facts = table_facts(self.table, self.path, self.name)
        return LabelledEntry(
            name=self.name,
            group=facts.get("group", self.name),
            outline=check_outline(facts, self.name),
            facts=facts,
            load=self.load,
            files=(self.path, *self.labels.values(), *([self.table.path] if self.table else [])),
        )

    def _missing_partner(self) -> str:
        """A line about a file that stands alone."""
        if (micrograph := labelled_name(self.path)) is not None:
            return f"{self.path.name} is a label without a micrograph; put {micrograph} beside it, or move it away"
        label = f"{self.path.stem}_label.png"
        return f"{self.path.name} has no label; draw {label}, black where no particle is, or move it away"

    def load(self) -> LabelledMicrograph:
        """Read the micrograph and its labels."""
        if not self.labels:
            raise InputError(self._missing_partner())
        frames = read(self.path, name=self.name, tables=[self.table], **self.options)
        if len(frames) > 1:
            raise InputError(
                f"{self.path.name}: holds {len(frames)} images, expected the one that its label is of; choose it with "
                "data.layout.signal or data.layout.frames"
            )
        image = frames[0]
        rows, columns = image.image.shape
        read_one = partial(read_label, shape=(rows, columns), metadata=image.metadata, rule=self.rule)
        by_annotator = {annotator: read_one(label) for annotator, label in self.labels.items()}
        return with_label(image, agree(by_annotator), {a: label for a, label in by_annotator.items() if a})


def agree(labels: Mapping[str, Label]) -> Label:
    """The label of nobody in particular, or the one that most annotators give, whose confidence is their share."""
    each = [labels[""]] if "" in labels else list(labels.values())
    if len(each) == 1:
        return each[0]
    agreed = soft_label(np.stack([label.mask for label in each]).mean(axis=0, dtype=np.float32))
    ignored = [label.ignored for label in each if label.ignored is not None]
    return Label(
        agreed.instances,
        tuple(dict.fromkeys(note for label in each for note in label.notes)),
        f"{len(each)} annotators",
        np.logical_or.reduce(ignored) if ignored else None,
        agreed.soft,
    )


def with_label(
    image: Micrograph, label: Label, annotators: Mapping[str, Label] | None = None, group: str = ""
) -> LabelledMicrograph:
    """A micrograph with its label, and with those of each annotator."""
    return LabelledMicrograph(
        image=image.image,
        pixel_size_nm=image.pixel_size_nm,
        name=image.name,
        metadata={**image.metadata, "label": label.kind},
        pixel_size_from=image.pixel_size_from,
        pixel_sizes_unused=image.pixel_sizes_unused,
        notes=(*image.notes, *label.notes),
        valid=image.valid,
        instances=label.instances if label.ignored is None else np.where(label.ignored, 0, label.instances),
        group=group or image.name,
        ignored=label.ignored,
        soft=label.soft,
        annotators={name: each.instances for name, each in (annotators or {}).items()},
    )
