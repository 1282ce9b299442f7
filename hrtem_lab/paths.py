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


def workspace() -> Path:
    """The folder of all that is written without a path of its own (`outputs/`, `mlflow.db`, caches).

    It is the checkout, from wherever a command is called there, and the current folder for an installed package.
    """
    checkout = PACKAGE.parent
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()
