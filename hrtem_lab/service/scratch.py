"""A folder of the service's own for uploads and results, which is emptied."""

from __future__ import annotations

import getpass
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from hrtem_lab.micrograph import InputError


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder that is removed at the end, and remove those of services that were killed.

    Args:
        parent: Folder of all such folders; by default one of this user in the system's temporary folder.

    Raises:
        InputError: The parent belongs to another user, or cannot be written.
    """
    folder = _own_folder(parent) / uuid4().hex
    lock = FileLock(folder.with_suffix(".lock"))
    with lock:
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    Path(lock.lock_file).unlink(missing_ok=True)


def _own_folder(parent: Path | None) -> Path:
    """The parent, made where it is absent, without what was left there."""
    parent = parent or Path(tempfile.gettempdir()) / f"hrtem_lab_serve_{getpass.getuser()}"
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if parent.is_symlink() or parent.owner() != getpass.getuser():
            raise InputError(f"{parent}: belongs to another user; remove it, or set TMPDIR to another folder")
        _remove_abandoned(parent)
    except OSError as error:
        raise InputError(f"{parent}: cannot be written ({error.strerror or error}); set TMPDIR to another") from error
    return parent


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders whose service has ended: the operating system has given up its lock."""
    for path in parent.glob("*.lock"):
        try:
            with FileLock(path, timeout=0):
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        except Timeout:
            continue
        path.unlink(missing_ok=True)
