"""Instrument files through RosettaSciIO: Gatan, Velox, HyperSpy, CEOS Panta Rhei."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hrtem_lab.files.frames import Frames, grey
from hrtem_lab.files.instrument_metadata import find_metadata
from hrtem_lab.files.spectra import is_energy, names_element

_ROW_NAME, _COLUMN_NAME = "y", "x"
_LAZY_BYTES = 2**29
"""Size of a Gatan file from which its pixels stay in it until they are asked for."""
_SPECTROSCOPY = re.compile(r"eels|eds|edx|x-?ray|cl\b|cl_|luminescence|raman", flags=re.IGNORECASE)
_DIFFRACTION = re.compile(r"diffraction", flags=re.IGNORECASE)
_DERIVED = re.compile(
    r"\b[id]?dpc\b|^[a-d]\s*-\s*[a-d]$|\bcom[ _-]?[xy]\b|cent(er|re) of mass"
    r"|virtual|\bfft\b|\bfiltered\b|\bcalculated\b",
    flags=re.IGNORECASE,
)
"""Titles of what is computed from other images: differential phase contrast, differences of segments, filters."""
_NO_TITLE = "Unrecognized_image_signal"
"""RosettaSciIO's title where it does not know what a Velox image is."""

Signal = Mapping[str, Any]
"""Result of RosettaSciIO for one data set: `data`, `axes`, `metadata`, `original_metadata`."""


def read_gatan(path: Path) -> list[Frames]:
    """Read a DigitalMicrograph file, DM3 or DM4."""
    options = {"lazy": True} if path.stat().st_size >= _LAZY_BYTES else {}
    return _all_frames(_signals("digitalmicrograph", path, **options))


def read_velox(path: Path) -> list[Frames]:
    """Read the images of a Velox file, stacks beside a spectrum with all their frames."""
    with h5py.File(path) as file:
        has_spectra = any(len(file[group]) > 0 for group in ("Data/SpectrumStream", "Data/Spectrum") if group in file)
    signals = _signals("emd", path, select_type="images", load_SI_image_stack=True)
    return _all_frames(signals, has_spectra)


def read_hyperspy(path: Path) -> list[Frames]:
    """Read a HyperSpy file in HDF5."""
    return _all_frames(_signals("hspy", path))


def read_hyperspy_zarr(path: Path) -> list[Frames]:
    """Read a HyperSpy file in Zarr, a folder or a zipped one."""
    return _all_frames(_signals("zspy", path))


def read_panta_rhei(path: Path) -> list[Frames]:
    """Read a file of CEOS Panta Rhei.

    Before its version 24.03 it pickled its metadata, of which RosettaSciIO loads numbers and NumPy arrays alone.
    """
    signals = _signals("pantarhei", path, allow_restricted_pickle=True)
    return _all_frames([{**signal, "axes": _panta_rhei_axes(signal)} for signal in signals])


def _panta_rhei_axes(signal: Signal) -> list[dict[str, Any]]:
    """The axes with the calibration by the user or of the image it was cut from; RosettaSciIO knows the device's."""
    axes, tags = signal["axes"], signal["original_metadata"]
    for key in ("user.calib", "inherited.calib"):
        calibrations = tags.get(key) or []
        if len(calibrations) == len(axes) and all(each and each.get("value") for each in calibrations[-2:]):
            sizes = tags.get("ref_size") or [axis["size"] for axis in axes]
            return [
                axis if not each else {**axis, "scale": each["value"] * size / axis["size"], "units": each.get("unit")}
                for axis, each, size in zip(axes, calibrations, sizes, strict=True)
            ]
    return list(axes)


def _signals(plugin: str, path: Path, **options: Any) -> list[Signal]:
    signals: list[Signal] = import_module(f"rsciio.{plugin}").file_reader(str(path), **options)
    return signals


def _all_frames(signals: Sequence[Signal], has_spectra: bool = False) -> list[Frames]:
    has_spectra = has_spectra or any(_is_spectral(signal) for signal in signals)
    return [build_frames(signal, has_spectra) for signal in signals]


def build_frames(signal: Signal, has_spectra: bool = False) -> Frames:
    """Tell the content of a data set: an image, a stack, or what it is instead.

    Args:
        signal: The data set.
        has_spectra: Whether the file holds spectra, so that an image called as an element is a map of it.
    """
    tags = signal["original_metadata"]
    data, axes = _rows_and_columns_last(signal["data"], signal["axes"])
    title = _title(signal)
    excluded = _why_no_image(signal)
    is_coloured = bool(data.dtype.names)
    if is_coloured and not excluded:
        data = grey([data[channel] for channel in "RGB"])
    height, width = (
        ((axis.get("scale", 0), axis.get("units")) for axis in axes[-2:]) if len(axes) > 1 else ((0, ""),) * 2
    )
    is_map = bool(_SPECTROSCOPY.search(_signal_type(signal))) or names_element(title, has_spectra)
    return Frames(
        data,
        (height, width),
        find_metadata(tags),
        title=title,
        is_derived=is_map or bool(_DERIVED.search(title)) or all(axis.get("navigate", False) for axis in axes),
        is_coloured=is_coloured,
        excluded=excluded,
    )


def _why_no_image(signal: Signal) -> str:
    """Name the content of a data set that is no image; '' where it may be one."""
    data, axes = signal["data"], signal["axes"]
    shape = " x ".join(map(str, data.shape))
    if not (data.dtype.kind in "biufc" or {"R", "G", "B"} <= set(data.dtype.names or ())):
        return "data that are no numbers"
    if _is_spectral(signal):
        return "a spectrum" if data.ndim < 2 else f"a spectrum image ({shape})"
    if data.ndim < 2:
        return f"a row of {data.size} numbers"
    if data.ndim < 4 and _DIFFRACTION.search(_signal_type(signal)):
        return "a diffraction pattern"
    navigates = [bool(axis.get("navigate", False)) for axis in axes]
    if any(navigates[-2:]) and not all(navigates):
        return f"a line scan ({shape})" if data.ndim == 2 else f"a spectrum image ({shape})"
    return ""


def _is_spectral(signal: Signal) -> bool:
    """Whether an axis is one of energies or wavelengths, or what is measured is a spectrum in every pixel."""
    axes = signal["axes"]
    if any(is_energy(axis.get("name"), axis.get("units")) for axis in axes):
        return True
    return len(axes) != 2 and bool(_SPECTROSCOPY.search(_signal_type(signal)))


def _signal_type(signal: Signal) -> str:
    return str(signal.get("metadata", {}).get("Signal", {}).get("signal_type") or "")


def _title(signal: Signal) -> str:
    """Name of the image or of its detector."""
    title = str(signal.get("metadata", {}).get("General", {}).get("title") or "")
    if title in ("", _NO_TITLE):
        result = signal["original_metadata"].get("BinaryResult", {})
        title = str(result.get("Detector") or "") if isinstance(result, Mapping) else ""
    return title.strip()


def _rows_and_columns_last(
    data: npt.NDArray[Any], axes: list[dict[str, Any]]
) -> tuple[npt.NDArray[Any], list[dict[str, Any]]]:
    """Bring the axes into the order (..., y, x) where their names tell another one."""
    names = [str(axis.get("name")).casefold() for axis in axes]
    if names.count(_ROW_NAME) != 1 or names.count(_COLUMN_NAME) != 1 or len(axes) != np.ndim(data):
        return data, axes
    last = [names.index(_ROW_NAME), names.index(_COLUMN_NAME)]
    order = [i for i in range(len(axes)) if i not in last] + last
    return data.transpose(order), [axes[i] for i in order]
