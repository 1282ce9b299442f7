"""Settings of `predict` that say how files are read."""

from __future__ import annotations

import math
from typing import Any

from omegaconf import DictConfig

from hrtem_lab.files import check_choice
from hrtem_lab.micrograph import InputError


def read_options(config: DictConfig) -> dict[str, Any]:
    """The arguments of `read` that hold for every file.

    Raises:
        InputError: A value is not one that `read` takes, or files are to be overruled and nothing is given instead.
    """
    pixel_size_nm = check_pixel_size(config.pixel_size_nm)
    if not isinstance(config.overrule, bool):
        raise InputError(f"overrule={config.overrule}: expected true or false")
    if config.overrule and pixel_size_nm is None and not config.calibration:
        raise InputError("overrule=true: give pixel_size_nm or calibration, which is to count more than the files")
    return {
        "pixel_size_nm": pixel_size_nm,
        "overrule": config.overrule,
        "frames": check_choice(config.frames),
        "signal": None if config.signal is None else str(config.signal),
    }


def read_limits(config: DictConfig) -> tuple[float, float]:
    """Time (s) and memory (GiB) that a file may take to be read.

    Raises:
        InputError: One is no positive number.
    """
    for key in ("read_limit_s", "read_limit_gib"):
        if not _is_positive(config[key]):
            raise InputError(f"{key} is {config[key]}, expected a positive number, such as {key}=60")
    return float(config.read_limit_s), float(config.read_limit_gib)


def check_pixel_size(pixel_size_nm: Any) -> float | None:
    """The pixel size in nm that was given, if any.

    Raises:
        InputError: It is no positive number.
    """
    if pixel_size_nm is not None and not _is_positive(pixel_size_nm):
        raise InputError(
            f"pixel_size_nm is {pixel_size_nm}, expected a positive number of nm, such as pixel_size_nm=0.02"
        )
    return None if pixel_size_nm is None else float(pixel_size_nm)


def _is_positive(value: Any) -> bool:
    """Whether a setting is a finite number above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
