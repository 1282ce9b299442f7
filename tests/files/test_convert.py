"""Arrays, paths and signals of HyperSpy to the same micrograph."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from hrtem_lab.files import read, to_micrograph
from hrtem_lab.micrograph import InputError


@pytest.fixture
def image() -> np.ndarray:
    """Noise with an empty border of 20 columns."""
    image = np.random.default_rng(0).normal(1000, 30, (90, 120)).astype(np.float32)
    image[:, :20] = 0
    return image


@pytest.fixture
def file(image: np.ndarray, tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(20, 20), metadata={"unit": "nm"})
    return tmp_path / "a.tif"


def test_an_array_and_its_file_are_the_same_micrograph(image: np.ndarray, file: Path):
    from_array, from_file = to_micrograph(image, 0.05), to_micrograph(file)
    np.testing.assert_array_equal(from_array.image, from_file.image)
    np.testing.assert_array_equal(from_array.valid, from_file.valid)
    assert not from_array.valid[:, :20].any()
    assert from_array.pixel_size_nm == pytest.approx(from_file.pixel_size_nm)
    assert (from_array.name, from_file.name) == ("image", "a")
    assert image[0, 0] == 0  # the caller's array is as it was


def test_the_table_beside_a_file_says_its_pixel_size(image: np.ndarray, tmp_path: Path):
    tifffile.imwrite(tmp_path / "b.tif", image)
    (tmp_path / "metadata.csv").write_text("name,pixel_size_nm\nb,0.04\n")
    assert to_micrograph(str(tmp_path / "b.tif")).pixel_size_nm == 0.04


def test_a_micrograph_stays_as_it_is(file: Path):
    (micrograph,) = read(file)
    assert to_micrograph(micrograph) is micrograph


def test_a_signal_of_hyperspy_brings_its_calibration_and_its_title(image: np.ndarray):
    import hyperspy.api as hs  # takes seconds

    signal = hs.signals.Signal2D(image)
    signal.metadata.General.title = "gold"
    for axis in signal.axes_manager.signal_axes:
        axis.scale, axis.units = 0.5, "Å"
    micrograph = to_micrograph(signal)
    assert (micrograph.name, micrograph.pixel_size_nm) == ("gold", pytest.approx(0.05))
    np.testing.assert_array_equal(micrograph.image, to_micrograph(image, 0.05).image)


@pytest.mark.parametrize(
    ("given", "pixel_size_nm", "message"),
    [
        (np.zeros((9, 9)), None, "an array says no pixel size; give pixel_size_nm"),
        (np.zeros((9, 9, 3)), 0.1, r"shape \(9, 9, 3\), expected numbers \(rows, columns\)"),
        (np.full((9, 9), "a"), 0.1, "expected numbers"),
    ],
)
def test_what_is_no_image_is_refused_in_a_line(given: np.ndarray, pixel_size_nm: float | None, message: str):
    with pytest.raises(InputError, match=message):
        to_micrograph(given, pixel_size_nm)


def test_a_file_of_several_images_is_not_one(image: np.ndarray, tmp_path: Path):
    tifffile.imwrite(tmp_path / "film.tif", np.stack([image] * 3), photometric="minisblack")
    with pytest.raises(InputError, match=r"film\.tif: holds 3 images, expected one; choose it"):
        to_micrograph(tmp_path / "film.tif", 0.05)
