"""Coordinates of the axes, as netCDF and NeXus keep them; the attributes are seen in `test_hdf5`."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from hrtem_lab.files import read
from hrtem_lab.micrograph import InputError


def write(path: Path, layout: str, unit: str, shape: tuple[int, ...] = (5, 8)) -> Path:
    """Images with coordinates of 0.02 along rows and columns and of 1 before them."""
    names = "tyx"[-len(shape) :]
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        dataset = group.create_dataset("signal", data=np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
        for axis, (name, length) in enumerate(zip(names, shape, strict=True)):
            group[name] = 3 + np.arange(length) * (1.0 if name == "t" else 0.02)
            group[name].attrs["units"] = "s" if name == "t" else unit
            if layout == "netCDF":
                group[name].make_scale(name)
                dataset.dims[axis].attach_scale(group[name])
        if layout == "NeXus":
            group.attrs.update(NX_class="NXdata", signal="signal", axes=list(names))
    return path


@pytest.mark.parametrize("layout", ["netCDF", "NeXus"])
@pytest.mark.parametrize("shape", [(5, 8), (3, 5, 8)])
def test_coordinates_of_the_axes(tmp_path: Path, layout: str, shape: tuple[int, ...]) -> None:
    micrographs = read(write(tmp_path / "a.h5", layout, "nm", shape))
    assert [m.image.shape for m in micrographs] == [(5, 8)] * (shape[0] if len(shape) == 3 else 1)
    assert micrographs[0].pixel_size_nm == pytest.approx(0.02)


@pytest.mark.parametrize("layout", ["netCDF", "NeXus"])
def test_coordinates_of_a_diffraction_pattern(tmp_path: Path, layout: str) -> None:
    with pytest.raises(InputError, match="is a diffraction pattern"):
        read(write(tmp_path / "a.h5", layout, "1/nm"), 0.02)


def test_coordinates_without_a_unit_are_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", "NeXus", "nm")
    with h5py.File(path, "a") as file:
        del file["entry/data/y"].attrs["units"]
    with pytest.raises(InputError, match="the pixel size is unknown"):
        read(path)
