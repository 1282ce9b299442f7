"""Fixtures of the file formats: real instrument files, and writers for small ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"


@pytest.fixture
def sample() -> Callable[[str], Path]:
    """The path of a real instrument file; the test is skipped where it is absent."""

    def find(name: str) -> Path:
        path = SAMPLES / "formats" / name
        if not path.is_file():
            pytest.skip(f"{path} is absent")
        return path

    return find


@pytest.fixture
def image() -> npt.NDArray[np.uint16]:
    """An image whose rows and columns cannot be confused."""
    return np.random.default_rng(0).integers(0, 60_000, size=(17, 23), dtype=np.uint16)


@pytest.fixture
def write_mrc(tmp_path: Path) -> Callable[..., Path]:
    """Write an MRC2014 file: 1024 bytes of header and then the pixels; `fields` are bytes by where they stand in it."""

    def write(
        data: npt.NDArray[Any],
        cell_angstrom: float | None = None,
        mode: int = 2,
        fields: Mapping[int, bytes] | None = None,
    ) -> Path:
        images, rows, columns = data.shape[:3]
        grid = (columns, rows, images)
        header = bytearray(1024)
        header[0:16] = np.array([*grid, mode], "<u4").tobytes()
        if cell_angstrom is not None:
            header[28:40] = np.array(grid, "<u4").tobytes()
            header[40:52] = (np.array(grid) * cell_angstrom).astype("<f4").tobytes()
        header[208:212] = b"MAP "
        for offset, content in (fields or {}).items():
            header[offset : offset + len(content)] = content
        path = tmp_path / "volume.mrc"
        path.write_bytes(bytes(header) + data.tobytes())
        return path

    return write
