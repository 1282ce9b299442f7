"""Ctrl-C: which processes hear it, and whether it is behind an exit."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


def is_interrupt(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C is behind an exception: Lightning, for one, answers it by `sys.exit(1)`."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


@contextmanager
def block_sigint() -> Iterator[None]:
    """Start processes that never receive Ctrl-C, nor do those that they start; their parent has to end the work.

    SIGINT is blocked in this thread, which new processes inherit; one that arrives meanwhile is delivered afterwards.
    Windows has no signal masks. There the process ignores Ctrl-C for as long as the context lasts, which new processes
    inherit, too.
    """
    if sys.platform == "win32":
        ignore_ctrl_c = ctypes.windll.kernel32.SetConsoleCtrlHandler
        ignore_ctrl_c(None, True)
        try:
            yield
        finally:
            ignore_ctrl_c(None, False)
        return
    resource_tracker.ensure_running()  # when multiprocessing starts it, it unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
