from __future__ import annotations

import logging
import shutil
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from hrtem_lab.files import SUFFIXES, read
from hrtem_lab.micrograph import InputError

REAL = {
    "ondue2_Test_TEM_image.dm4": ((1, 477, 489), 0.015277),
    "rosettasciio_multi_signal.dm3": ((1, 512, 512), 0.017752),
    "scifireaders_velox_fei_emd_image.emd": ((1, 512, 512), 5.302),
    "openncem_berkeley_Acquisition_18.emd": ((1, 1024, 1024), 0.012247),
    "openncem_16_STOimage_1.ser": ((1, 1024, 1024), 0.010013),
    "openncem_temp.mrc": ((3, 128, 128), 0.2),
    "rosettasciio_velox_tem_stack.emd": ((2, 3, 3), 0.0081729),
    "rosettasciio_saved_with_DM.tif": ((1, 68, 68), 168.675),
    "rosettasciio_saved_with_imageJ.tif": ((1, 68, 68), 168.675),
    "rosettasciio_JEOL-SightX-TEM-mag-dummy.tif": ((1, 556, 556), 1.820789),
}
"""Number and shape of the images, and the pixel size in nm, from the notes that came with the files."""
UNCALIBRATED = "scifireaders_SI-Survey.dm3"
DTYPES = ["u1", "<u2", ">u2", "<i2", "<i4", "<u4", "<f4", ">f4", "<f8", ">f8"]


@pytest.mark.parametrize(("name", "expected"), REAL.items())
def test_real_files(sample: Callable[[str], Path], name: str, expected: tuple[tuple[int, int, int], float]) -> None:
    path = sample(name)
    micrographs = read(path, pixel_size_nm=99)
    stack = np.stack([m.image for m in micrographs])
    assert stack.shape == expected[0]
    for micrograph in micrographs:
        assert micrograph.pixel_size_nm == pytest.approx(expected[1], rel=1e-3)
        assert micrograph.metadata["source"] == name
        assert set(micrograph.metadata) <= {"source", "voltage_kV", "instrument", "exposure_s"}
    assert [m.name for m in micrographs] == (
        [path.stem] if len(stack) == 1 else [f"{path.stem}_{n:04d}" for n in range(len(stack))]
    )


def test_a_real_file_without_a_scale_takes_the_given_one(sample: Callable[[str], Path]) -> None:
    with pytest.raises(InputError, match=r"pixel_size_nm=.*name,pixel_size_nm.*metadata.csv"):
        read(sample(UNCALIBRATED))
    (micrograph,) = read(sample(UNCALIBRATED), pixel_size_nm=0.03, name="survey")
    assert (micrograph.name, micrograph.pixel_size_nm, micrograph.image.shape) == ("survey", 0.03, (512, 512))


@pytest.mark.parametrize("part", [0.0, 0.001, 0.01, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("name", [*REAL, UNCALIBRATED])
def test_a_part_of_a_real_file(
    sample: Callable[[str], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, part: float
) -> None:
    content = sample(name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(part * len(content))])
    with pytest.raises(InputError) as caught:
        read(tmp_path / name, pixel_size_nm=0.02)
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"\x00", b"name,pixel_size_nm\n" * 400, bytes(range(256)) * 40])
def test_garbage(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"garbage{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"^garbage\{suffix}: cannot be read as \{suffix} .*") as caught:
        read(path, pixel_size_nm=0.02)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".h5"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_part_of_a_written_file(tmp_path: Path, suffix: str, part: float) -> None:
    path, noise = tmp_path / f"a{suffix}", np.random.default_rng(0).integers(0, 256, size=(3, 64, 64), dtype=np.uint8)
    if suffix == ".tif":
        tifffile.imwrite(path, noise, photometric="minisblack", compression="zlib")
    elif suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["images"] = noise
    else:
        Image.fromarray(noise[0]).save(path)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(InputError, match=rf"^a\{suffix}: cannot be read"):
        read(path, pixel_size_nm=0.02)


def test_missing_files_folders_and_unknown_suffixes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^b\.dm3: no such file in "):
        read(tmp_path / "b.dm3")
    (tmp_path / "b.dm3").mkdir()
    with pytest.raises(InputError, match=r"^b\.dm3: is a folder"):
        read(tmp_path / "b.dm3")
    (tmp_path / "b.txt").touch()
    with pytest.raises(InputError, match=r"^b\.txt: the suffix is not read, expected one of \.dm3 "):
        read(tmp_path / "b.txt")


def test_a_suffix_in_capitals_and_a_name_with_anything(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    path = tmp_path / "Au [1] ü.2.TIFF"
    tifffile.imwrite(path, image)
    (micrograph,) = read(str(path), pixel_size_nm=0.02)
    assert micrograph.name == "Au [1] ü.2"


@settings(max_examples=40, deadline=None)
@given(st.data(), array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=12), st.sampled_from(DTYPES))
def test_tiff_round_trip(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, shape: tuple[int, ...], dtype: str
) -> None:
    limit = 2.0**99 if np.dtype(dtype).kind == "f" else 100
    values = data.draw(arrays(np.dtype(dtype), shape, elements={"min_value": 0, "max_value": limit}))
    path = tmp_path_factory.getbasetemp() / "round.tif"
    byteorder: Literal["<", ">"] = ">" if dtype[0] == ">" else "<"
    tifffile.imwrite(path, values, photometric="minisblack", compression="zlib", byteorder=byteorder)
    micrographs = read(path, pixel_size_nm=0.02)
    got = np.stack([m.image for m in micrographs])
    np.testing.assert_array_equal(got.reshape(shape), values.astype(np.float32))


@pytest.mark.parametrize("dtype", DTYPES)
def test_images_are_native_float32_contiguous_and_writable(tmp_path: Path, dtype: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = np.arange(40).reshape(2, 4, 5).astype(dtype)
    for micrograph in read(tmp_path / "a.h5", 0.02):
        assert micrograph.image.dtype == np.float32
        assert micrograph.image.dtype.isnative
        assert micrograph.image.flags.c_contiguous
        assert micrograph.image.flags.writeable


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, bad: float) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[1.0, bad]]))
    with pytest.raises(InputError, match=r"^a: NaN or infinite pixels: 1"):
        read(tmp_path / "a.tif", 0.02)


def test_a_broken_frame_costs_the_others_nothing(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).random((3, 5, 6), np.float32)
    frames[1, 2, 3] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", frames, photometric="minisblack")
    micrographs = read(tmp_path / "a.tif", 0.02)
    assert [m.name for m in micrographs] == ["a_0000", "a_0002"]
    assert all(any("left out: a_0001: NaN or infinite pixels: 1" in note for note in m.notes) for m in micrographs)


@pytest.mark.parametrize("given", [0, -1.0, np.nan])
def test_an_impossible_pixel_size_is_refused(tmp_path: Path, image: npt.NDArray[np.uint16], given: float) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image)
    with pytest.raises(InputError, match=r"^a: pixel_size_nm is"):
        read(tmp_path / "a.tif", given)


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = np.ones((4, 4), complex)
    with pytest.raises(InputError, match=r"^a\.h5: holds complex numbers"):
        read(tmp_path / "a.h5", 0.02)


@pytest.mark.parametrize("name", [*REAL, UNCALIBRATED])
def test_reading_is_silent_and_leaves_settings_alone(
    sample: Callable[[str], Path], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    path = sample(name)
    logger = logging.getLogger("rsciio")
    before = (list(warnings.filters), logger.level, list(logger.handlers), logger.propagate)
    read(path, 0.02)
    assert "".join(capfd.readouterr()) + caplog.text == ""
    assert (list(warnings.filters), logger.level, list(logger.handlers), logger.propagate) == before


def test_the_file_may_go_once_it_is_read(sample: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "temp.mrc"
    shutil.copyfile(sample("openncem_temp.mrc"), path)
    micrographs = read(path)
    expected = [m.image.copy() for m in micrographs]
    path.write_bytes(b"\x00" * path.stat().st_size)
    for micrograph, image in zip(micrographs, expected, strict=True):
        np.testing.assert_array_equal(micrograph.image, image)


def test_memory(tmp_path: Path) -> None:
    pixels = np.ones((1024, 1024), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    read(tmp_path / "a.tif", 0.02)  # imports
    tracemalloc.start()
    read(tmp_path / "a.tif", 0.02)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * pixels.size * np.dtype(np.float32).itemsize
