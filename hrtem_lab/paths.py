"""Where files are: what ships with the package, and where a command writes."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """A folder that ships with the package: inside it where it was installed, beside it in a checkout."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name


CONF = shipped("conf")
"""The configuration; absolute, so that a command works from any folder."""
MODELS = shipped("models")
"""The models that ship."""
SAMPLE = shipped("examples")
"""The micrograph that ships, with its label."""


def checkout() -> Path | None:
    """The folder of the repository's working copy that the package is imported from; None for an installed package."""
    folder = PACKAGE.parent
    return folder if (folder / "pyproject.toml").is_file() else None


def workspace() -> Path:
    """The folder of all that is written without a path of its own (`outputs/`, `mlflow.db`, caches).

    It is the checkout, from wherever a command is called there, and the current folder for an installed package.
    """
    return checkout() or Path.cwd()
