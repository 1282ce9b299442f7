"""Labels in COCO's format: outlines of particles in a JSON file, beside a folder of images."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

from hrtem_lab.files.errors import read_errors
from hrtem_lab.files.image_table import ImageTable, find_image_table
from hrtem_lab.files.label_values import Label
from hrtem_lab.files.labelled_set import LabelledEntry, LabelledSet
from hrtem_lab.files.layouts.folder import with_label
from hrtem_lab.files.layouts.layout import Layout, check_outline, table_facts
from hrtem_lab.files.read import read
from hrtem_lab.micrograph import BoolArray, InputError, LabelledMicrograph

Annotation = dict[str, Any]
KEYS = {
    "images": ("id", "file_name"),
    "annotations": ("image_id", "category_id"),
    "categories": ("id", "name"),
}
"""Lists of the file, and what each item of them has to say."""


@dataclass(frozen=True)
class CocoLayout(Layout):
    """A folder with COCO annotations: one instance per particle, as polygons or run lengths.

    A crowd (`iscrowd`) is a region in which nobody has told particles apart: it is ignored. An image without
    annotations holds no particle. `metadata.csv` in the folder of an image serves as for `FolderLayout`.

    Attributes:
        annotations: The JSON file, from the folder of the set.
        images: Folder of the images, from the folder of the set.
        categories: Names of the categories that are particles; all where there are none.
    """

    annotations: str = "annotations.json"
    images: str = "."
    categories: tuple[str, ...] = ()

    def open(self, root: str | Path, pixel_size_nm: float | None = None) -> LabelledSet:
        """Find the images that the annotations name.

        Raises:
            InputError: The JSON file is missing or of another kind. An image that is missing is an entry that cannot be
                read.
        """
        path = Path(root).expanduser() / self.annotations
        content = _read_json(path)
        categories = content["categories"]
        chosen = {each["id"] for each in categories if not self.categories or each["name"] in self.categories}
        if not chosen:
            there = ", ".join(str(each["name"]) for each in categories)
            raise InputError(f"{path.name}: no category is called {', '.join(self.categories)}; there are {there}")
        by_image: dict[int, list[Annotation]] = defaultdict(list)
        for annotation in content["annotations"]:
            if annotation["category_id"] in chosen:
                by_image[annotation["image_id"]].append(annotation)
        files = {image["id"]: path.parent / self.images / image["file_name"] for image in content["images"]}
        if strangers := sorted(by_image.keys() - files.keys()):
            raise InputError(
                f"{path.name}: annotations are of image {strangers[0]}, which it does not list; export them again"
            )
        if not files:
            raise InputError(f"{path.name}: names no image; export the annotations again")
        tables = cache(find_image_table)
        return LabelledSet(
            _entry(file, path, by_image[number], tables(file.parent), pixel_size_nm) for number, file in files.items()
        )


def _read_json(path: Path) -> dict[str, Any]:
    with read_errors(path):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or any(not isinstance(content.get(key), list) for key in KEYS):
        raise InputError(f"{path.name}: expected COCO's lists {', '.join(KEYS)}; export the annotations again")
    for name, keys in KEYS.items():
        for place, item in enumerate(content[name]):
            if missing := [key for key in keys if not isinstance(item, dict) or key not in item]:
                raise InputError(f"{path.name}: {name}[{place}] has no {missing[0]}; export the annotations again")
    return content


def _entry(
    path: Path, json_path: Path, annotations: list[Annotation], table: ImageTable | None, pixel_size_nm: float | None
) -> LabelledEntry:
    facts = table_facts(table, path, path.stem)
    return LabelledEntry(
        name=path.stem,
        group=facts.get("group", path.stem),
        outline=check_outline(facts, path.stem),
        facts=facts,
        load=partial(_load, path, json_path, annotations, table, pixel_size_nm),
        files=(path, json_path, *([table.path] if table else [])),
    )


def _load(
    path: Path, json_path: Path, annotations: list[Annotation], table: ImageTable | None, pixel_size_nm: float | None
) -> LabelledMicrograph:
    """Read an image and draw its annotations."""
    if not path.is_file():
        raise InputError(f"{path.name} is missing; {json_path.name} names it in {path.parent}")
    images = read(path, pixel_size_nm, tables=[table])
    if len(images) > 1:
        raise InputError(f"{path.name}: holds {len(images)} images, expected the one that its annotations are of")
    shape = images[0].metadata.get("shape_in_file", images[0].image.shape)
    if tuple(shape) != images[0].image.shape:
        raise InputError(f"{path.name}: its pixels are not square, so that its outlines do not fit; resample it")
    instances = np.zeros(shape, dtype=np.int32)
    ignored = np.zeros(shape, dtype=bool)
    for number, annotation in enumerate(annotations, start=1):
        mask = _mask(annotation, shape, path.name)
        if annotation.get("iscrowd"):
            ignored |= mask
        else:
            instances[mask] = number
    return with_label(images[0], Label(instances, (), "COCO", ignored if ignored.any() else None))


def _mask(annotation: Annotation, shape: tuple[int, int], file_name: str) -> BoolArray:
    """The pixels of one annotation, (rows, columns)."""
    try:
        runs = outline = annotation["segmentation"]
        if isinstance(outline, list):
            runs = coco.merge(coco.frPyObjects(outline, *shape))
        elif isinstance(outline["counts"], list):
            runs = coco.frPyObjects(outline, *shape)
        mask = coco.decode(runs).astype(bool)
    except Exception as error:  # pycocotools raises no other for what it does not know
        raise InputError(
            f"{file_name}: annotation {annotation.get('id')} is neither a polygon nor run lengths; outline the particle"
        ) from error
    if mask.shape != shape:
        raise InputError(
            f"{file_name}: annotation {annotation.get('id')} is for an image of {mask.shape}, the image is {shape}"
        )
    return mask
