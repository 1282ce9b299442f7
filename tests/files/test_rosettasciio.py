from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import rsciio.digitalmicrograph
from rsciio.emd import file_writer as write_emd
from rsciio.pantarhei import file_writer as write_prz
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


def titled(title: str, units: tuple[str, str] = ("nm", "nm")) -> dict[str, Any]:
    """An image of this title."""
    image = signal(IMAGE, units=units)
    image["metadata"]["General"]["title"] = title
    return image


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
@pytest.mark.parametrize("are_named", [True, False])
def test_round_trip_through_rosettasciio(
    tmp_path: Path, write: Callable[[str, dict[str, Any]], None], units: tuple[str, ...], are_named: bool
) -> None:
    data = np.random.default_rng(0).random((6, 4, 5)[-len(units) :], np.float32)
    path = tmp_path / ("a.tif" if write is write_tiff else "a.emd")
    written = signal(data, scale=0.0153, units=units)
    for axis in written["axes"]:
        axis["name"] = axis["name"] if are_named else None
    write(str(path), written)
    micrographs = read(path)
    np.testing.assert_array_equal(np.stack([m.image for m in micrographs]).reshape(data.shape), data)
    assert all(m.pixel_size_nm == pytest.approx(0.0153) for m in micrographs)


def test_images_are_called_by_their_titles_and_chosen_by_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = [titled(name) for name in ("BF", "HAADF 1", "ADF/2")]
    assert [m.name for m in read_signals(tmp_path, monkeypatch, *signals)] == ["a_BF", "a_HAADF 1", "a_ADF_2"]
    for wanted in ("HAADF 1", "haadf*", "HAADF*"):
        (micrograph,) = read(tmp_path / "a.dm3", signal=wanted)
        assert micrograph.name == "a_HAADF 1"
        assert micrograph.notes == ("left out: BF, ADF/2 (not chosen); signal=<title> chooses one",)
    with pytest.raises(InputError, match=r"^a\.dm3: signal=EELS: no image has this title; it holds BF, HAADF 1, ADF/2"):
        read(tmp_path / "a.dm3", signal="EELS")


def test_a_single_image_keeps_its_name_and_has_to_be_the_wanted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (micrograph,) = read_signals(tmp_path, monkeypatch, titled("BF"))
    assert micrograph.name == "a"
    with pytest.raises(InputError, match="no image has this title; it holds BF"):
        read(tmp_path / "a.dm3", signal="HAADF")
    (micrograph,) = read_signals(tmp_path, monkeypatch, titled(""))
    assert read(tmp_path / "a.dm3", signal="HAADF")[0].notes == ("signal=HAADF is not used: the image has no title",)


@pytest.mark.parametrize(
    "title",
    [
        "iDPC", "dDPC", "Filtered iDPC", "A-C", "B-D", "Virtual BF", "virtual detector 1", "CoM x", "Half FFT", "Au",
        "Si K", "O-K", "Map Data - Au L", "Au at.%", "Pd Lα1",
    ],
)  # fmt: skip
def test_what_is_computed_from_other_data_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, title: str
) -> None:
    (micrograph,) = read_signals(tmp_path, monkeypatch, titled(title), titled("HAADF"))
    assert micrograph.name == "a_HAADF"
    assert micrograph.notes == (f"left out: {title} (computed from other data); signal=<title> chooses one",)
    assert read(tmp_path / "a.dm3", signal=title)[0].name.startswith("a_")
    (alone,) = read_signals(tmp_path, monkeypatch, titled(title))
    assert alone.name == "a"


@pytest.mark.parametrize(
    "title", ["DF4-A", "B", "C", "HAADF", "DF-I", "Ceta", "Sum (10 frames) from Au", "BF-S", "Survey", "I"]
)
def test_what_a_detector_measured_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, title: str) -> None:
    assert len(read_signals(tmp_path, monkeypatch, titled(title), titled("HAADF 2"))) == 2


def test_beside_spectra_a_letter_is_an_element(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spectrum = signal(np.zeros(7), units=("eV",))
    assert [m.name for m in read_signals(tmp_path, monkeypatch, titled("C"), titled("HAADF"), spectrum)] == ["a_HAADF"]


def test_maps_by_their_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    element = titled("map 1")
    element["metadata"]["Signal"]["signal_type"] = "EDS_TEM"
    assert [m.name for m in read_signals(tmp_path, monkeypatch, element, titled("HAADF"))] == ["a_HAADF"]


@pytest.mark.parametrize(
    ("name", "unit", "kind"),
    [
        ("Energy", "keV", ""),
        ("Wavelength", "nm", ""),
        ("z", "eV", ""),
        ("z", "nm", "EELS"),
        ("z", "", "CL"),
        ("z", "nm", "EDS_TEM"),
    ],
)
def test_spectrum_images_by_their_type_and_axes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, unit: str, kind: str
) -> None:
    spectrum_image = signal(np.zeros((7, 4, 5)), units=(unit, "nm", "nm"))
    spectrum_image["axes"][0]["name"] = name
    spectrum_image["metadata"]["Signal"]["signal_type"] = kind
    with pytest.raises(InputError, match=r"^a\.dm3: holds no image, only a spectrum image \(7 x 4 x 5\)"):
        read_signals(tmp_path, monkeypatch, spectrum_image)


def test_a_unit_is_no_energy_for_two_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(read_signals(tmp_path, monkeypatch, signal(np.zeros((3, 4, 5)), units=("levels", "nm", "nm")))) == 3


def test_uncalibrated_maps_beside_a_calibrated_image_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = titled("map 7", units=("", ""))
    (micrograph,) = read_signals(tmp_path, monkeypatch, bare, titled("HAADF"))
    assert micrograph.notes == ("left out: map 7 (without a calibration); signal=<title> chooses one",)


def test_a_scan_of_diffraction_patterns_is_refused_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = signal(np.zeros((3, 4, 5)), units=("s", "nm", "nm"))
    scan["data"] = np.zeros((2, 3, 4, 5))
    scan["axes"].insert(0, {**scan["axes"][0], "name": "t"})
    with pytest.raises(InputError, match=r"^a\.dm3: holds 4-D data \(2 x 3 x 4 x 5\)"):
        read_signals(tmp_path, monkeypatch, scan)


def test_panta_rhei(tmp_path: Path) -> None:
    data = np.random.default_rng(0).random((4, 5), np.float32)
    write_prz(str(tmp_path / "a.prz"), {**signal(data, scale=0.0153), "original_metadata": {}})
    (micrograph,) = read(tmp_path / "a.prz")
    np.testing.assert_array_equal(micrograph.image, data)
    assert micrograph.pixel_size_nm == pytest.approx(0.0153)


def test_all_frames_of_a_stack_beside_a_spectrum(sample: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "scan.emd"
    path.write_bytes(sample("rosettasciio_velox_tem_stack.emd").read_bytes())
    with h5py.File(path, "a") as file:
        file.create_group("Data/SpectrumImage/a")
        file["Data/SpectrumStream/a/Data"] = np.zeros((4, 1), np.uint16)
        file.require_group("Presentation/Displays/ImageDisplay")
    assert [m.name for m in read(path)] == ["scan_0000", "scan_0001"]


def test_large_gatan_files_stay_in_their_file(sample: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = sample("ondue2_Test_TEM_image.dm4")
    (expected,) = read(path)
    monkeypatch.setattr("hrtem_lab.files.rosettasciio._LAZY_BYTES", 0)
    (micrograph,) = read(path)
    np.testing.assert_array_equal(micrograph.image, expected.image)
    assert micrograph.image.flags.writeable


def test_reported_files(samples: Path) -> None:
    reported = samples / "reported"
    detectors = read(reported / "velox_three_detectors.emd")
    assert {m.name: m.image.mean() for m in detectors} == {
        f"velox_three_detectors_{name}": level for name, level in (("BF", 2000), ("DF4", 3000), ("HAADF", 1000))
    }
    (one,) = read(reported / "velox_three_detectors.emd", signal="HAADF")
    assert one.name == "velox_three_detectors_HAADF"
    segments = read(reported / "peer_velox_dpc.emd")
    assert sorted(m.name for m in segments) == [f"peer_velox_dpc_DF4-{segment}" for segment in "ABCD"]
    (note,) = segments[0].notes
    assert all(name in note for name in ("DPC (holds complex numbers)", "A-C", "B-D", "iDPC", "Filtered iDPC"))
    assert read(reported / "peer_velox_dpc.emd", signal="iDPC")[0].name == "peer_velox_dpc_iDPC"
    with pytest.raises(InputError, match="only a spectrum image"):
        read(reported / "peer_spectrum_image.dm4", 0.02)
