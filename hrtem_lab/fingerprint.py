"""Fingerprints: short names for data and settings, equal only where the content is."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any


def fingerprint(content: Any) -> str:
    """Return 16 hexadecimal digits for anything that JSON can hold; the order of keys does not matter.

    Raises:
        TypeError: JSON cannot hold a part of it.
    """
    return fingerprint_bytes(json.dumps(content, sort_keys=True).encode())


def fingerprint_bytes(content: bytes) -> str:
    """Return 16 hexadecimal digits for a sequence of bytes: the first of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]


def fingerprint_file(path: Path) -> str:
    """Return 16 hexadecimal digits for the content of a file, which is read piece by piece.

    A file of the same place, size and time is read once in a process.

    Raises:
        OSError: The file cannot be read.
    """
    stat = path.stat()
    return _fingerprint_file(path.absolute(), stat.st_size, stat.st_mtime_ns)


@cache
def _fingerprint_file(path: Path, size: int, modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
