"""Origin of a number: code, versions and machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version

from hrtem_lab import __version__
from hrtem_lab.paths import checkout
from hrtem_lab.segmentation.device import describe_device

DISTRIBUTIONS = ("torch", "pytorch-lightning", "segmentation-models-pytorch", "abtem", "ase", "scikit-learn", "numpy")
"""Packages whose versions are recorded."""
UNKNOWN = "unknown"


def provenance() -> dict[str, str]:
    """Commit, whether files have changed since, versions and machine, as tags of a run."""
    status = _git("status", "--porcelain")
    return {
        "git.commit": _git("rev-parse", "HEAD"),
        "git.dirty": UNKNOWN if status == UNKNOWN else str(bool(status)),
        "version.hrtem_lab": __version__,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, {describe_device()}",
        "python": platform.python_version(),
        **{f"version.{name}": version(name) for name in DISTRIBUTIONS},
    }


def _git(*arguments: str) -> str:
    """Output of a git command in the checkout; `unknown` where there is none.

    An installed package is not asked: the repository around it, if any, is somebody else's.
    """
    folder = checkout()
    if folder is None:
        return UNKNOWN
    try:
        call = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(call, capture_output=True, encoding="utf-8", check=True)
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return done.stdout.strip()
