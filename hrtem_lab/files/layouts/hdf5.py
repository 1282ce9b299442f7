"""Training sets in HDF5, as they are published: one dataset of images and one of labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hrtem_lab.files.errors import read_errors
from hrtem_lab.files.frames import Frames
from hrtem_lab.files.hdf5_calibration import find_spacing
from hrtem_lab.files.image_table import find_image_table
from hrtem_lab.files.label_values import Label, LabelRule, one_hot_label, understand
from hrtem_lab.files.labelled_set import LabelledEntry, LabelledSet
from hrtem_lab.files.layouts.folder import with_label
from hrtem_lab.files.layouts.layout import Layout, check_outline, list_problems, table_facts
from hrtem_lab.files.pixel_size import SizesGiven
from hrtem_lab.micrograph import InputError, LabelledMicrograph, Micrograph

HDF5_SUFFIXES = (".h5", ".hdf5")


@dataclass(frozen=True)
class Hdf5Layout(Layout):
    """Images and labels in HDF5 datasets, in one file or in two, of which every image is read by itself.

    Images are (n, h, w) or (n, h, w, 1); labels are (n, h, w), (n, h, w, 1) or one-hot, (n, h, w, 2), with the
    particles in the last channel. No published file says its pixel size. A `metadata.csv` beside the file may, in a row
    `<stem>_<number>` for each image, and groups; if it has as many rows as there are images, they are in their order.
    Without groups the images are a stack that only blocks can divide.

    Attributes:
        image_key: Name of the dataset of images.
        label_key: Name of the dataset of labels.
        label_file: File of the labels; None for that of the images or, where this has none, the file beside it that is
            called as this with `label` for `image`.
        label: Meaning of the values of a label.
    """

    image_key: str = "images"
    label_key: str = "labels"
    label_file: str | None = None
    label: LabelRule = field(default_factory=LabelRule)

    def open(self, root: str | Path, pixel_size_nm: float | None = None) -> LabelledSet:
        """Open a file of images, or the only one in a folder.

        Raises:
            InputError: A dataset is missing, images and labels differ in number or shape, or a pixel size is unknown.
        """
        image_file = self._image_file(Path(root).expanduser())
        with read_errors(image_file), h5py.File(image_file) as file:
            label_file = self._label_file(image_file, self.label_key in file)
            images = _shape(file, self.image_key, image_file)
        with read_errors(label_file), h5py.File(label_file) as file:
            labels = _shape(file, self.label_key, label_file)
        if len(images) not in (3, 4) or images[3:] not in ((), (1,)):
            raise InputError(f"{image_file.name}: {self.image_key} is {images}, expected (n, h, w) or (n, h, w, 1)")
        if len(labels) not in (3, 4) or labels[3:] not in ((), (1,), (2,)):
            raise InputError(
                f"{label_file.name}: {self.label_key} is {labels}, expected (n, h, w), (n, h, w, 1) or (n, h, w, 2)"
            )
        if labels[:3] != images[:3]:
            raise InputError(
                f"{label_file.name}: {self.label_key} is {labels}, {self.image_key} {images}; expected a label of the "
                "same height and width for each image"
            )
        return LabelledSet(self._entries(image_file, label_file, images[0], pixel_size_nm))

    def _entries(
        self, image_file: Path, label_file: Path, count: int, pixel_size_nm: float | None
    ) -> list[LabelledEntry]:
        table = find_image_table(image_file.parent)
        names = [f"{image_file.stem}_{number:04d}" for number in range(count)]
        in_table = table.rows if table is not None and len(table.rows) == count else names
        with h5py.File(image_file) as file:
            in_file = _pixel_size(file, self.image_key)
        entries, problems = [], []
        for number, (name, row) in enumerate(zip(names, in_table, strict=True)):
            path = image_file.with_name(row) if row != name else image_file.with_name(f"{name}{image_file.suffix}")
            facts = table_facts(table, path, row)
            try:
                size = SizesGiven(pixel_size_nm, [table] if table else []).choose(in_file, path, row)
            except InputError as error:
                problems.append(str(error))
                continue
            source = (str(image_file), str(label_file), self.image_key, self.label_key)
            entries.append(
                LabelledEntry(
                    name=name,
                    group=facts.get("group", image_file.stem),
                    outline=check_outline(facts, name),
                    facts=facts,
                    stack="" if "group" in facts else image_file.stem,
                    position=number,
                    load=partial(_load, *source, number, name, size.nm, size.source, self.label),
                    files=tuple(dict.fromkeys([image_file, label_file, *([table.path] if table else [])])),
                )
            )
        if problems:
            raise InputError(_unknown_size(image_file, problems, count))
        return entries

    def _image_file(self, root: Path) -> Path:
        if not root.is_dir():
            return root
        files = [path for path in sorted(root.iterdir()) if path.suffix.lower() in HDF5_SUFFIXES]
        with_images = [path for path in files if _has(path, self.image_key)]
        if len(with_images) != 1:
            listed = ", ".join(path.name for path in with_images or files) or "no HDF5 file"
            raise InputError(
                f"{root}: expected one file with a dataset {self.image_key}, found {listed}; give data.root=FILE"
            )
        return with_images[0]

    def _label_file(self, image_file: Path, has_labels: bool) -> Path:
        if self.label_file is not None:
            return Path(self.label_file).expanduser()
        if has_labels:
            return image_file
        for old, new in (("image", "label"), ("Image", "Label"), ("IMAGE", "LABEL")):
            beside = image_file.with_name(image_file.name.replace(old, new))
            if beside != image_file and beside.is_file():
                return beside
        raise InputError(
            f"{image_file.name}: holds no dataset {self.label_key}, and no file of labels is beside it; give "
            "data.layout.label_file=FILE, or data.layout.label_key=NAME"
        )


def _load(
    image_file: str,
    label_file: str,
    image_key: str,
    label_key: str,
    number: int,
    name: str,
    pixel_size_nm: float,
    pixel_size_from: str,
    rule: LabelRule,
) -> LabelledMicrograph:
    """Read one image and its label."""
    with read_errors(Path(image_file)), h5py.File(image_file) as file:
        pixels = np.squeeze(file[image_key][number]) if file[image_key].ndim == 4 else file[image_key][number]
    with read_errors(Path(label_file)), h5py.File(label_file) as file:
        values = file[label_key][number]
    image = Micrograph(
        image=np.ascontiguousarray(pixels, dtype=np.float32),
        pixel_size_nm=pixel_size_nm,
        name=name,
        metadata={"source": Path(image_file).name},
        pixel_size_from=pixel_size_from,
    )
    return with_label(image, _label(values, rule, name))


def _label(values: npt.NDArray[Any], rule: LabelRule, name: str) -> Label:
    """The label of one image, (h, w), (h, w, 1) or one-hot, (h, w, 2)."""
    if values.ndim == 3 and values.shape[-1] == 2:
        return one_hot_label(values)
    values = values.reshape(values.shape[:2])
    is_whole = values.dtype.kind != "f" or bool(np.array_equal(values, np.round(values)))
    return understand(values.astype(np.int64) if is_whole else values, is_whole, rule, name)


def _has(path: Path, key: str) -> bool:
    with read_errors(path), h5py.File(path) as file:
        return isinstance(file.get(key), h5py.Dataset)


def _shape(file: h5py.File, key: str, path: Path) -> tuple[int, ...]:
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{path.name}: holds no dataset {key}, only {', '.join(map(str, file)) or 'nothing'}")
    return tuple(dataset.shape)


def _pixel_size(file: h5py.File, key: str) -> Frames:
    """The calibration that the file states, as for any HDF5 file."""
    return Frames(np.empty((1, 1)), find_spacing(file[key], 1, 2))


def _unknown_size(path: Path, problems: list[str], count: int) -> str:
    """One line about images of unknown pixel size."""
    if len(problems) == count:
        return (
            f"{path.name}: no file of this layout says its pixel size; give data.pixel_size_nm=... (the gold of 2021 "
            "has 0.02152 nm), or a metadata.csv beside it with the columns name,pixel_size_nm and a row for each image"
        )
    return list_problems(path.name, problems)
