"""A set is read once: what is in it is right, and everything that is wrong is named at once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hrtem_lab.files import read_labelled, write_folder
from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.survey import size_classes, survey
from tests.evaluation.test_near_duplicates import field
from tests.segmentation.scenes import DISCS, dark_discs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "set", [(n, dark_discs(n)) for n in range(3)])
    return tmp_path / "set"


def test_what_is_in_it(folder: Path) -> None:
    table = survey(read_labelled(folder)).table
    assert list(table.index) == ["dark_0", "dark_1", "dark_2"]
    row = table.loc["dark_1"]
    assert (row["particles"], row["rows"], row["pixel_size_nm"], row["outline"]) == (3, 180, 0.05, "geometric")
    radius_nm = np.median([radius for _, _, radius in DISCS]) * 0.05
    assert row["median_diameter_nm"] == pytest.approx(2 * radius_nm, rel=0.02)
    assert row["particle_fraction"] == pytest.approx(dark_discs(1).mask.mean())


def test_everything_that_is_wrong_is_named_at_once(folder: Path) -> None:
    Image.fromarray(np.zeros((9, 9), dtype=np.uint8)).save(folder / "dark_0_label.png")
    Image.fromarray(np.full((180, 180), 7, dtype=np.uint8)).save(folder / "dark_2_label.png")
    found = survey(read_labelled(folder))
    assert list(found.table.index) == ["dark_1"]
    with pytest.raises(
        InputError, match=r"dark_0_label\.png: the label has shape \(9, 9\).*; dark_2_label\.png: no pixel"
    ):
        found.refuse_problems()


def test_a_set_whose_labels_mark_nothing_is_refused(folder: Path) -> None:
    for number in range(3):
        Image.fromarray(np.zeros((180, 180), dtype=np.uint8)).save(folder / f"dark_{number}_label.png")
        (folder / "instances" / f"dark_{number}.tif").unlink()
    found = survey(read_labelled(folder))
    assert set(found.table["label"]) == {"background alone"}
    with pytest.raises(InputError, match="no label marks a particle, of 3"):
        found.refuse_problems()


def test_a_copy_under_another_name_is_found(folder: Path) -> None:
    for name, image in (("one", field(11, 180)), ("two", field(12, 180)), ("copy", np.rot90(field(11, 180)))):
        Image.fromarray(np.clip(100 + 20 * image, 0, 255).astype(np.uint8)).save(folder / f"{name}.png")
        Image.fromarray(np.eye(180, dtype=np.uint8) * 255).save(folder / f"{name}_label.png")
    pairs = survey(read_labelled(folder, pixel_size_nm=0.05)).duplicates
    assert [{first, second} for first, second, _ in pairs] == [{"copy", "one"}]


def test_size_classes() -> None:
    assert size_classes([2.2, 5.0, 10.0, np.nan]) == ["below 3 nm", "3 to 7 nm", "above 7 nm", "no particle"]
