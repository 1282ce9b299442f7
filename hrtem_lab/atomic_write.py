"""Files that appear whole or not at all: each is written beside its place and then moved there."""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from hrtem_lab.micrograph import InputError

WINDOWS_PATIENCE_S = 2.0
WHOLE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""Errors that any other file on the disk would meet as well."""


class DiskError(InputError):
    """The disk is full or read-only, so that nothing else can be written either."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and move the file written there to `path`; make the folder if absent.

    If the block raises, an older file at `path` stays as it was and the temporary one is removed.

    Raises:
        InputError: The file cannot be written; a `DiskError` where no other could be either.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with move_when_written(path) as unfinished:
            yield unfinished
    except OSError as error:
        kind = DiskError if error.errno in WHOLE_DISK else InputError
        raise kind(f"{path}: cannot be written ({error.strerror or error})") from error


@contextmanager
def move_when_written(path: Path) -> Iterator[Path]:
    """Do the same as `atomic_write` in a folder that exists, and let an `OSError` pass as it is."""
    # the dot in front hides the unfinished file from whoever reads the folder
    unfinished = path.with_name(f".{path.name[:32]}.{uuid4().hex}.tmp")
    try:
        yield unfinished
        _replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _replace(source: Path, target: Path) -> None:
    """Move a file to the place of another.

    Windows refuses that while a process has the target open. Readers and virus scanners soon close it, so it is tried
    for `WINDOWS_PATIENCE_S`.

    Raises:
        PermissionError: The target stays open, as in a spreadsheet, or the folder cannot be written to.
    """
    deadline = time.monotonic() + WINDOWS_PATIENCE_S
    while sys.platform == "win32" and time.monotonic() < deadline:
        try:
            os.replace(source, target)
        except PermissionError:
            time.sleep(0.05)
        else:
            return
    os.replace(source, target)


def write_text(path: Path, text: str) -> None:
    """Write a text by `atomic_write`, in UTF-8 and with the same line ends on every system.

    Raises:
        InputError: The file cannot be written.
    """
    with atomic_write(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files of processes that were killed; no other process may be writing there."""
    for path in folder.glob(".*.tmp"):
        if re.fullmatch(r"\..{1,32}\.[0-9a-f]{32}\.tmp", path.name, flags=re.DOTALL):
            path.unlink(missing_ok=True)
