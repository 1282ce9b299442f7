"""Which of several pixel sizes counts, and that the others are said to be unused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hrtem_lab.files import find_image_table, read, read_calibration
from hrtem_lab.files.frames import Frames
from hrtem_lab.files.image_table import ImageTable
from hrtem_lab.files.pixel_size import PixelSize, SizesGiven
from hrtem_lab.micrograph import InputError

CALIBRATED = Frames(np.ones((4, 5)), ((0.05, "nm"), (0.05, "nm")))
BARE = Frames(np.ones((4, 5)))


@pytest.fixture
def table(tmp_path: Path) -> ImageTable:
    (tmp_path / "sizes.csv").write_text("name,pixel_size_nm\na,0.03\nbad,0.03 nm\n")
    return read_calibration(tmp_path / "sizes.csv")


def choose(sizes: SizesGiven, stack: Frames, name: str = "a") -> PixelSize:
    return sizes.choose(stack, Path(f"{name}.tif"), name)


def test_the_file_counts_before_a_table_and_a_table_before_a_number(table: ImageTable) -> None:
    given = SizesGiven(0.02, [table])
    assert [(size.nm, size.source) for size in (choose(given, CALIBRATED), choose(given, BARE))] == [
        (0.05, "the file"),
        (0.03, "sizes.csv, line 2"),
    ]
    assert choose(given, BARE, "other").source == "pixel_size_nm"


def test_a_user_can_overrule_a_file(table: ImageTable) -> None:
    size = choose(SizesGiven(0.02, overrule=True), CALIBRATED)
    assert (size.nm, size.source, size.unused) == (0.02, "pixel_size_nm", {"the file": 0.05})
    assert size.notes == ("the file's own 0.05 nm per pixel is overruled by pixel_size_nm with 0.02 nm",)
    assert choose(SizesGiven(0.02, [table], overrule=True), CALIBRATED).source == "sizes.csv, line 2"
    assert choose(SizesGiven(None, overrule=True), CALIBRATED).nm == 0.05


def test_what_is_given_and_not_used_is_said(table: ImageTable) -> None:
    size = choose(SizesGiven(0.02, [table]), CALIBRATED)
    assert size.unused == {"sizes.csv, line 2": 0.03, "pixel_size_nm": 0.02}
    assert size.notes == (
        "0.03 nm from sizes.csv, line 2 is not used: the file says 0.05 nm per pixel; overrule=true takes what is "
        "given instead",
        "pixel_size_nm=0.02 is not used: the file says 0.05 nm per pixel; overrule=true takes what is given instead",
    )
    assert choose(SizesGiven(0.02, [table]), BARE).notes == (
        "pixel_size_nm=0.02 is not used: sizes.csv, line 2 says 0.03 nm per pixel",
    )


def test_a_table_that_agrees_is_not_worth_a_line(table: ImageTable) -> None:
    same = Frames(np.ones((4, 5)), ((0.3, "Å"), (0.3, "Å")))
    assert choose(SizesGiven(None, [table]), same).notes == ()
    assert choose(SizesGiven(0.03), same).notes == ("pixel_size_nm=0.03 is not used: the file says 0.03 nm per pixel",)


def test_a_bad_row_is_a_mistake_only_where_it_is_needed(table: ImageTable) -> None:
    assert choose(SizesGiven(None, [table]), CALIBRATED, "bad").nm == 0.05
    for sizes, stack in ((SizesGiven(0.02, [table]), BARE), (SizesGiven(None, [table], overrule=True), CALIBRATED)):
        with pytest.raises(InputError, match=r"line 3 of sizes\.csv"):
            choose(sizes, stack, "bad")


def test_a_broken_table_is_a_mistake_only_where_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_bytes(b"\x00\x01\x02")
    broken = find_image_table(tmp_path)
    assert broken
    assert choose(SizesGiven(None, [broken]), CALIBRATED).notes == ()
    size = choose(SizesGiven(0.02, [broken]), BARE)
    assert size.nm == 0.02
    assert "metadata.csv: cannot be read" in size.notes[0]
    with pytest.raises(InputError, match=r"pixel size is unknown \(.*metadata\.csv: cannot be read"):
        choose(SizesGiven(None, [broken]), BARE)


def test_reported_files(samples: Path) -> None:
    folder = samples / "reported" / "foreign_table"
    (micrograph,) = read(folder / "d22_calibrated.tif", tables=[find_image_table(folder)])
    assert micrograph.pixel_size_nm == pytest.approx(0.02)
    (micrograph,) = read(samples / "reported" / "mrc_one_angstrom.mrc", 0.02)
    assert micrograph.pixel_size_from == "the file"
    assert micrograph.pixel_sizes_unused == {"pixel_size_nm": 0.02}
    assert any(note.startswith("pixel_size_nm=0.02 is not used") for note in micrograph.notes)
    sizes = read_calibration(samples / "reported" / "cal_cp1252.csv")
    assert sizes.pixel_size_nm("e13_exif3.png") == ("cal_cp1252.csv, line 2", 0.02)
