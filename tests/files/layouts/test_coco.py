"""COCO annotations: what pycocotools draws is what comes out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from hrtem_lab.files import CocoLayout
from hrtem_lab.micrograph import InputError

SQUARE = [[10, 10, 30, 10, 30, 30, 10, 30]]


def write(folder: Path, annotations: list[dict], images: tuple[str, ...] = ("a.png", "b.png")) -> Path:
    for name in images:
        Image.fromarray(np.full((50, 60), 99, dtype=np.uint8)).save(folder / name)
    content = {
        "images": [
            {"id": n, "file_name": name, "height": 50, "width": 60} for n, name in enumerate(("a.png", "b.png"))
        ],
        "annotations": [{"id": n, "category_id": 1, **each} for n, each in enumerate(annotations)],
        "categories": [{"id": 1, "name": "particle"}, {"id": 2, "name": "dirt"}],
    }
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def test_polygons_run_lengths_and_crowds(tmp_path: Path) -> None:
    touching, crowd = np.zeros((50, 60), dtype=bool), np.zeros((50, 60), dtype=bool)
    touching[10:30, 30:45] = crowd[40:48, 2:50] = True
    encoded = coco.encode(np.asfortranarray(touching.astype(np.uint8)))
    counts = [len(list(run)) for run in np.split(crowd.ravel("F"), np.flatnonzero(np.diff(crowd.ravel("F"))) + 1)]
    annotations = [
        {"image_id": 0, "segmentation": SQUARE},
        {"image_id": 0, "segmentation": {"size": [50, 60], "counts": encoded["counts"].decode()}},
        {"image_id": 0, "segmentation": {"size": [50, 60], "counts": counts}, "iscrowd": 1},
        {"image_id": 0, "segmentation": SQUARE, "category_id": 2},
    ]
    first, bare = CocoLayout(categories=("particle",)).open(write(tmp_path, annotations), pixel_size_nm=0.03)
    square = coco.decode(coco.frPyObjects(SQUARE, 50, 60))[..., 0].astype(bool)
    np.testing.assert_array_equal(first.instances == 1, square & ~touching)
    np.testing.assert_array_equal(first.instances == 2, touching)
    np.testing.assert_array_equal(first.ignored, crowd)
    assert not bare.mask.any()
    assert (first.pixel_size_nm, first.name, bare.group) == (0.03, "a", "b")


def test_groups_and_outlines_come_from_the_table(tmp_path: Path) -> None:
    write(tmp_path, [{"image_id": 0, "segmentation": SQUARE}])
    (tmp_path / "metadata.csv").write_text(
        "name,pixel_size_nm,group,outline\na,0.02,s,half_contrast\nb,0.02,s,half_contrast\n"
    )
    found = CocoLayout().open(tmp_path)
    assert [(m.group, m.outline, m.pixel_size_nm) for m in found] == [("s", "half_contrast", 0.02)] * 2


def test_an_image_that_is_missing_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    first, second = CocoLayout().open(write(tmp_path, [], images=("b.png",)), 0.02).entries
    with pytest.raises(InputError, match=r"^a\.png is missing; annotations\.json names it in "):
        first.read()
    assert second.read().name == "b"


@pytest.mark.parametrize("content", ["[]", '{"images": []}', "no json"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "annotations.json").write_text(content)
    with pytest.raises(InputError, match=r"annotations\.json"):
        CocoLayout().open(tmp_path)


@pytest.mark.parametrize(
    "outline",
    [{"segmentation": {"size": [9, 9], "counts": "x"}}, {"segmentation": [[]]}, {"segmentation": [[1, 1, 5, 5]]}, {}],
    ids=["damaged", "empty", "a line", "a box alone"],
)
def test_an_annotation_that_is_none_is_named(tmp_path: Path, outline: dict) -> None:
    write(tmp_path, [{"image_id": 0, "bbox": [1, 1, 5, 5], **outline}])
    with pytest.raises(InputError, match=r"a\.png: annotation 0"):
        CocoLayout().open(tmp_path, 0.02)[0]


@pytest.mark.parametrize(
    ("place", "key", "message"),
    [
        ("images", "file_name", r"images\[0\] has no file_name"),
        ("annotations", "category_id", r"annotations\[0\] has no category_id"),
        ("categories", "name", r"categories\[0\] has no name"),
        ("images", None, "annotations are of image 0, which it does not list"),
    ],
)
def test_what_the_file_does_not_say_is_named(tmp_path: Path, place: str, key: str | None, message: str) -> None:
    write(tmp_path, [{"image_id": 0, "segmentation": SQUARE}])
    content = json.loads((tmp_path / "annotations.json").read_text())
    del content[place][0]
    if key is not None:
        content = json.loads((tmp_path / "annotations.json").read_text())
        del content[place][0][key]
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"annotations\.json: {message}"):
        CocoLayout().open(tmp_path, 0.02)
