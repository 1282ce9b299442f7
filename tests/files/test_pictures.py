from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from hrtem_lab.files import read
from hrtem_lab.micrograph import InputError


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "I;16", "CMYK"])
def test_every_mode_of_the_same_grey(tmp_path: Path, mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(9, 7), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    if mode == "I;16":
        picture = Image.fromarray(pixels.astype(np.uint16))
    elif mode == "CMYK":
        picture = picture.convert("RGB").convert("CMYK")
    else:
        picture = picture.convert(mode)
    path = tmp_path / ("a.png" if mode != "CMYK" else "a.jpg")
    picture.save(path, dpi=(72, 72), quality=100)
    (micrograph,) = read(path, pixel_size_nm=0.02)
    np.testing.assert_allclose(micrograph.image, pixels, atol=0 if mode != "CMYK" else 12)


def test_alpha_is_ignored(tmp_path: Path) -> None:
    pixels = np.full((4, 5, 4), 80, np.uint8)
    pixels[:2, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert (read(tmp_path / "a.png", 0.02)[0].image == 80).all()


def test_one_bit_is_zero_and_one(tmp_path: Path) -> None:
    Image.fromarray(np.eye(5, dtype=bool)).save(tmp_path / "a.PNG")
    np.testing.assert_array_equal(read(tmp_path / "a.PNG", 0.02)[0].image, np.eye(5))


def test_print_resolution_is_no_calibration(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    for suffix in ("png", "jpg"):
        Image.fromarray((image // 256).astype(np.uint8)).save(tmp_path / f"a.{suffix}", dpi=(300, 300))
        with pytest.raises(InputError, match=rf"^a\.{suffix}: the pixel size is unknown.*no calibration"):
            read(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("shape", [(5, 6), (3, 5, 6), (3, 5, 6, 1), (1, 5, 6), (5, 6, 1)])
def test_hdf5_shapes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    data = np.arange(np.prod(shape), dtype=">f8").reshape(shape)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", data=data).attrs["pixel_size_nm"] = 0.03
        file["labels"] = np.zeros(shape)
        file["names"] = "text"
    micrographs = read(tmp_path / "a.h5")
    np.testing.assert_array_equal(np.stack([m.image for m in micrographs]), data.reshape(-1, 5, 6))
    assert all(m.pixel_size_nm == 0.03 for m in micrographs)
    assert micrographs[0].name == ("a_0000" if shape[0] == 3 else "a")


def test_hdf5_attribute_of_the_file_and_other_names(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.attrs["pixel_size_nm"] = 0.04
        file["scan/picture"] = np.eye(5) > 0
        file["scan/rows"] = np.arange(5)
    (micrograph,) = read(tmp_path / "a.hdf5", pixel_size_nm=0.02)
    np.testing.assert_array_equal(micrograph.image, np.eye(5))
    assert micrograph.pixel_size_nm == 0.04


def test_hdf5_colour_picture(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["picture"] = np.full((6, 5, 3), 7, np.uint8)
    assert read(tmp_path / "a.h5", 0.02)[0].image.shape == (6, 5)


def test_hdf5_with_several_candidates_lists_them(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["before"], file["run/after"] = np.zeros((4, 4)), np.zeros((2, 4, 4))
    with pytest.raises(InputError, match=r"^a\.h5: .*found before, run/after$"):
        read(tmp_path / "a.h5", 0.02)


def test_hdf5_without_images_and_without_calibration(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(4)
    with pytest.raises(InputError, match="found none"):
        read(tmp_path / "a.h5", 0.02)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.zeros((4, 4))
    with pytest.raises(InputError, match="the pixel size is unknown"):
        read(tmp_path / "a.h5")


@pytest.mark.parametrize("shape", [(0, 5, 5), (5, 0)])
def test_hdf5_without_pixels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = np.zeros(shape)
    with pytest.raises(InputError, match=r"^a\.h5: holds no pixels"):
        read(tmp_path / "a.h5", 0.02)
