"""How a sweep and its worker processes respond to signals.

Ctrl-C in a terminal sends SIGINT to the command and to all its workers. Only the command responds to it: the first
time it asks the workers to stop after their running trials, the second time it ends them. SIGTERM to the command, as a
scheduler sends it, ends the workers at once. The command ends a worker by SIGTERM, which raises KeyboardInterrupt in
the worker, so that it can close its MLflow run.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType


class StopRequest(IntEnum):
    """How urgently the user wants a sweep to stop."""

    NONE = 0
    AFTER_RUNNING_TRIALS = 1
    IMMEDIATELY = 2


class Interrupts:
    """Keeps the most urgent stop request.

    Attributes:
        request: The most urgent request so far.
    """

    def __init__(self) -> None:
        self.request = StopRequest.NONE

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Respond to SIGINT or SIGTERM."""
        repeated = self.request is not StopRequest.NONE
        immediately = number == signal.SIGTERM or repeated
        self.request = StopRequest.IMMEDIATELY if immediately else StopRequest.AFTER_RUNNING_TRIALS


@contextmanager
def handle_interrupts() -> Iterator[Interrupts]:
    """Turn SIGINT and SIGTERM into stop requests while the context lasts."""
    interrupts = Interrupts()
    previous = {number: signal.signal(number, interrupts.on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def set_worker_signals() -> None:
    """Let this worker process ignore SIGINT and raise KeyboardInterrupt on SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
