"""Which running trials still have a living worker.

Every trial names its owner process. On the owner's machine the process table tells whether it lives. On other machines
heartbeats do: attributes of the trial that its worker renews. (Optuna has heartbeats for its relational storage only.)
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from optuna.trial import FrozenTrial, Trial

HEARTBEAT_INTERVAL_S = 15.0
"""Time between two heartbeats of a trial."""
GRACE_PERIOD_S = 90.0
"""Time without a heartbeat after which other machines consider a worker dead."""


def mark_owner(trial: Trial) -> None:
    """Record this process as the owner of a trial."""
    process = psutil.Process()
    trial.set_user_attr("owner", {"host": socket.gethostname(), "pid": process.pid, "begun": process.create_time()})


@contextmanager
def heartbeat(trial: Trial) -> Iterator[None]:
    """Send heartbeats of a trial from a thread while the context lasts."""
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(HEARTBEAT_INTERVAL_S):
            try:
                trial.set_user_attr("beat", time.time())
            except Exception as error:  # the storage is away, or the trial was failed: telling its result will show it
                logging.getLogger(__name__).warning("the heartbeat could not be sent: %s", error)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class LivenessMonitor:
    """Decides whether the owners of running trials are alive, as seen from this process."""

    def __init__(self) -> None:
        self._last_heartbeats: dict[int, tuple[Any, float]] = {}

    def is_alive(self, trial: FrozenTrial) -> bool:
        """Whether the owner of a running trial is alive. Call it with the study's lock held."""
        owner = trial.user_attrs.get("owner")
        if owner is None:  # its process died between creating the trial and naming itself: the lock is held here
            return False
        if owner["host"] == socket.gethostname():
            return _process_exists(owner["pid"], owner["begun"])
        # clocks of two machines may differ: this one measures how long a heartbeat has been the same
        value, now = trial.user_attrs.get("beat"), time.monotonic()
        last_value, since = self._last_heartbeats.setdefault(trial.number, (value, now))
        if value != last_value:
            self._last_heartbeats[trial.number] = value, now
            return True
        return now - since < GRACE_PERIOD_S


def _process_exists(pid: int, create_time: float) -> bool:
    """Whether the process that was created at this time still runs; a later one of the same number does not count."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - create_time) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
