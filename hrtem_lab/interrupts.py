"""Ctrl-C, and how to tell that it is behind an exit."""

from __future__ import annotations


def interrupted(stop: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an exit: Lightning, for one, answers it by `sys.exit(1)`."""
    while stop is not None:
        if isinstance(stop, KeyboardInterrupt):
            return True
        stop = stop.__context__
    return False
