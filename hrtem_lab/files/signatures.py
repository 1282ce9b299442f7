"""The kind of a file by its first bytes, for messages about files that are not what their suffix says."""

from __future__ import annotations

from pathlib import Path

_HDF5 = (".h5", ".hdf5", ".emd", ".hspy")
_SIGNATURES: tuple[tuple[int, bytes, str, tuple[str, ...]], ...] = (
    (0, b"\x89PNG\r\n", "a PNG picture", (".png",)),
    (0, b"\xff\xd8\xff", "a JPEG picture", (".jpg", ".jpeg")),
    (0, b"II*\0", "a TIFF file", (".tif", ".tiff")),
    (0, b"MM\0*", "a TIFF file", (".tif", ".tiff")),
    (0, b"II+\0", "a TIFF file", (".tif", ".tiff")),
    (0, b"\x89HDF\r\n", "an HDF5 file", _HDF5),
    (0, b"\0\0\0\3\0", "a DM3 file", (".dm3",)),
    (0, b"\0\0\0\4\0", "a DM4 file", (".dm4",)),
    (0, b"II\x97\x01", "a series of TIA", (".ser",)),
    (208, b"MAP ", "an MRC file", (".mrc", ".mrcs", ".st", ".map")),
    (0, b"PK\3\4", "a ZIP archive", (".prz", ".zspy")),
    (0, b"GIF8", "a GIF picture", ()),
    (0, b"BM", "a BMP picture", ()),
    (0, b"%PDF", "a PDF document", ()),
    (0, b"\x1f\x8b", "a gzip archive", ()),
    (0, b"version https://git-lfs", "a pointer of Git LFS to a file that was not downloaded", ()),
    (0, b"<!DOCTYPE", "a web page", ()),
    (0, b"<html", "a web page", ()),
)
"""Offset, bytes, name, and the suffixes of such files."""


def describe_content(path: Path) -> str:
    """Name the kind of a file that is not what its suffix says, to end a sentence; '' where it is not known."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(256)
    except OSError:
        return ""
    if size == 0:
        return "it is empty; copy or export it again"
    for offset, mark, name, suffixes in _SIGNATURES:
        if head[offset : offset + len(mark)] == mark and path.suffix.lower() not in suffixes:
            way = f"; give it the suffix {suffixes[0]}" if suffixes else ""
            return f"it begins as {name} does{way}"
    return ""
