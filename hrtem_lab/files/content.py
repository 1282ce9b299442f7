"""Identity of a micrograph file: its content, whatever its name and date."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from hrtem_lab.files.labels import find_label
from hrtem_lab.files.tia import find_metadata


def content_digest(path: Path) -> str:
    """16 hexadecimal digits for the bytes of a file and of what is read with it: its label, and the `.emi` of a `.ser`.

    Raises:
        OSError: It cannot be read.
    """
    label = find_label(path)
    beside = [label, find_metadata(path) if path.suffix.lower() == ".ser" else None]
    return digest_files([path, *(file for file in beside if file is not None)])


def digest_files(paths: Iterable[Path]) -> str:
    """16 hexadecimal digits for the bytes of files, in this order; of a folder they are those of all that is in it.

    Raises:
        OSError: One cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        inside = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in inside:
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]
