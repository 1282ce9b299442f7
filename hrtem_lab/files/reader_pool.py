"""Files are read in child processes with a limit of time and memory, which are replaced where they hang or die."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from hrtem_lab.micrograph import InputError
from hrtem_lab.processes.pool import ChildPool, NoAnswer

P = ParamSpec("P")
Value = TypeVar("Value")


class ReaderPool:
    """Runs what reads files in a child process, see `hrtem_lab.processes.pool.ChildPool`.

    Args:
        time_limit_s: Time that a call may take.
        memory_limit_gib: Memory that a child may take, where the operating system has a limit.
    """

    def __init__(self, time_limit_s: float = 60.0, memory_limit_gib: float = 4.0) -> None:
        self.time_limit_s = time_limit_s
        self._pool = ChildPool("hrtem_lab.files", memory_limit_gib)

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
            return self._pool.call(partial(function, *args, **kwargs), self.time_limit_s)
        except InputError as error:
            raise error if path.name in str(error) else InputError(f"{path.name}: {error}") from None
        except MemoryError:
            raise InputError(
                f"{path.name}: needs more memory than a file may take to be read; allow more with read_limit_gib="
            ) from None
        except NoAnswer as error:
            raise InputError(f"{path.name}: {self._explain(error)}") from None

    def _explain(self, error: NoAnswer) -> str:
        """Reason why a child gave no answer, and the way out."""
        if error.hung:
            return (
                f"cannot be read within {self.time_limit_s:g} s; it is probably damaged: export it again, or allow "
                "more time with read_limit_s="
            )
        return f"its reader crashed ({error.reason}); it is probably damaged: export it again"

    def close(self) -> None:
        """End all children."""
        self._pool.close()

    def __enter__(self) -> ReaderPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
