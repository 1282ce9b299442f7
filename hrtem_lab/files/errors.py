"""Reading a file that may be missing, broken or of another kind: one line for the user, and silence otherwise."""

from __future__ import annotations

import gc
import logging
import re
import struct
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from logging.handlers import BufferingHandler
from pathlib import Path

import rsciio  # noqa: F401  # it sets up its logger when imported, which has to come before that is quieted

from hrtem_lab.files.signatures import describe_content
from hrtem_lab.micrograph import InputError

FOLDER_SUFFIXES = (".zspy",)
"""Suffixes of files that may be folders."""
INTERNALS = re.compile(
    r"NoneType|\\x|\bb'|\bobject\b|\bargument|subscriptable|iterable|callable|unpack|\bint\(\)|\bdtype|ndarray|"
    r"_\w+\(|buffer|codec|list index|tuple index|invalid literal|unsupported operand|unhashable|"
    r"truth value|[Ee]rrno|image file '|Object visitation"
)
"""Words of errors that speak to programmers."""
INTERNAL_ERRORS = (TypeError, ArithmeticError, NameError, AssertionError, RecursionError, JSONDecodeError, struct.error)
"""Errors whose words always do."""


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into an `InputError`, and keep what libraries say from the user.

    Raises:
        InputError: The file is missing or a folder; the block raised an exception; a part of the file is missing.
    """
    if not path.exists():
        raise InputError(f"{path.name}: no such file in {path.absolute().parent}")
    if not path.is_file() and path.suffix.lower() not in FOLDER_SUFFIXES:
        raise InputError(f"{path.name}: is a folder, expected a file")
    with _quiet() as messages:
        try:
            yield
            _check_complete(messages)
        except InputError:
            raise
        except Exception as error:  # a broken file can make a library raise anything
            traceback.clear_frames(error.__traceback__)
            gc.collect()  # with the line above: close the files that the library left open
            reason = describe_content(path) or explain(error)
            raise InputError(
                f"{path.name}: cannot be read as {path.suffix.lower()} ({reason}); is it complete and of this kind?"
            ) from error


def explain(error: Exception) -> str:
    """The reason that an error of a library gives, in one line; where it gives none to a reader of files, a plain one.

    Numbers, bytes, single names and the internals of a program (`'NoneType' object ...`) are no reasons.
    """
    if isinstance(error, PermissionError):
        return "you are not allowed to open it"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, INTERNAL_ERRORS):
        return "its content is damaged"
    reason = " ".join(str(error).split())[:200]
    words = re.findall(r"[^\W\d_]{2,}", reason)
    if len(words) >= 3 and not INTERNALS.search(reason) and reason.isprintable():
        return reason
    if isinstance(error, KeyError | IndexError | AttributeError):
        return "a part that such a file has to have is missing or damaged"
    return "its content is damaged"


@contextmanager
def _quiet() -> Iterator[BufferingHandler]:
    """No warnings, and log lines go to the handler only."""
    messages = BufferingHandler(capacity=10_000)
    loggers = [logging.getLogger(library) for library in ("rsciio", "tifffile")]
    before = [(logger.handlers, logger.propagate) for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.handlers, logger.propagate = [messages], False
        try:
            yield messages
        finally:
            for logger, (handlers, propagate) in zip(loggers, before, strict=True):
                logger.handlers, logger.propagate = handlers, propagate


def _check_complete(messages: BufferingHandler) -> None:
    """Raise where a part lies behind the end of the file, which tifffile only logs before it gives what is left."""
    if any(re.search(r"invalid .*offset", record.getMessage()) for record in messages.buffer):
        raise EOFError("a part of the file is missing")
