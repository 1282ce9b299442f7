"""HDF5 files: plain ones, those of Berkeley and of HyperSpy, by what is in them and not by their suffix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import zarr
from rsciio.hspy import file_writer as write_hspy

from hrtem_lab.files import find_inputs, read
from hrtem_lab.micrograph import InputError


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


@pytest.mark.parametrize("shape", [(40, 50, 2), (40, 50, 5), (2, 40, 50, 2)])
def test_channels_are_no_micrographs(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Probabilities of classes, as ilastik writes them: its axes last, with or without their names."""
    for suffix in ("h5", "hdf5"):
        with h5py.File(tmp_path / f"a.{suffix}", "w") as file:
            file["exported_data"] = np.zeros(shape, np.float32)
        with pytest.raises(InputError, match=r"channels per pixel|4-D data"):
            read(tmp_path / f"a.{suffix}", 0.02)


def axistags(keys: str) -> str:
    return json.dumps({"axes": [{"key": key, "typeFlags": 2, "resolution": 0, "description": ""} for key in keys]})


@pytest.mark.parametrize(
    ("keys", "shape", "found"),
    [
        ("cyx", (2, 5, 6), None),
        ("yxc", (5, 6, 1), 1),
        ("xy", (6, 5), 1),
        ("xyt", (6, 5, 3), 3),
        ("tcyx", (3, 1, 5, 6), 3),
        ("cyx", (3, 5, 6), 1),
    ],
)
def test_axes_that_ilastik_names(tmp_path: Path, keys: str, shape: tuple[int, ...], found: int | None) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("data", data=np.zeros(shape, np.float32)).attrs["axistags"] = axistags(keys)
    if found is None:
        with pytest.raises(InputError, match="holds no image, only 2 channels per pixel"):
            read(tmp_path / "a.h5", 0.02)
    else:
        assert [m.image.shape for m in read(tmp_path / "a.h5", 0.02)] == [(5, 6)] * found


def test_three_fractions_that_add_up_to_one_are_no_colours(tmp_path: Path) -> None:
    probabilities = np.random.default_rng(0).dirichlet((1, 1, 1), (12, 16)).astype(np.float32)
    for name, pixels in (("classes", probabilities), ("colours", probabilities * 2)):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["exported_data"] = pixels
    assert len(read(tmp_path / "colours.h5", 0.02)) == 1
    with pytest.raises(InputError, match=r"classes\.h5: holds no image, only 3 channels per pixel \(12 x 16 x 3\)"):
        read(tmp_path / "classes.h5", 0.02)


def test_four_dimensions_are_refused_as_such(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["scan"] = np.zeros((5, 6, 20, 20), np.uint8)
    with pytest.raises(InputError, match=r"^a\.h5: holds 4-D data \(5 x 6 x 20 x 20\), such as a scan of diffraction"):
        read(tmp_path / "a.h5", 0.02)


NION = json.dumps({"dimensional_calibrations": [{"scale": 0.02, "units": "nm"}, {"scale": 20, "units": "pm"}]})


@pytest.mark.parametrize(
    ("attributes", "size_nm"),
    [
        ({"element_size_um": [1.0, 2e-5, 2e-5]}, 0.02),
        ({"element_size_um": [2e-5, 2e-5]}, 0.02),
        ({"element_size_um": [1.0, 1.0, 1.0]}, None),  # what ImageJ writes where nothing is known
        ({"pixel_size_nm": [0.02, 0.02]}, 0.02),
        ({"pixelSize_A": 0.2}, 0.02),
        ({"pixel_size_um": "2e-5"}, 0.02),
        ({"pixel_size_nm": "fine"}, None),
        ({"properties": NION}, 0.02),
        ({"properties": "{}"}, None),
    ],
)
def test_calibrations(tmp_path: Path, attributes: dict[str, Any], size_nm: float | None) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("t0/channel0", data=np.zeros((5, 6), np.float32)).attrs.update(attributes)
    assert read(tmp_path / "a.h5", 9)[0].pixel_size_nm == pytest.approx(size_nm or 9)


def test_of_several_datasets_the_calibrated_one_or_the_chosen_one(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["before"], file["run/after"] = np.zeros((4, 4)), np.ones((4, 4))
    (micrograph,) = read(tmp_path / "a.h5", 0.02, signal="run/after")
    assert (micrograph.name, micrograph.image.mean()) == ("a_run_after", 1)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["before"].attrs["pixel_size_nm"] = 0.03
    (micrograph,) = read(tmp_path / "a.h5")
    assert (micrograph.name, micrograph.pixel_size_nm, micrograph.image.mean()) == ("a", 0.03, 0)
    assert any("run/after (without a calibration)" in note for note in micrograph.notes)


def test_a_set_of_images_may_be_large_and_a_movie_may_not(tmp_path: Path) -> None:
    for name in ("images", "movie"):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file[name] = np.zeros((100, 5, 6))
    assert len(read(tmp_path / "images.h5", 0.02)) == 100
    with pytest.raises(InputError, match=r"^movie\.h5: holds 100 frames"):
        read(tmp_path / "movie.h5", 0.02)


def test_a_missing_filter_names_the_package_that_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", data=np.zeros((64, 64)), compression="gzip")
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: False)
    monkeypatch.setattr("hrtem_lab.files.hdf5_filters._NAMES", {1: "Blosc"})
    with pytest.raises(InputError, match=r"compressed with Blosc, which needs the package hdf5plugin .*gzip"):
        read(tmp_path / "a.h5", 0.02)


IMAGE = np.random.default_rng(0).random((24, 32), np.float32)


def write_berkeley(
    path: Path, data: npt.NDArray[Any], names: list[str], units: list[str], version: int = 0, linear: bool = False
) -> Path:
    """A Berkeley EMD file as ncempy (0.2) and emdfile (1.0) write them: steps of 0.05 along every axis."""
    with h5py.File(path, "w") as file:
        file.attrs.update(version_major=version, version_minor=0 if version else 2)
        if version:
            file.attrs["emd_group_type"] = "file"
        group = file.create_group("root/im" if version else "data/converted")
        group.attrs["emd_group_type"] = "array" if version else 1
        group["data"] = data
        for number, (name, unit, length) in enumerate(
            zip(names, units, data.shape, strict=True), start=0 if version else 1
        ):
            group[f"dim{number}"] = np.arange(2 if linear else length) * 0.05
            group[f"dim{number}"].attrs.update(name=name, units=unit)
    return path


@pytest.mark.parametrize("suffix", ["emd", "h5", "hdf5"])
@pytest.mark.parametrize(("version", "linear"), [(0, False), (1, False), (1, True)])
@pytest.mark.parametrize("names", [["dim1", "dim2"], ["", ""], ["x", "x"], ["rows", "columns"], ["y", "x"]])
def test_berkeley_images_are_not_transposed(
    tmp_path: Path, names: list[str], version: int, linear: bool, suffix: str
) -> None:
    path = write_berkeley(tmp_path / f"a.{suffix}", IMAGE, names, ["nm", "n_m"], version, linear)
    (micrograph,) = read(path)
    np.testing.assert_array_equal(micrograph.image, IMAGE)
    assert micrograph.pixel_size_nm == pytest.approx(0.05)


def test_berkeley_images_whose_axes_are_named_x_and_y_are_put_in_order(tmp_path: Path) -> None:
    (micrograph,) = read(write_berkeley(tmp_path / "a.emd", IMAGE, ["x", "y"], ["nm", "nm"]))
    np.testing.assert_array_equal(micrograph.image, IMAGE.T)


def test_a_berkeley_stack(tmp_path: Path) -> None:
    data = np.random.default_rng(0).random((5, 24, 32), np.float32)
    micrographs = read(write_berkeley(tmp_path / "a.emd", data, ["dim1", "dim2", "dim3"], ["s", "nm", "nm"]))
    np.testing.assert_array_equal(np.stack([m.image for m in micrographs]), data)
    assert [m.pixel_size_nm for m in micrographs] == [pytest.approx(0.05)] * 5


@pytest.mark.parametrize(
    ("shape", "names", "units", "complaint"),
    [
        ((4, 5, 24, 32), ["Ry", "Rx", "Qy", "Qx"], ["nm", "nm", "A^-1", "A^-1"], r"holds 4-D data \(4 x 5 x 24 x 32\)"),
        ((4, 5, 24, 32), ["a", "b", "c", "d"], ["nm"] * 4, "holds 4-D data"),
        ((24, 32, 50), ["y", "x", "energy"], ["nm", "nm", "eV"], "only a spectrum image"),
        ((24, 32), ["Qy", "Qx"], ["A^-1", "A^-1"], "is a diffraction pattern"),
    ],
)
def test_berkeley_data_that_are_no_images(
    tmp_path: Path, shape: tuple[int, ...], names: list[str], units: list[str], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        read(write_berkeley(tmp_path / "a.emd", np.zeros(shape, np.float32), names, units), 0.02)


def test_slices_with_labels_are_called_by_them(tmp_path: Path) -> None:
    path = write_berkeley(tmp_path / "a.h5", np.stack([IMAGE, IMAGE + 1], -1), ["y", "x", "_labels_"], ["nm"] * 3, 1)
    with h5py.File(path, "a") as file:
        del file["root/im/dim2"]
        file["root/im/dim2"] = np.array(["BF", "ADF"], dtype=h5py.string_dtype())
    micrographs = read(path)
    assert [m.name for m in micrographs] == ["a_BF", "a_ADF"]
    np.testing.assert_array_equal(micrographs[1].image, IMAGE + 1)


def hyperspy_signal(data: npt.NDArray[Any], units: list[str], signal_axes: int = 2, kind: str = "") -> dict[str, Any]:
    names = ["energy" if unit == "eV" else "tzyx"[-len(units) :][i] for i, unit in enumerate(units)]
    axes = [
        {
            "_type": "UniformDataAxis", "name": name, "size": length, "scale": 0.05, "offset": 0.0, "units": unit,
            "navigate": i < data.ndim - signal_axes, "is_binned": False, "index_in_array": i,
        }
        for i, (name, unit, length) in enumerate(zip(names, units, data.shape, strict=True))
    ]  # fmt: skip
    return {
        "data": data,
        "axes": axes,
        "metadata": {"General": {"title": "a"}, "Signal": {"signal_type": kind}},
        "original_metadata": {},
        "learning_results": {},
        "models": {},
        "attributes": {"_lazy": False, "ragged": False},
        "tmp_parameters": {},
        "package_info": {"package": "hyperspy", "package_version": "2"},
    }


def write_zspy(path: Path, zipped: bool, signal: dict[str, Any]) -> None:
    """What HyperSpy writes in Zarr 2, with the tree of its HDF5 file; RosettaSciIO does not write it with Zarr 3."""
    write_hspy(str(path.with_suffix(".tmp")), signal, show_progressbar=False)
    store = zarr.storage.ZipStore(path, mode="w") if zipped else zarr.storage.LocalStore(path)
    root = zarr.open_group(store, mode="w", zarr_format=2)
    root.attrs.update({"file_format": "ZSpy", "file_format_version": "3.3"})

    def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            root.create_array(name, data=item[()])
        else:
            group = root.require_group(name)
            group.attrs.update({key: np.asarray(value).tolist() for key, value in item.attrs.items()})

    with h5py.File(path.with_suffix(".tmp")) as file:
        file.visititems(copy)
    path.with_suffix(".tmp").unlink()
    store.close()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("suffix", ["hspy", "hdf5", "h5", "zspy", "zipped zspy"])
def test_hyperspy_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix.split()[-1]}"
    if path.suffix == ".zspy":
        write_zspy(path, suffix.startswith("zipped"), hyperspy_signal(IMAGE, ["nm", "nm"]))
    else:
        write_hspy(str(path), hyperspy_signal(IMAGE, ["nm", "nm"]), show_progressbar=False)
    assert list(find_inputs(tmp_path)) == ["a"]
    assert list(find_inputs(path)) == ["a"]
    (micrograph,) = read(path)
    np.testing.assert_array_equal(micrograph.image, IMAGE)
    assert (micrograph.name, micrograph.pixel_size_nm) == ("a", pytest.approx(0.05))


@pytest.mark.parametrize(
    ("shape", "units", "signal_axes", "kind", "complaint"),
    [
        ((3, 4, 50), ["nm", "nm", "eV"], 1, "EELS", "only a spectrum image"),
        ((3, 4, 50), ["nm", "nm", "nm"], 1, "CL", "only a spectrum image"),
        ((24, 32), ["1/nm", "1/nm"], 2, "", "is a diffraction pattern"),
        ((24, 32), ["nm", "nm"], 2, "electron_diffraction", "only a diffraction pattern"),
        ((4, 5, 24, 32), ["nm", "nm", "1/nm", "1/nm"], 2, "electron_diffraction", "holds 4-D data"),
        ((50,), ["eV"], 1, "EDS_TEM", "only a spectrum"),
    ],
)
def test_hyperspy_data_that_are_no_images(
    tmp_path: Path, shape: tuple[int, ...], units: list[str], signal_axes: int, kind: str, complaint: str
) -> None:
    signal = hyperspy_signal(np.zeros(shape, np.float32), units, signal_axes, kind)
    write_hspy(str(tmp_path / "a.hspy"), signal, show_progressbar=False)
    with pytest.raises(InputError, match=complaint):
        read(tmp_path / "a.hspy", 0.02)


def test_reported_files(samples: Path) -> None:
    reported = samples / "reported"
    for name in ("berkeley_dim1_dim2.emd", "emd1.h5"):
        (micrograph,) = read(reported / name)
        assert (micrograph.image.shape, micrograph.pixel_size_nm) == ((24, 32), pytest.approx(0.05))
    stack = read(reported / "berkeley_stack_dim1_dim2.emd")
    assert [m.image.shape for m in stack] == [(24, 32)] * 5
    assert stack[0].pixel_size_nm == pytest.approx(0.05)
    with pytest.raises(InputError, match="2 channels per pixel"):
        read(reported / "c20_ilastik_prob.h5", 0.02)
