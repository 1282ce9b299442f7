"""Compression filters of HDF5 that h5py does not bring along."""

from __future__ import annotations

from typing import Any

import h5py

from hrtem_lab.micrograph import InputError

_NAMES = {
    305: "LZO", 307: "bzip2", 32000: "LZF", 32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "ZFP",
    32015: "Zstandard", 32017: "SZ", 32018: "FCIDECOMP", 32024: "SZ3", 32026: "Blosc2",
}  # fmt: skip
"""Filters by their number in the register of the HDF Group."""


def check_filters(item: Any, file_name: str) -> None:
    """Complain of a dataset whose pixels are compressed with a filter that is not installed.

    Raises:
        InputError: The filter is missing; the message names the package that has it.
    """
    if not isinstance(item, h5py.Dataset):
        return
    properties = item.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        code, _, _, name = properties.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            text = name.decode("ascii", errors="replace").partition(";")[0].strip("\0 ")
            filter_name = _NAMES.get(code) or text or f"the filter {code}"
            raise InputError(
                f"{file_name}: its pixels are compressed with {filter_name}, which needs the package hdf5plugin (pip "
                "install hdf5plugin); or save the file again with gzip"
            )
