"""The parts of a logged model besides its weights: the package's own code, and the libraries that run it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from hrtem_lab.paths import PACKAGE

LIBRARIES = (
    *("torch", "torchvision", "segmentation-models-pytorch", "safetensors"),
    *("numpy", "scipy", "scikit-image", "opencv-python-headless", "contourpy", "pandas"),
    *("pillow", "joblib", "threadpoolctl", "platformdirs"),
)
"""Distributions that the segmenter imports or, as safetensors and torchvision, has imported by another library."""


def pin_requirements(libraries: Sequence[str] = LIBRARIES) -> list[str]:
    """Libraries that a logged model runs with, each pinned to the release of this environment.

    A local version such as 2.15.0+cpu is cut to the release: the general index holds no other.
    """
    return [f"{name}=={version(name).partition('+')[0]}" for name in libraries]


def copy_code(target: Path, package: Path = PACKAGE) -> Path:
    """Copy the Python files of the package into a folder.

    An installed package also holds the configuration and the shipped models, which a logged model does not need.

    Args:
        target: Folder that the package's folder is made in.
        package: Folder of the package.

    Returns:
        The new folder.
    """
    copy = target / package.name
    for file in sorted(package.rglob("*.py")):
        place = copy / file.relative_to(package)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    return copy


@contextmanager
def restore_search_path() -> Iterator[None]:
    """Undo what the block adds to Python's search path, which worker processes inherit.

    When MLflow logs a model it loads it once, and leaves the folder of its code on the path.
    """
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path = before
