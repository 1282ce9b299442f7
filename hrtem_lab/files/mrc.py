"""MRC files: images, stacks of images and volumes, with a header of 1024 bytes.

The header is that of MRC2014 (Cheng et al., J. Struct. Biol. 192, 146, 2015; https://www.ccpem.ac.uk/mrc_format), with
the marks that IMOD leaves in it (https://bio3d.colorado.edu/imod/doc/mrc_format.txt).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hrtem_lab.files.frames import Deferred, Frames, Length
from hrtem_lab.micrograph import InputError

SUFFIXES = (".mrc", ".mrcs", ".st", ".map")
"""The suffixes of MRC files."""
STACK_SUFFIXES = (".mrcs", ".st")
"""The suffixes of files that are stacks of images, whatever their space group says."""

_HEADER_BYTES = 1024
_NUMBER_TYPES = {0: "i1", 1: "i2", 2: "f4", 3: "i2,i2", 4: "c8", 6: "u2", 12: "f2", 16: "u1,u1,u1"}
"""Type of a pixel by the header's mode; 3 is a complex number of two integers, 16 is IMOD's colour."""
_PACKED_MODE = 101
_IMOD_STAMP, _SIGNED_FLAG = 1146047817, 1
_OLD_FEI_BYTES = 131072
"""Length of the extended header that FEI wrote before MRC2014, of which each image has 128 bytes."""
_FIELDS = np.dtype(
    {
        "names": [
            "size", "mode", "grid", "cell", "axes", "min", "max", "space_group", "extended_bytes", "extended_type",
            "version", "imod_stamp", "imod_flags", "machine",
        ],
        "offsets": [0, 12, 28, 40, 64, 76, 80, 88, 92, 104, 108, 152, 156, 212],
        "formats": [
            ("<i4", 3), "<i4", ("<i4", 3), ("<f4", 3), ("<i4", 3), "<f4", "<f4", "<i4", "<i4", "S4", "<i4", "<i4",
            "<i4", ("u1", 4),
        ],
        "itemsize": _HEADER_BYTES,
    }
)  # fmt: skip


def read_mrc(path: Path) -> list[Frames]:
    """Read an MRC file of either byte order; its pixels stay in the file until they are asked for.

    Raises:
        InputError: The pixels are packed, or of an unknown type.
        EOFError: The header promises more pixels than the file has.
        ValueError: The file does not begin with an MRC header.
    """
    header = _header(path)
    columns, rows, sections = (int(n) for n in header["size"])
    dtype, metadata = _number_type(header, path.name)
    offset = _HEADER_BYTES + int(header["extended_bytes"])
    promised = offset + columns * rows * sections * dtype.itemsize
    if promised > path.stat().st_size:
        raise EOFError(f"its header promises {sections} x {rows} x {columns} pixels, more than the file has")
    stored = (sections, rows, columns)
    order = _axes_to_zyx(header)
    lone = next((i for i in range(3) if stored[order[i]] == 1), None)  # of z, y and x, which a single image lacks
    image_axes = [i for i in range(3) if i != lone]
    shape = tuple(stored[order[i]] for i in image_axes)

    def load() -> npt.NDArray[Any]:
        pixels = np.fromfile(path, dtype, columns * rows * sections, offset=offset).reshape(stored)
        return _one_number(pixels).transpose(order).reshape(shape)

    space_group = int(header["space_group"])
    frames = Frames(
        Deferred(shape, _one_number(np.zeros(1, dtype)).dtype, load),
        _spacing(header, path, [2 - i for i in image_axes][-2:]),
        metadata,
        is_volume=1 <= space_group < 401 and path.suffix.lower() not in STACK_SUFFIXES,
        excluded=f"4-D data: a stack of volumes, {sections} sections in all" if 401 <= space_group <= 630 else "",
        notes=(*_default_cell_note(header), *(f"its bytes are read as {text}" for text in metadata.values())),
    )
    return [frames]


def _header(path: Path) -> Any:
    """The header's fields in the file's byte order."""
    raw = np.fromfile(path, np.uint8, _HEADER_BYTES)
    if raw.size < _HEADER_BYTES:
        raise EOFError(f"it has {raw.size} bytes, and the header alone has {_HEADER_BYTES}")
    orders = (_FIELDS, _FIELDS.newbyteorder(">"))
    for fields in orders if raw[212] != 0x11 else reversed(orders):
        header = raw.view(fields)[0]
        is_plausible = int(header["mode"]) in (*_NUMBER_TYPES, _PACKED_MODE) or 0 <= int(header["mode"]) <= 127
        if is_plausible and (header["size"] > 0).all() and int(header["extended_bytes"]) >= 0:
            return header
    raise ValueError("it does not begin with an MRC header")


def _number_type(header: Any, file_name: str) -> tuple[np.dtype[Any], dict[str, Any]]:
    """Type of a pixel, and what the metadata say of it."""
    mode = int(header["mode"])
    if mode == _PACKED_MODE:
        raise InputError(
            f"{file_name}: its pixels are packed, two of 4 bits in a byte (MRC mode 101), which is not read; unpack "
            "them, with `newstack -mode 0 in.mrc out.mrc` of IMOD"
        )
    if mode not in _NUMBER_TYPES:
        raise InputError(
            f"{file_name}: its pixels are of MRC mode {mode}, which no standard knows; export the file again"
        )
    dtype = np.dtype(_NUMBER_TYPES[mode]).newbyteorder(header.dtype["mode"].byteorder)
    if mode != 0:
        return dtype, {}
    signed, because = _bytes_are_signed(header)
    return np.dtype("i1" if signed else "u1"), {"mrc_bytes": f"{'signed' if signed else 'unsigned'} ({because})"}


def _bytes_are_signed(header: Any) -> tuple[bool, str]:
    """Whether bytes are signed, as the standard of 2014 has it, or unsigned, as in older files; and what says so.

    The order is that of IMOD, whose stamp comes with a flag for signed bytes, save that a negative minimum is a proof.
    """
    smallest, largest = float(header["min"]), float(header["max"])
    if smallest < 0 and smallest < largest:
        return True, "the header's minimum is negative"
    if int(header["imod_stamp"]) == _IMOD_STAMP:
        signed = bool(int(header["imod_flags"]) & _SIGNED_FLAG)
        return signed, f"IMOD's stamp {'with' if signed else 'without'} its flag for signed bytes"
    if largest > 127 and largest > smallest:
        return False, "the header's maximum is above 127"
    if int(header["version"]) // 10 == 2014:
        return True, "MRC2014"
    return False, "a header older than MRC2014"


def _one_number(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Pixels of several numbers as one: integer pairs become complex, colours grey."""
    names = pixels.dtype.names
    if names is None:
        return pixels
    if len(names) == 2:
        return np.asarray(pixels[names[0]] + 1j * pixels[names[1]], dtype=np.complex64)
    return np.asarray(sum(w * pixels[n] for n, w in zip(names, (0.299, 0.587, 0.114), strict=True)), dtype=np.float32)


def _axes_to_zyx(header: Any) -> tuple[int, int, int]:
    """Indices of z, y and x among the stored axes (sections, rows, columns); the usual order where none is given."""
    column, row, section = (int(axis) for axis in header["axes"])
    if sorted((column, row, section)) != [1, 2, 3]:
        return 0, 1, 2
    stored = [section, row, column]
    return stored.index(3), stored.index(2), stored.index(1)


def _spacing(header: Any, path: Path, axes: list[int]) -> tuple[Length, Length] | None:
    """Height and width of a pixel; None where the cell is zero or negative, which is how writers say that it is unset.

    Args:
        header: The header.
        path: The file, whose extended header may say the size as well.
        axes: Axes of the cell, of x, y and z, that are the rows and the columns of an image.
    """
    size_in_m = _fei_pixel_size_m(header, path)
    if size_in_m and int(header["extended_bytes"]) == _OLD_FEI_BYTES:
        return (size_in_m, "m"), (size_in_m, "m")
    cell, grid = header["cell"][axes], header["grid"][axes]
    if np.isfinite(cell).all() and (cell > 0).all() and (grid > 0).all():
        height, width = (float(length) / int(steps) for length, steps in zip(cell, grid, strict=True))
        return (height, "Å"), (width, "Å")
    return ((size_in_m, "m"), (size_in_m, "m")) if size_in_m else None


def _fei_pixel_size_m(header: Any, path: Path) -> float | None:
    """Pixel size in the extended header of FEI and Thermo Fisher, or None where there is no such header."""
    order = header.dtype["mode"].byteorder
    if header["extended_type"] in (b"FEI1", b"FEI2") and int(header["extended_bytes"]) >= 172:
        size = np.fromfile(path, np.dtype("f8").newbyteorder(order), 1, offset=_HEADER_BYTES + 156)
    elif int(header["extended_bytes"]) == _OLD_FEI_BYTES:
        size = np.fromfile(path, np.dtype("f4").newbyteorder(order), 1, offset=_HEADER_BYTES + 44)
    else:
        return None
    plausible = size.size == 1 and np.isfinite(size[0]) and 1e-13 < size[0] < 1e-6
    return float(size[0]) if plausible else None


def _default_cell_note(header: Any) -> tuple[str, ...]:
    """A line where a pixel is exactly 1 Å, which is what programs write when nobody has told them a size."""
    cell, grid = header["cell"][:2], header["grid"][:2]
    if (grid > 0).all() and (cell == grid).all():
        return ("the file says exactly 1 Å per pixel, which programs also write where nobody has set it",)
    return ()
