"""COCO, the JSON of annotations that most programs for training object detectors read and write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pycocotools import mask as coco_mask

from hrtem_lab.files.write import write_json
from hrtem_lab.micrograph import CLASSES, UNCERTAIN, UNRESOLVED, IntArray

CATEGORIES = ("particle", *CLASSES, UNCERTAIN, UNRESOLVED)
"""Names of the categories, numbered from 1; the first is that of a particle without a class."""
MEASUREMENTS = ("equivalent_diameter_nm", "feret_max_nm", "feret_min_nm", "area_nm2", "touches_edge")
"""Columns of the table that an annotation keeps, which COCO has no place for."""


def write_coco(path: Path, file_name: str, pixel_size_nm: float, instances: IntArray, table: pd.DataFrame) -> None:
    """Write the particles of one micrograph, their masks as run lengths, which hold every pixel.

    Args:
        path: The file.
        file_name: Name of the micrograph's file.
        pixel_size_nm: Side length of a pixel in nm.
        instances: Particle number at each pixel, (rows, columns), 0 = background.
        table: A row for each particle, indexed by its number; `class` and `confidence` where they are known.

    Raises:
        InputError: The file cannot be written.
    """
    rows, columns = instances.shape
    image = {"id": 1, "file_name": file_name, "width": columns, "height": rows, "pixel_size_nm": pixel_size_nm}
    annotations = [_annotation(instances, number, row) for number, row in table.iterrows()]
    write_json(path, _dataset([image], annotations))


def merge_coco(path: Path, parts: Iterable[Path]) -> None:
    """Write one file of several that `write_coco` wrote, with images and annotations numbered anew.

    Raises:
        InputError: The file cannot be written.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for part in parts:
        content = json.loads(part.read_text(encoding="utf-8"))
        images += [{**content["images"][0], "id": len(images) + 1}]
        first = len(annotations) + 1
        annotations += [
            {**each, "id": number, "image_id": len(images)}
            for number, each in enumerate(content["annotations"], start=first)
        ]
    write_json(path, _dataset(images, annotations))


def _dataset(images: Sequence[dict[str, Any]], annotations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    categories = [
        {"id": number, "name": name, "supercategory": CATEGORIES[0]} for number, name in enumerate(CATEGORIES, start=1)
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def _annotation(instances: IntArray, number: Any, row: pd.Series) -> dict[str, Any]:
    """One particle, with its number in the mask as `particle`."""
    runs = coco_mask.encode(np.asfortranarray(instances == number, dtype=np.uint8))
    known = {key: row[key] for key in MEASUREMENTS if key in row}
    score = {"score": row["confidence"]} if "confidence" in row else {}
    return {
        "id": number,
        "image_id": 1,
        "category_id": 1 + CATEGORIES.index(row.get("class", CATEGORIES[0])),
        "segmentation": {"size": runs["size"], "counts": runs["counts"].decode("ascii")},
        "area": int(coco_mask.area(runs)),
        "bbox": coco_mask.toBbox(runs).tolist(),
        "iscrowd": 0,
        "particle": number,
        **known,
        **score,
    }
