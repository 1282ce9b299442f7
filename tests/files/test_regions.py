"""Regions to leave out: mask images, and regions of interest of ImageJ."""

from pathlib import Path

import numpy as np
import pytest
import roifile
from PIL import Image

from hrtem_lab.files import LeftOut, read_region
from hrtem_lab.micrograph import InputError, Micrograph


@pytest.fixture
def micrograph() -> Micrograph:
    return Micrograph(image=np.zeros((60, 80), np.float32), pixel_size_nm=0.1, name="a")


def square() -> np.ndarray:
    """Rows 10 to 29 and columns 20 to 59."""
    region = np.zeros((60, 80), dtype=bool)
    region[10:30, 20:60] = True
    return region


def write(path: Path) -> Path:
    """The square as a mask image, a region of ImageJ, or two halves of it in a zip."""
    if path.suffix == ".png":
        Image.fromarray(np.uint8(255 * square())).save(path)
    elif path.suffix == ".roi":
        roifile.ImagejRoi.frompoints(np.array([[20, 10], [60, 10], [60, 30], [20, 30]])).tofile(path)
    else:
        halves = [
            roifile.ImagejRoi(
                roitype=roifile.ROI_TYPE.RECT, name=str(left), left=left, top=10, right=left + 20, bottom=30
            )
            for left in (20, 40)
        ]
        roifile.roiwrite(path, halves)
    return path


@pytest.mark.parametrize("suffix", [".png", ".roi", ".zip"])
def test_a_region_is_the_same_in_each_format(suffix: str, micrograph: Micrograph, tmp_path: Path):
    np.testing.assert_array_equal(read_region(write(tmp_path / f"a{suffix}"), micrograph), square())


def test_an_oval_of_imagej_covers_its_area(micrograph: Micrograph, tmp_path: Path):
    oval = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.OVAL, name="oval", left=10, top=20, right=50, bottom=40)
    oval.tofile(tmp_path / "a.roi")
    region = read_region(tmp_path / "a.roi", micrograph)
    assert np.count_nonzero(region) == pytest.approx(np.pi * 20 * 10, rel=0.02)
    assert region[30, 30]
    assert not region[20, 10]


def test_one_file_is_for_every_micrograph_and_a_folder_for_those_that_it_names(micrograph: Micrograph, tmp_path: Path):
    file = write(tmp_path / "a.roi")
    for place in (file, tmp_path):
        without = LeftOut(place).apply(micrograph, ["a"])
        np.testing.assert_array_equal(without.valid, ~square())
        assert without.notes == ("16.7% of the image is left out by a.roi",)
        assert without.field_nm2 == pytest.approx(0.1**2 * (60 * 80 - 800))
    assert LeftOut(file).apply(micrograph, ["b"]).valid is not None
    assert LeftOut(tmp_path).apply(micrograph, ["b"]) is micrograph


def test_what_shows_nothing_anyway_stays_left_out(micrograph: Micrograph):
    first = np.zeros((60, 80), dtype=bool)
    first[:5] = True
    assert np.count_nonzero(~micrograph.leave_out(first).leave_out(square()).valid) == 5 * 80 + 800


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("missing", "nothing is there; give a mask image"),
        ("a.txt", "the suffix is not read, expected a mask image"),
        ("other.png", r"shape \(9, 9\)"),
        ("whole.roi", "all of the image is left out"),
        ("line.roi", "holds a point or a line, expected areas"),
        ("torn.zip", r"torn\.zip: cannot be read"),
    ],
)
def test_a_mistake_is_said_in_a_line(content: str, message: str, micrograph: Micrograph, tmp_path: Path):
    path = tmp_path / content
    if content == "other.png":
        Image.fromarray(np.ones((9, 9), np.uint8)).save(path)
    elif content == "whole.roi":
        roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, name="all", right=80, bottom=60).tofile(path)
    elif content == "line.roi":
        roifile.ImagejRoi(roitype=roifile.ROI_TYPE.LINE, name="line", x1=1, y1=2, x2=30, y2=40).tofile(path)
    elif content != "missing":
        path.write_text("torn")
    with pytest.raises(InputError, match=message):
        LeftOut(path).apply(micrograph, ["a"])
