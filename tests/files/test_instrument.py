from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import rsciio.digitalmicrograph
import tifffile
from rsciio.emd import file_writer as write_emd
from rsciio.tiff import file_writer as write_tiff

from hrtem_lab.files import read
from hrtem_lab.micrograph import InputError


def signal(data: npt.NDArray[Any], scale: float = 0.02, units: tuple[str, ...] = ("nm", "nm")) -> dict[str, Any]:
    """What RosettaSciIO gives and takes for one data set."""
    first = data.ndim - len(units)
    axes = [
        {
            "name": "zyx"[-len(units) :][i],
            "size": data.shape[first + i],
            "index_in_array": i,
            "scale": scale,
            "offset": 0.0,
            "units": unit,
            "navigate": i < len(units) - 2,
        }
        for i, unit in enumerate(units)
    ]
    return {
        "data": data,
        "axes": axes,
        "metadata": {"General": {"title": "a"}, "Signal": {"signal_type": ""}},
        "original_metadata": {},
    }


def read_signals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *signals: dict[str, Any]) -> Any:
    """Read a DM3 file that holds these data sets."""
    monkeypatch.setattr(rsciio.digitalmicrograph, "file_reader", lambda _: list(signals))
    (tmp_path / "a.dm3").touch()
    return read(tmp_path / "a.dm3")


IMAGE = np.arange(20.0).reshape(4, 5)


def test_images_are_taken_and_the_rest_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spectrum = signal(np.zeros(7), units=("eV",))
    spectrum_image = signal(np.zeros((3, 4, 5)), units=("eV", "nm", "nm"))
    line_scan = signal(np.zeros((4, 5)))
    line_scan["axes"][0]["navigate"] = True
    fft = signal(np.zeros((4, 5), complex), units=("1/nm", "1/nm"))
    micrographs = read_signals(
        tmp_path, monkeypatch, spectrum, signal(IMAGE), spectrum_image, line_scan, fft, signal(IMAGE + 1, scale=0.03)
    )
    assert [m.name for m in micrographs] == ["a_0000", "a_0001"]
    assert [m.pixel_size_nm for m in micrographs] == [0.02, 0.03]
    np.testing.assert_array_equal(micrographs[1].image, IMAGE + 1)


@pytest.mark.parametrize(
    ("only", "complaint"),
    [
        (signal(np.zeros(7), units=("eV",)), "holds no image"),
        (signal(np.zeros((4, 5), complex)), "complex numbers"),
        (signal(IMAGE, units=("1/nm", "1/nm")), "diffraction pattern"),
        (signal(IMAGE, units=("mrad", "mrad")), "diffraction pattern"),
        (signal(IMAGE, units=("", ""), scale=1.0), "the pixel size is unknown"),
    ],
)
def test_what_is_no_image_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=rf"^a\.dm3: .*{complaint}"):
        read_signals(tmp_path, monkeypatch, only)


def test_colours_of_gatan_become_grey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.full((4, 5), 9, dtype=[(channel, "u1") for channel in "RGBA"])
    (micrograph,) = read_signals(tmp_path, monkeypatch, signal(picture))
    assert (micrograph.image == 9).all()


def test_facts_of_the_file(sample: Callable[[str], Path]) -> None:
    (micrograph,) = read(sample("rosettasciio_multi_signal.dm3"))
    assert micrograph.metadata == {
        "voltage_kV": 300.0,
        "instrument": "Example Microscope",
        "source": "rosettasciio_multi_signal.dm3",
    }
    assert read(sample("rosettasciio_velox_tem_stack.emd"))[0].metadata["exposure_s"] == 0.8


@pytest.mark.parametrize("units", [("nm", "nm"), ("s", "nm", "nm")])
@pytest.mark.parametrize("write", [write_tiff, write_emd])
def test_round_trip_through_rosettasciio(
    tmp_path: Path, write: Callable[[str, dict[str, Any]], None], units: tuple[str, ...]
) -> None:
    data = np.random.default_rng(0).random((6, 4, 5)[-len(units) :], np.float32)
    path = tmp_path / ("a.tif" if write is write_tiff else "a.emd")
    write(str(path), signal(data, scale=0.0153, units=units))
    micrographs = read(path)
    np.testing.assert_array_equal(np.stack([m.image for m in micrographs]).reshape(data.shape), data)
    assert all(m.pixel_size_nm == pytest.approx(0.0153) for m in micrographs)


def test_berkeley_axes_are_found_by_their_names(tmp_path: Path) -> None:
    data = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    with h5py.File(tmp_path / "a.emd", "w") as file:
        file.attrs.update(version_major=0, version_minor=2)
        group = file.create_group("data/stack")
        group.attrs["emd_group_type"] = 1
        group["data"] = data
        for number, (name, size) in enumerate(zip(["time", "y", "x"], data.shape, strict=True), start=1):
            group[f"dim{number}"] = np.arange(size) * 0.2
            group[f"dim{number}"].attrs.update(name=name, units="[n_m]" if name != "time" else "[s]")
    micrographs = read(tmp_path / "a.emd")
    np.testing.assert_array_equal(np.stack([m.image for m in micrographs]), data)
    assert micrographs[0].pixel_size_nm == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("unit", "size_nm"), [("nm", 0.02), ("um", 20.0), ("\\u00B5m", 20.0), ("micron", 20.0), ("A", 0.002), ("pm", 2e-5)]
)
def test_imagej_units(tmp_path: Path, image: npt.NDArray[np.uint16], unit: str, size_nm: float) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(50, 50), metadata={"unit": unit})
    (micrograph,) = read(tmp_path / "a.tif", pixel_size_nm=9)
    assert micrograph.pixel_size_nm == pytest.approx(size_nm)
    np.testing.assert_array_equal(micrograph.image, image)


@pytest.mark.parametrize("unit", [None, "inch", "cm", "pixel"])
def test_imagej_print_units_are_no_calibration(tmp_path: Path, image: npt.NDArray[np.uint16], unit: str | None) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", image, imagej=True, resolution=(72, 72), metadata={"unit": unit} if unit else {}
    )
    with pytest.raises(InputError, match=r"^a\.tif: the pixel size is unknown"):
        read(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif", 0.05)[0].pixel_size_nm == 0.05


def test_fei_metadata(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    text = "[Scan]\r\nPixelWidth=2e-11\r\nPixelHeight=2e-11\r\n"
    tifffile.imwrite(tmp_path / "a.tif", image, extratags=[(34682, "s", 0, text, True)], metadata=None)
    assert read(tmp_path / "a.tif")[0].pixel_size_nm == pytest.approx(0.02)


def test_imagej_pixels_that_are_not_square(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(50, 25), metadata={"unit": "nm"})
    found = read(tmp_path / "a.tif", 0.05)[0]
    assert found.pixel_size_nm == pytest.approx(0.02)
    assert found.image.shape == (2 * image.shape[0], image.shape[1])


def test_imagej_without_resolution_tags(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image, description="ImageJ=1.53\nunit=nm\n", resolution=(0, 0), metadata=None)
    with pytest.raises(InputError, match="the pixel size is unknown"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("unit", ["INCH", "CENTIMETER", "NONE"])
def test_print_resolution_is_no_calibration(tmp_path: Path, image: npt.NDArray[np.uint16], unit: str) -> None:
    tifffile.imwrite(tmp_path / "a.tiff", image, resolution=(72, 72), resolutionunit=unit)
    with pytest.raises(InputError, match=r"^a\.tiff: the pixel size is unknown"):
        read(tmp_path / "a.tiff")


def test_tiff_thumbnails_are_left_out(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(image, metadata=None)
        tiff.write(image[::2, ::2].copy(), subfiletype=1, metadata=None)
    (micrograph,) = read(tmp_path / "a.tif", 0.02)
    np.testing.assert_array_equal(micrograph.image, image)


@pytest.mark.parametrize("extra", [1, 3, 4])
def test_tiff_channels_become_grey(tmp_path: Path, image: npt.NDArray[np.uint16], extra: int) -> None:
    alpha = np.zeros_like(image)
    channels = [image, alpha] if extra == 1 else [image, image, image, alpha][:extra]
    photometric = "minisblack" if extra == 1 else "rgb"
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack(channels, axis=-1), photometric=photometric, planarconfig="contig", metadata=None
    )
    (micrograph,) = read(tmp_path / "a.tif", 0.02)
    np.testing.assert_array_equal(micrograph.image, image)


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


def test_big_endian_mrc_is_told(write_mrc: Callable[..., Path]) -> None:
    path = write_mrc(np.zeros((1, 4, 5), ">f4"))
    content = bytearray(path.read_bytes())
    content[:1024] = np.frombuffer(bytes(content[:1024]), "<u4").astype(">u4").tobytes()
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"^volume\.mrc: is a big-endian MRC file, expected a little-endian one"):
        read(path)


@pytest.mark.parametrize(
    ("said", "size_nm"),
    [
        ({"PhysicalSizeX": 0.05, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.05, "PhysicalSizeYUnit": "nm"}, 0.05),
        ({"PhysicalSizeX": 5e-5, "PhysicalSizeY": 5e-5}, 0.05),
        ({"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "Å", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "Å"}, 0.05),
        ({"PhysicalSizeX": 0.05, "PhysicalSizeXUnit": "nm"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("images", [1, 2])
def test_ome_tiff(tmp_path: Path, said: dict[str, Any], size_nm: float | None, images: int) -> None:
    axes = "YX" if images == 1 else "TYX"
    tifffile.imwrite(
        tmp_path / "a.ome.tif", np.zeros((2, 8, 9), np.uint8)[:images].squeeze(), metadata={"axes": axes, **said}
    )
    micrographs = read(tmp_path / "a.ome.tif", 99)
    assert [m.pixel_size_nm for m in micrographs] == [pytest.approx(size_nm or 99)] * images


def test_mrc_that_promises_too_much_is_refused_at_once(write_mrc: Callable[..., Path]) -> None:
    path = write_mrc(np.ones((1, 4, 5), np.float32))
    content = bytearray(path.read_bytes())
    content[0:12] = np.array([4000, 4000, 4000], "<u4").tobytes()
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"^volume\.mrc: .*promises 4000 x 4000 x 4000"):
        read(path)


def test_tia_diffraction_pattern(tmp_path: Path, sample: Callable[[str], Path]) -> None:
    content = sample("openncem_16_STOimage_1.ser").read_bytes()
    step = np.float64(read(sample("openncem_16_STOimage_1.ser"))[0].pixel_size_nm / 1e9)
    (found,) = {s for s in (step, np.nextafter(step, 0), np.nextafter(step, 1)) if s.tobytes() in content}
    (tmp_path / "a.ser").write_bytes(content.replace(found.tobytes(), np.float64(5e7).tobytes()))
    with pytest.raises(InputError, match=r"^a\.ser: is a diffraction pattern"):
        read(tmp_path / "a.ser")
