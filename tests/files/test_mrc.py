"""MRC files: what their header says of bytes, cells and axes, and which of them are stacks and volumes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from hrtem_lab.files import read
from hrtem_lab.micrograph import InputError


def test_mrc(write_mrc: Callable[..., Path]) -> None:
    data = np.random.default_rng(0).random((3, 4, 5), np.float32)
    micrographs = read(write_mrc(data, cell_angstrom=1.5))
    np.testing.assert_array_equal(np.stack([m.image for m in micrographs]), data)
    assert [m.name for m in micrographs] == ["volume_0000", "volume_0001", "volume_0002"]
    assert micrographs[0].pixel_size_nm == pytest.approx(0.15)
    (single,) = read(write_mrc(data[:1], cell_angstrom=1.5))
    np.testing.assert_array_equal(single.image, data[0])


def test_mrc_without_a_cell_is_not_calibrated(write_mrc: Callable[..., Path]) -> None:
    data = np.ones((1, 4, 5), np.float32)
    for cell in (None, 0.0):
        with pytest.raises(InputError, match=r"^volume\.mrc: the pixel size is unknown"):
            read(write_mrc(data, cell_angstrom=cell))


def test_mrc_of_complex_numbers_is_refused(write_mrc: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="complex numbers"):
        read(write_mrc(np.ones((1, 4, 5), np.complex64), cell_angstrom=1.0, mode=4))


def test_either_byte_order(write_mrc: Callable[..., Path]) -> None:
    data = np.random.default_rng(0).random((1, 4, 5), np.float32)
    path = write_mrc(data.astype(">f4"), cell_angstrom=1.5)
    content = bytearray(path.read_bytes())
    content[:1024] = np.frombuffer(bytes(content[:1024]), "<u4").astype(">u4").tobytes()
    content[208:216] = b"MAP \x11\x11\0\0"
    path.write_bytes(bytes(content))
    (micrograph,) = read(path)
    np.testing.assert_array_equal(micrograph.image, data[0])
    assert micrograph.pixel_size_nm == pytest.approx(0.15)


def test_mrc_that_promises_too_much_is_refused_at_once(write_mrc: Callable[..., Path]) -> None:
    path = write_mrc(np.ones((1, 4, 5), np.float32))
    content = bytearray(path.read_bytes())
    content[0:12] = np.array([4000, 4000, 4000], "<u4").tobytes()
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"^volume\.mrc: .*promises 4000 x 4000 x 4000"):
        read(path)


BYTES = np.array([[[0, 1, 127], [128, 200, 255]]], np.uint8)
SIGNED, UNSIGNED = BYTES.view(np.int8)[0], BYTES[0]
IMOD = np.array([1146047817, 1], "<i4").tobytes()
OLD_IMOD = np.array([1146047817, 0], "<i4").tobytes()
MRC2014 = np.array([20140], "<i4").tobytes()


def limits(smallest: float, largest: float) -> dict[int, bytes]:
    return {76: np.array([smallest, largest, (smallest + largest) / 2], "<f4").tobytes()}


@pytest.mark.parametrize(
    ("fields", "expected", "because"),
    [
        ({152: IMOD}, SIGNED, "IMOD's stamp with its flag"),
        ({152: IMOD, 108: MRC2014} | limits(-128, 127), SIGNED, "minimum is negative"),
        ({152: OLD_IMOD}, UNSIGNED, "IMOD's stamp without its flag"),
        ({152: OLD_IMOD, 108: MRC2014} | limits(0, 255), UNSIGNED, "IMOD's stamp without its flag"),
        (limits(-128, 127), SIGNED, "minimum is negative"),
        (limits(0, 255), UNSIGNED, "maximum is above 127"),
        ({108: MRC2014} | limits(0, 255), UNSIGNED, "maximum is above 127"),
        ({108: MRC2014}, SIGNED, "MRC2014"),
        ({108: MRC2014} | limits(0, -1), SIGNED, "MRC2014"),  # a maximum below the minimum: not determined
        ({}, UNSIGNED, "older than MRC2014"),
    ],
)
def test_bytes_are_signed_or_not(
    write_mrc: Callable[..., Path], fields: dict[int, bytes], expected: npt.NDArray[np.int_], because: str
) -> None:
    (micrograph,) = read(write_mrc(BYTES, cell_angstrom=0.2, mode=0, fields=fields))
    np.testing.assert_array_equal(micrograph.image, expected)
    assert because in micrograph.metadata["mrc_bytes"]
    assert f"its bytes are read as {micrograph.metadata['mrc_bytes']}" in micrograph.notes
    assert micrograph.metadata["mrc_bytes"].startswith("signed" if expected is SIGNED else "unsigned")


@pytest.mark.parametrize("cell", [-1.0, -10.0, 0.0, np.nan])
def test_a_cell_that_nobody_set_is_no_calibration(write_mrc: Callable[..., Path], cell: float) -> None:
    path = write_mrc(np.ones((1, 4, 5), np.float32), cell_angstrom=cell)
    with pytest.raises(InputError, match="the pixel size is unknown"):
        read(path)
    assert read(path, 0.03)[0].pixel_size_nm == 0.03


def test_a_cell_of_one_angstrom_is_questioned(write_mrc: Callable[..., Path]) -> None:
    (micrograph,) = read(write_mrc(np.ones((1, 4, 5), np.float32), cell_angstrom=1.0))
    assert micrograph.pixel_size_nm == pytest.approx(0.1)
    assert any("exactly 1 Å per pixel" in note for note in micrograph.notes)
    assert not read(write_mrc(np.ones((1, 4, 5), np.float32), cell_angstrom=1.01))[0].notes


@pytest.mark.parametrize("mode", [1, 6, 12, 2])
def test_number_types(write_mrc: Callable[..., Path], mode: int) -> None:
    dtype = {1: "<i2", 6: "<u2", 12: "<f2", 2: "<f4"}[mode]
    data = np.arange(20).reshape(1, 4, 5).astype(dtype)
    np.testing.assert_array_equal(read(write_mrc(data, 0.2, mode))[0].image, data[0])


def test_colours_of_imod_become_grey(write_mrc: Callable[..., Path]) -> None:
    data = np.repeat(np.arange(20, dtype=np.uint8).reshape(1, 4, 5, 1), 3, axis=-1)
    np.testing.assert_allclose(read(write_mrc(data, 0.2, mode=16))[0].image, data[0, ..., 0], atol=1e-3)


@pytest.mark.parametrize(("mode", "complaint"), [(101, "packed, two of 4 bits.*newstack"), (77, "mode 77")])
def test_pixels_that_cannot_be_read_are_told(write_mrc: Callable[..., Path], mode: int, complaint: str) -> None:
    with pytest.raises(InputError, match=rf"^volume\.mrc: .*{complaint}"):
        read(write_mrc(np.zeros((1, 4, 5), np.float32), 0.2, mode))


@pytest.mark.parametrize("axes", [(1, 2, 3), (2, 1, 3), (1, 3, 2), (3, 2, 1), (2, 3, 1), (3, 1, 2), (0, 0, 0)])
def test_axes_in_any_order(write_mrc: Callable[..., Path], axes: tuple[int, int, int]) -> None:
    """The header says which of x, y, z the columns, the rows and the sections are."""
    volume = np.random.default_rng(0).random((3, 4, 5), np.float32)  # z, y, x
    order = axes if any(axes) else (1, 2, 3)
    stored = np.ascontiguousarray(volume.transpose([3 - axis for axis in reversed(order)]))
    path = write_mrc(stored, fields={64: np.array(axes, "<i4").tobytes()})
    content = bytearray(path.read_bytes())
    content[28:40] = np.array([5, 4, 3], "<i4").tobytes()
    content[40:52] = np.array([10, 8, 6], "<f4").tobytes()
    path.write_bytes(bytes(content))
    micrographs = read(path)
    np.testing.assert_array_equal(np.stack([m.image for m in micrographs]), volume)
    assert micrographs[0].pixel_size_nm == pytest.approx(0.2)


def test_a_single_image_with_rows_and_columns_exchanged(write_mrc: Callable[..., Path]) -> None:
    data = np.random.default_rng(0).random((1, 4, 5), np.float32)
    (micrograph,) = read(write_mrc(data, 2.0, fields={64: np.array([2, 1, 3], "<i4").tobytes()}))
    np.testing.assert_array_equal(micrograph.image, data[0].T)


VOLUME = {88: np.array([1], "<i4").tobytes()}


def test_a_volume_is_refused_unless_frames_are_chosen(write_mrc: Callable[..., Path]) -> None:
    data = np.random.default_rng(0).random((3, 40, 50), np.float32)
    path = write_mrc(data, 0.2, fields=VOLUME)
    with pytest.raises(InputError, match=r"^volume\.mrc: is a volume of 3 sections; give frames=sum .*frames=all"):
        read(path)
    assert [m.name for m in read(path, frames="all")] == ["volume_0000", "volume_0001", "volume_0002"]
    (one,) = read(path, frames=1)
    assert one.name == "volume_0001"
    np.testing.assert_array_equal(one.image, data[1])
    assert [m.name for m in read(path, frames="sum")] == ["volume_sum"]
    with pytest.raises(InputError, match="frames=3: it holds 3 frames, numbered 0 to 2"):
        read(path, frames=3)


def test_a_volume_of_one_section_is_an_image(write_mrc: Callable[..., Path]) -> None:
    assert [m.name for m in read(write_mrc(np.ones((1, 4, 5), np.float32), 0.2, fields=VOLUME))] == ["volume"]


@pytest.mark.parametrize("suffix", [".mrcs", ".st", ".ST"])
def test_stacks_by_their_suffix(write_mrc: Callable[..., Path], suffix: str) -> None:
    path = write_mrc(np.ones((3, 4, 5), np.float32), 0.2, fields=VOLUME)
    assert len(read(path.rename(path.with_suffix(suffix)))) == 3


def test_a_map_is_an_mrc_file(write_mrc: Callable[..., Path]) -> None:
    path = write_mrc(np.ones((3, 4, 5), np.float32), 0.2, fields=VOLUME)
    with pytest.raises(InputError, match="is a volume of 3 sections"):
        read(path.rename(path.with_suffix(".map")))


@pytest.mark.parametrize("count", [64, 65])
def test_long_stacks_are_refused(write_mrc: Callable[..., Path], count: int) -> None:
    path = write_mrc(np.ones((count, 4, 5), np.float32), 0.2)
    if count == 64:
        micrographs = read(path)
        assert len(micrographs) == 64
        assert any("holds 64 frames, each of which is read as a micrograph" in note for note in micrographs[0].notes)
        return
    with pytest.raises(InputError, match="holds 65 frames, more than the 64"):
        read(path)
    assert len(read(path, frames="all")) == 65


def test_volumes_in_a_row_are_no_images(write_mrc: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="holds no image, only 4-D data: a stack of volumes"):
        read(write_mrc(np.ones((6, 4, 5), np.float32), 0.2, fields={88: np.array([401], "<i4").tobytes()}))


@pytest.mark.parametrize("kind", [b"FEI1", b"FEI2", b""])
def test_pixel_size_in_the_extended_header(write_mrc: Callable[..., Path], kind: bytes) -> None:
    data = np.ones((1, 4, 5), np.float32)
    old = kind == b""
    extended = bytearray(131072 if old else 888)
    size = np.array([2e-11], "<f4" if old else "<f8").tobytes()
    start = 44 if old else 156
    extended[start : start + len(size)] = size
    fields = {92: np.array([len(extended)], "<i4").tobytes(), 104: kind}
    path = write_mrc(data, fields=fields)
    content = path.read_bytes()
    path.write_bytes(content[:1024] + bytes(extended) + content[1024:])
    assert read(path)[0].pixel_size_nm == pytest.approx(0.02)


def test_reported_files(samples: Path) -> None:
    reported = samples / "reported"
    (signed,) = read(reported / "mrc_signed_bytes.mrc")
    (twin,) = read(reported / "mrc_one_angstrom.mrc", 0.02, overrule=True)
    np.testing.assert_array_equal(signed.image + 128, twin.image)
    assert signed.pixel_size_nm == pytest.approx(0.02)
    assert twin.pixel_size_nm == 0.02
    for name in ("mrc_cell_minus_one", "peer_direct_electron_final"):
        assert read(reported / f"{name}.mrc", 0.02)[0].pixel_size_nm == 0.02
    with pytest.raises(InputError, match="is a volume of 30 sections"):
        read(reported / "peer_direct_electron_movie.mrc", 0.02)
    assert len(read(reported / "peer_direct_electron_movie.mrc", 0.02, frames="all")) == 30
