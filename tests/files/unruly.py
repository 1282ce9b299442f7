"""Readers that do what damaged files make real ones do."""

import os
import time
from pathlib import Path

import numpy as np

from hrtem_lab.files import read
from hrtem_lab.micrograph import InputError, Micrograph


def hang(*_: object) -> None:
    time.sleep(1000)


def read_or_hang(path: Path, **options: object) -> list[Micrograph]:
    """Read a file, but hang on one that is called torn."""
    if path.stem == "torn":
        hang()
    return read(path, **options)  # type: ignore[arg-type]


def die(*_: object) -> None:
    os._exit(7)


def abort(*_: object) -> None:
    os.abort()


def devour(*_: object) -> int:
    return int(np.ones(2**31, dtype=np.float64).sum())


def refuse(name: str) -> None:
    raise InputError(f"{name}: is no micrograph")


def stumble(*_: object) -> None:
    raise ZeroDivisionError("by zero")


def chatter(number: int) -> int:
    """Print as libraries of C do, then answer."""
    os.write(1, b"a library's greeting\n" * 1000)
    return number


def draw(name: str) -> list[Micrograph]:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    return [Micrograph(image=image, pixel_size_nm=0.1, name=name, metadata={"shape": (3, 4)})]


def process(*_: object) -> int:
    return os.getpid()
