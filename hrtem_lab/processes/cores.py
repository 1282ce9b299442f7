"""Number of processors that this process may use."""

from __future__ import annotations

import os


def count_cores() -> int:
    """Number of processors that the operating system lets this process use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
