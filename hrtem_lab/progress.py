"""How a long computation reports its progress to whoever shows it."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[int, int], None]
"""Called with the number of steps that are done and the number of all steps."""


def no_progress(done: int, total: int) -> None:
    """Report nothing."""
