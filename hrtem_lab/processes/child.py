"""The process of a `hrtem_lab.processes.pool.ChildPool`: it answers calls until its parent ends.

It takes calls as pickles from its standard input and answers on what was its standard output. Both ends are ours:
nothing that a file holds is ever unpickled.
"""

from __future__ import annotations

import importlib
import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

from hrtem_lab.micrograph import InputError

READY, PROGRESS, RESULT, MISTAKE, FAILURE = "ready", "progress", "result", "mistake", "failure"
"""Kinds of a message: the process has started; steps done and all steps; a value; the message of an InputError; that of
any other error."""


def main() -> None:
    """Answer calls; the arguments are the limit of memory in bytes, 0 for none, and the module to import first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    limit_memory(int(sys.argv[1]))
    answers, source = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)  # what a library prints may not get between the answers
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # a process that a library forks would wait for a reader of sys.stdin
    importlib.import_module(sys.argv[2])  # before the clock of the first call starts
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(source, calls), daemon=True).start()
    _send(answers, READY, None)
    while True:
        function, reports = pickle.loads(calls.get())
        kind, value = _answer(function, partial(_send, answers, PROGRESS) if reports else None)
        _send(answers, kind, value)


def _receive(source: BinaryIO, calls: queue.SimpleQueue[bytes]) -> None:
    """Queue the calls, and end the process at once when its parent has ended, even in the middle of a call."""
    while True:
        try:
            calls.put(pickle.load(source))
        except (EOFError, OSError):
            os._exit(0)


def limit_memory(limit_bytes: int) -> None:
    """Limit the address space of this process, where the operating system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if limit_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def _answer(function: Callable[..., Any], report: Callable[[tuple[int, int]], None] | None) -> tuple[str, Any]:
    """Kind and content of the answer to a call; one that reports progress gets the keyword `progress`."""
    try:
        if report is None:
            return RESULT, function()
        return RESULT, function(progress=lambda done, total: report((done, total)))
    except InputError as error:
        return MISTAKE, str(error)
    except MemoryError:
        return FAILURE, MemoryError.__name__
    except Exception as error:
        return FAILURE, f"{type(error).__name__}: {error}"


def _send(answers: BinaryIO, kind: str, value: Any) -> None:
    """Write a message as one pickle."""
    pickle.dump((kind, value), answers, protocol=5)
    answers.flush()


if __name__ == "__main__":
    main()
