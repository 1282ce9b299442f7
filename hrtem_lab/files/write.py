"""Results to files. Each file appears whole or not at all: it is written beside its place and then moved there."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import tifffile

from hrtem_lab.atomic_write import atomic_write, write_text
from hrtem_lab.micrograph import FloatArray, InputError

SOFTWARE = "hrtem_lab"
"""Program that a mask names as its writer; another program that saves the mask leaves its own name, or none."""
_MOST_PARTICLES = int(np.iinfo(np.uint16).max)


def make_folder(output: str | Path) -> Path:
    """The folder of a command's `output`, made where it is not there.

    Raises:
        InputError: It cannot be made.
    """
    folder = Path(output).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output={output}: cannot be made ({error}); give a folder that can be written to") from error
    return folder


def write_mask(path: str | Path, instances: npt.NDArray[Any], pixel_size_nm: float | None = None) -> None:
    """Write particle numbers as a zlib-compressed uint16 TIFF.

    Args:
        path: The file; its folder is made where it is absent.
        instances: Particle number per pixel, 0 = background, (h, w) or (n, h, w), any integer or boolean type.
        pixel_size_nm: Side length of a pixel in nm, written as ImageJ does, which Fiji and `read` understand.

    Raises:
        InputError: The array has another number of axes or a number that uint16 cannot hold, or the file cannot be
            written.
    """
    path = Path(path)
    if instances.ndim not in (2, 3) or instances.size == 0:
        raise InputError(f"{path.name}: the mask has shape {instances.shape}, expected (h, w) or (n, h, w)")
    if instances.max() > _MOST_PARTICLES or instances.min() < 0:
        raise InputError(
            f"{path.name}: particle numbers from {instances.min()} to {instances.max()}, a uint16 TIFF holds 0 to "
            f"{_MOST_PARTICLES}; cut the image into smaller ones"
        )
    with atomic_write(path) as unfinished:
        tifffile.imwrite(
            unfinished,
            instances.astype(np.uint16),
            photometric="minisblack",
            compression="zlib",
            metadata=None,
            software=SOFTWARE,
            **calibration_tags(instances.shape, pixel_size_nm),
        )


def write_image(path: str | Path, image: FloatArray, pixel_size_nm: float) -> None:
    """Write an image as a zlib-compressed float32 TIFF, with its pixel size as ImageJ writes it.

    Raises:
        InputError: The file cannot be written.
    """
    with atomic_write(Path(path)) as unfinished:
        tags = calibration_tags(image.shape, pixel_size_nm)
        tifffile.imwrite(
            unfinished,
            image.astype(np.float32),
            photometric="minisblack",
            compression="zlib",
            metadata=None,
            **tags,
        )


def write_table(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table as a UTF-8 CSV file; its index is written where it has a name.

    Raises:
        InputError: The file cannot be written.
    """
    has_named_index = any(name is not None for name in frame.index.names)
    with atomic_write(Path(path)) as unfinished:
        frame.to_csv(unfinished, index=has_named_index, encoding="utf-8", lineterminator="\n")


def write_parquet(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table as a Parquet file, which keeps the types of its columns; its index is left out.

    Raises:
        InputError: The file cannot be written.
    """
    with atomic_write(Path(path)) as unfinished:
        frame.to_parquet(unfinished, index=False)


def write_json(path: str | Path, mapping: Mapping[str, Any]) -> None:
    """Write a mapping as UTF-8 JSON. NaN and infinity become null, NumPy values and paths what JSON has for them.

    Raises:
        InputError: The file cannot be written.
        TypeError: A value has no counterpart in JSON.
    """
    text = json.dumps(_plain(mapping), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(Path(path), text)


def calibration_tags(shape: tuple[int, ...], pixel_size_nm: float | None) -> dict[str, Any]:
    """Arguments for tifffile: ImageJ keeps the unit in the description and pixels per unit in the resolution tags."""
    if pixel_size_nm is None:
        return {}
    description = tifffile.imagej_description(shape, axes="TYX"[-len(shape) :], unit="nm")
    return {"description": description, "resolution": (1 / pixel_size_nm, 1 / pixel_size_nm), "resolutionunit": 1}


def _plain(value: Any) -> Any:
    """The same value in the types that JSON has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value
