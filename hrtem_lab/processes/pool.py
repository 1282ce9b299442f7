"""Children that run functions under limits of time and memory, and are replaced where they hang or die."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from hrtem_lab.interrupts import block_sigint
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import PACKAGE
from hrtem_lab.processes.child import FAILURE, MISTAKE, PROGRESS, READY
from hrtem_lab.progress import ProgressCallback

Value = TypeVar("Value")
START_LIMIT_S = 600.0
"""Time that a child has to start."""
DIED = "died"
"""Kind of an answer: the child has ended without one."""


class NoAnswer(Exception):
    """A child gave no answer: it `hung` for longer than a call may take, or it died, of which `reason` tells."""

    def __init__(self, reason: str, hung: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.hung = reason, hung


class Child:
    """One child, started at once and used for one call after another.

    Args:
        preload: Module that it imports before its first call.
        memory_limit_bytes: Limit of its memory where the operating system has one; 0 for none.
        threads: Number of threads of its numerical libraries.
    """

    def __init__(self, preload: str, memory_limit_bytes: int, threads: int) -> None:
        folders = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        command = [sys.executable, "-m", "hrtem_lab.processes.child", str(memory_limit_bytes), preload]
        with block_sigint():
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
        self._messages: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._started = False

    def call(self, call: bytes, time_limit_s: float | None, progress: ProgressCallback | None) -> tuple[str, Any]:
        """Kind and content of the answer to a pickled call.

        Raises:
            queue.Empty: There is no answer within the limit.
            NoAnswer: The child does not start.
        """
        if not self._started:
            try:
                kind, value = self._messages.get(timeout=START_LIMIT_S)
            except queue.Empty:
                raise NoAnswer(f"did not start within {START_LIMIT_S:g} s") from None
            if kind != READY:
                return kind, value
            self._started = True
        assert self._process.stdin is not None
        with suppress(OSError):  # a child that is dead says so as its answer
            pickle.dump(call, self._process.stdin)
            self._process.stdin.flush()
        deadline = None if time_limit_s is None else time.monotonic() + time_limit_s
        while True:
            left_s = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            kind, value = self._messages.get(timeout=left_s)
            if kind != PROGRESS:
                return kind, value
            if progress is not None:
                progress(*value)

    def stop(self) -> None:
        """End the child, now."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def _listen(self) -> None:
        """Queue every message, so that waiting for one can end."""
        assert self._process.stdout is not None
        try:
            while True:
                self._messages.put(pickle.load(self._process.stdout))
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            self._messages.put((DIED, self._process.wait()))


class ChildPool:
    """Calls functions in child processes; a child that hangs or dies costs one call and is replaced.

    It starts one child when it is made, so make it before other slow work. A call that finds no child idle starts one:
    the next after a failure, and those of several threads.

    Args:
        preload: Module that a child imports before its first call.
        memory_limit_gib: Memory that a child may take, where the operating system has a limit; 0 for no limit.
        threads: Number of threads of the numerical libraries in a child.
    """

    def __init__(self, preload: str, memory_limit_gib: float = 0.0, threads: int = 1) -> None:
        self.preload, self.memory_limit_gib, self.threads = preload, memory_limit_gib, threads
        self._idle = queue.SimpleQueue[Child]()
        self._children: set[Child] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._idle.put(self._start())

    def call(
        self,
        function: Callable[..., Value],
        time_limit_s: float | None = None,
        progress: ProgressCallback | None = None,
    ) -> Value:
        """Call a function in a child, and return what it returns.

        Args:
            function: Function of a module without arguments, or a `functools.partial` of one; anything that can be
                pickled and called.
            time_limit_s: Time that the call may take; None for any.
            progress: Called with what the function reports to an argument `progress` that it then gets.

        Raises:
            InputError: The function raised it.
            NoAnswer: The call took too long, or the child died.
            MemoryError: The function needs more memory than a child may take.
            RuntimeError: The function raised another error, which the message names.
        """
        try:
            child = self._idle.get_nowait()
        except queue.Empty:
            child = self._start()
        call = pickle.dumps((function, progress is not None), protocol=5)
        try:
            kind, value = child.call(call, time_limit_s, progress)
        except BaseException as stop:  # too late, or Ctrl-C: its answer would be taken for that of the next call
            self._stop(child)
            if isinstance(stop, queue.Empty):
                raise NoAnswer(f"took longer than {time_limit_s:g} s", hung=True) from None
            raise
        if kind == DIED:
            self._stop(child)
            raise NoAnswer(_describe_exit(value))
        self._idle.put(child)
        if kind == MISTAKE:
            raise InputError(value)
        if kind == FAILURE:
            raise MemoryError if value == MemoryError.__name__ else RuntimeError(value)
        result: Value = value
        return result

    def close(self) -> None:
        """End all children, also those in the middle of a call."""
        with self._lock:
            self._closed = True
            children = list(self._children)
        for child in children:
            self._stop(child)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> Child:
        with self._lock:
            if self._closed:
                raise NoAnswer("the work was stopped")
            child = Child(self.preload, int(self.memory_limit_gib * 2**30), self.threads)
            self._children.add(child)
        return child

    def _stop(self, child: Child) -> None:
        child.stop()
        with self._lock:
            self._children.discard(child)


def _describe_exit(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
