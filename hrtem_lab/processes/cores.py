"""Number of processors that this process may use."""

from __future__ import annotations

import os


def count_cores() -> int:
    """Number of processors that the operating system and the container (cgroup) let this process use."""
    from joblib import cpu_count

    return int(cpu_count())


def count_threads() -> int:
    """Number of threads for numerical work: `count_cores`, or OMP_NUM_THREADS where that asks for fewer."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(count_cores(), int(wanted)) if wanted.isdecimal() and int(wanted) else count_cores()
