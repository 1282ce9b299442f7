"""The process in which files are read: a file that hangs or kills its reader costs itself alone.

It takes calls as pickles from its standard input and answers on what was its standard output, until the input ends.
Both ends are ours: nothing that a file holds is ever unpickled.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys

from hrtem_lab.micrograph import InputError

READY, RESULT, MISTAKE, FAILURE = "ready", "result", "mistake", "failure"
"""Kinds of an answer: the process has started; a value; the message of an InputError; that of any other error."""


def main() -> None:
    """Answer calls until there are no more; the first argument is the limit of memory in bytes, 0 for none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    limit_memory(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints may not get between the answers
    import hrtem_lab.files  # noqa: F401 - loaded before the clock of the first call starts

    calls = sys.stdin.buffer
    _send(answers, READY, None)
    while True:
        try:
            function, arguments, keywords = pickle.load(calls)
        except EOFError:
            return
        kind, value = _answer(function, arguments, keywords)
        _send(answers, kind, value)


def limit_memory(limit_bytes: int) -> None:
    """Limit the address space of this process, where the operating system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if limit_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def _answer(function: object, arguments: tuple[object, ...], keywords: dict[str, object]) -> tuple[str, object]:
    """Kind and content of the answer to a call."""
    try:
        return RESULT, function(*arguments, **keywords)  # type: ignore[operator]
    except InputError as error:
        return MISTAKE, str(error)
    except MemoryError:
        return MISTAKE, "needs more memory than a file may take to be read; allow more with read_limit_gib="
    except Exception as error:
        return FAILURE, f"{type(error).__name__}: {error}"


def _send(answers: object, kind: str, value: object) -> None:
    """Write an answer as one pickle."""
    pickle.dump((kind, value), answers, protocol=5)  # type: ignore[arg-type]
    answers.flush()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
