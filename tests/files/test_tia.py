"""Files of TIA: what the series do not say, the `.emi` file beside them says."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from hrtem_lab.files import find_inputs, read
from hrtem_lab.micrograph import InputError

IMAGE = np.random.default_rng(0).integers(0, 999, size=(4, 5), dtype=np.uint16)


def write_ser(path: Path, image: npt.NDArray[Any] = IMAGE, step_m: float = 2e-11) -> Path:
    """A series of one image, version 0x0210."""
    rows, columns = image.shape
    dimension = struct.pack("<IddIII", 1, 0, 1, 0, 0, 0)
    header_bytes = 30 + len(dimension)
    start = header_bytes + 8
    header = struct.pack("<HHHIIIIII", 0x4949, 0x0197, 0x0210, 0x4122, 0x4152, 1, 1, header_bytes, 1)
    element = struct.pack("<ddiddiHII", 0, step_m, 0, 0, step_m, 0, 2, columns, rows) + image[::-1].tobytes()
    offsets = struct.pack("<II", start, start + len(element))
    path.write_bytes(header + dimension + offsets + element + struct.pack("<HHI", 0x4152, 0, 0))
    return path


def write_emi(path: Path, *modes: str, camera: bool = False) -> Path:
    """What TIA says of each series, between bytes of its own."""
    acquired = "<AcquireInfo><CameraNamePath>Ceta</CameraNamePath></AcquireInfo>" if camera else "<AcquireInfo/>"
    objects = [
        "<ObjectInfo><ExperimentalDescription><Root>"
        f"<Data><Label>Mode</Label><Value>{mode}</Value><Unit></Unit></Data>"
        "<Data><Label>High tension</Label><Value>300</Value><Unit>kV</Unit></Data>"
        f"</Root></ExperimentalDescription>{acquired}</ObjectInfo>"
        for mode in modes
    ]
    path.write_bytes(b"\x00\xff".join([b"head", *(xml.encode() for xml in objects), b"tail"]))
    return path


def test_a_series_alone(tmp_path: Path) -> None:
    (micrograph,) = read(write_ser(tmp_path / "a_1.ser"))
    np.testing.assert_array_equal(micrograph.image, IMAGE)
    assert micrograph.pixel_size_nm == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("mode", "camera", "is_image"),
    [
        ("TEM uP SA Zoom Image", True, True),
        ("TEM uP SA Zoom Diffraction", True, False),
        ("STEM nP SA Zoom Diffraction", False, True),
        ("STEM nP SA Zoom Diffraction", True, False),
    ],
)
@pytest.mark.parametrize("suffix", [".ser", ".emi"])
def test_the_description_says_what_the_metres_are(
    tmp_path: Path, mode: str, camera: bool, is_image: bool, suffix: str
) -> None:
    series = write_ser(tmp_path / "a [1]_1.ser")
    emi = write_emi(tmp_path / "a [1].emi", mode, camera=camera)
    path = series if suffix == ".ser" else emi
    if is_image:
        (micrograph,) = read(path)
        assert (micrograph.name, micrograph.metadata["voltage_kV"]) == (path.stem, 300.0)
    else:
        with pytest.raises(InputError, match="is a diffraction pattern"):
            read(path, 0.02)


def test_several_series_of_one_description(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        write_ser(tmp_path / f"a_{number}.ser", IMAGE + number)
    emi = write_emi(tmp_path / "a.emi", "TEM Image", "TEM Diffraction", *["TEM Image"] * 8)
    micrographs = read(emi)
    assert [m.name for m in micrographs] == ["a_1", "a_10"]
    np.testing.assert_array_equal(micrographs[1].image, IMAGE + 10)
    assert micrographs[0].notes[0].startswith("left out: 2 (is a diffraction pattern")


def test_a_description_without_its_series_is_told(tmp_path: Path) -> None:
    emi = write_emi(tmp_path / "a.emi", "TEM Image")
    write_ser(tmp_path / "ab_1.ser")
    with pytest.raises(InputError, match=r"^a\.emi: describes images that lie in a_1\.ser, which is missing"):
        read(emi)


def test_in_a_folder_no_image_is_read_twice(tmp_path: Path) -> None:
    write_ser(tmp_path / "a_1.ser")
    write_emi(tmp_path / "a.emi", "TEM Image")
    write_emi(tmp_path / "b.emi", "TEM Image")
    assert list(find_inputs(tmp_path)) == ["a_1", "b"]
    assert list(find_inputs(tmp_path / "a.emi")) == ["a"]


def test_the_real_file(sample: Callable[[str], Path]) -> None:
    by_description, alone = (read(sample(f"openncem_16_STOimage{end}"))[0] for end in (".emi", "_1.ser"))
    np.testing.assert_array_equal(by_description.image, alone.image)
    assert by_description.pixel_size_nm == alone.pixel_size_nm == pytest.approx(0.010013, rel=1e-3)
    assert by_description.metadata["voltage_kV"] == 80


def test_tia_diffraction_pattern(tmp_path: Path, sample: Callable[[str], Path]) -> None:
    content = sample("openncem_16_STOimage_1.ser").read_bytes()
    step = np.float64(read(sample("openncem_16_STOimage_1.ser"))[0].pixel_size_nm / 1e9)
    (found,) = {s for s in (step, np.nextafter(step, 0), np.nextafter(step, 1)) if s.tobytes() in content}
    (tmp_path / "a.ser").write_bytes(content.replace(found.tobytes(), np.float64(5e7).tobytes()))
    with pytest.raises(InputError, match=r"^a\.ser: is a diffraction pattern"):
        read(tmp_path / "a.ser")
