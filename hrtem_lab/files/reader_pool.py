"""Files are read in child processes with a limit of time and memory, which are replaced where they hang or die."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from hrtem_lab.files.reader_process import FAILURE, MISTAKE, READY
from hrtem_lab.interrupts import block_sigint
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import PACKAGE

P = ParamSpec("P")
Value = TypeVar("Value")
START_LIMIT_S = 120.0
"""Time that a child has to start."""
DIED = "died"
"""Kind of an answer: the child has ended without one."""


class ReaderProcess:
    """One child, started at once and used for one call after another.

    Args:
        memory_limit_bytes: Limit of its memory where the operating system has one; 0 for none.
    """

    def __init__(self, memory_limit_bytes: int) -> None:
        folders = [str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
        # a thread of a numerical library takes address space, and reading needs none
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "hrtem_lab.files.reader_process", str(memory_limit_bytes)]
        with block_sigint():
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
        self._answers: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._started = False

    def call(self, time_limit_s: float, call: bytes) -> tuple[str, Any]:
        """Kind and content of the answer to a pickled call.

        Raises:
            queue.Empty: There is no answer within the limit.
        """
        if not self._started:
            kind, value = self._answers.get(timeout=START_LIMIT_S)
            if kind != READY:
                return kind, value
            self._started = True
        assert self._child.stdin is not None
        with suppress(OSError):  # a child that is dead says so as its answer
            self._child.stdin.write(call)
            self._child.stdin.flush()
        return self._answers.get(timeout=time_limit_s)

    def stop(self) -> None:
        """End the child, now."""
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def _listen(self) -> None:
        """Queue every answer, so that waiting for one can end."""
        assert self._child.stdout is not None
        try:
            while True:
                self._answers.put(pickle.load(self._child.stdout))
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            self._answers.put((DIED, self._child.wait()))


class ReaderPool:
    """Runs what reads files in a child process; a child that hangs or dies is replaced.

    It starts one child when it is made and needs about a second until the first answer, so make it before other slow
    work. A call that finds no child idle starts one: the next after a failure, and those of several threads.

    Args:
        time_limit_s: Time that a call may take.
        memory_limit_gib: Memory that a child may take, where the operating system has a limit.
    """

    def __init__(self, time_limit_s: float = 60.0, memory_limit_gib: float = 4.0) -> None:
        self.time_limit_s, self.memory_limit_gib = time_limit_s, memory_limit_gib
        self._idle = queue.SimpleQueue[ReaderProcess]()
        self._idle.put(self._start())

    def call(self, function: Callable[P, Value], path: Path, *args: P.args, **kwargs: P.kwargs) -> Value:
        """Call a function of a module in a child, and return what it returns.

        Args:
            function: Function that reads a file.
            path: The file, for messages.
            args: Arguments of the function.
            kwargs: Further arguments of the function.

        Raises:
            InputError: The function raised it, took too long or too much memory, or killed the child.
            RuntimeError: The function raised another error, which the message names.
        """
        try:
            reader = self._idle.get_nowait()
        except queue.Empty:
            reader = self._start()
        try:
            kind, value = reader.call(self.time_limit_s, pickle.dumps((function, args, kwargs), protocol=5))
        except BaseException as stop:  # too late, or Ctrl-C: its answer would be taken for that of the next call
            reader.stop()
            if isinstance(stop, queue.Empty):
                raise InputError(
                    f"{path.name}: cannot be read within {self.time_limit_s:g} s; it is probably damaged: export it "
                    "again, or allow more time with read_limit_s="
                ) from None
            raise
        if kind == DIED:
            reader.stop()
            raise InputError(
                f"{path.name}: its reader crashed ({_describe_exit(value)}); it is probably damaged: export it again"
            )
        self._idle.put(reader)
        if kind == MISTAKE:
            raise InputError(value if path.name in value else f"{path.name}: {value}")
        if kind == FAILURE:
            raise RuntimeError(value)
        result: Value = value
        return result

    def close(self) -> None:
        """End all idle children."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> ReaderProcess:
        return ReaderProcess(int(self.memory_limit_gib * 2**30))


def _describe_exit(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
