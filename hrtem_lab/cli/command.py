"""From a command line to a main: what every command shares.

A command is a main of a few lines under `@command("train")`. This module composes its configuration with Hydra, lets
Hydra write nothing of its own, and ends after a mistake of the user with one line and exit code 2 instead of a
traceback. Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import functools
import io
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hrtem_lab.interrupts import is_interrupt
from hrtem_lab.paths import CONF

if TYPE_CHECKING:
    from omegaconf import DictConfig

Main = Callable[["DictConfig"], int | None]
"""A command, given its configuration; returns an exit code, or None for 0."""

DONE, FAILED, MISTAKE, PARTLY_DONE, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: all done; nothing could be done, or a fault of ours; a mistake of the user; some files failed; Ctrl-C."""

# What keeps Hydra from writing: no folder per run, no .hydra/, no log file. What the user gives comes later and wins.
_QUIET = ("hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=none", "hydra/hydra_logging=none")


def command(config_name: str, conf: Path = CONF) -> Callable[[Main], Callable[[], None]]:
    """Turn `main(config)` into a main without arguments that reads the command line.

    The process ends with the exit code that `main` returns, with 2 after a mistake of the user (one line on stderr),
    with 130 after Ctrl-C, and with 1 and a traceback after anything else. With HYDRA_FULL_ERROR=1 in the environment a
    mistake shows its traceback, too.
    In a multirun (`-m`) a job that fails does not stop the others.

    Args:
        config_name: File of `conf`, without suffix, that holds the command's settings.
        conf: Folder of the configuration.
    """

    def decorate(main: Main) -> Callable[[], None]:
        @functools.wraps(main)
        def run() -> None:
            _print_any_character()
            try:
                code = _run(main, config_name, conf, sys.argv[1:])
            except (KeyboardInterrupt, SystemExit) as stop:
                if not is_interrupt(stop):
                    raise
                print("stopped", file=sys.stderr)
                code = INTERRUPTED
            if code:
                sys.exit(code)

        return run

    return decorate


def _print_any_character() -> None:
    """Let a character that stdout's encoding lacks be printed as a question mark, not end the command.

    On Windows, what is printed to a file or a pipe is in an encoding of 256 characters.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")


def _run(main: Main, config_name: str, conf: Path, arguments: list[str]) -> int:
    """Answer `--help`, or run the command and report its mistakes. Returns the exit code."""
    from hrtem_lab.cli import argv, config_checks, help_text, user_errors

    if {"--help", "-h"} & set(arguments):
        print(help_text.text(main.__doc__ or "", config_name, conf))
        return 0
    arguments = [argv.quote_path(argv.rename(argument), conf) for argument in arguments]
    options, overrides = argv.split_options(arguments)
    if message := user_errors.check_argv(options, overrides):
        return _report(message)
    # a scheduler that stops the process ends it as Ctrl-C does, with everything written
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    verbose = os.environ.get("HYDRA_FULL_ERROR") == "1"
    codes: list[int] = []

    def job(config: DictConfig) -> None:
        error, code = None, None
        try:
            message = config_checks.check_config(config)
            if message is None:
                code = main(config)
        except Exception as caught:
            error, message = caught, user_errors.explain_runtime_error(caught, overrides)
        codes.append(_report(message, error, verbose) or code or DONE)

    try:
        _compose(functools.wraps(main)(job), config_name, conf, options, overrides)
    except Exception as error:  # main's own were caught above: this is Hydra composing the configuration
        return _report(user_errors.explain_compose_error(error, overrides, conf, config_name), error, verbose)
    return FAILED if FAILED in codes else max(codes, default=DONE)


def _report(message: str | None, error: Exception | None = None, verbose: bool = False) -> int:
    """Print a mistake in a line, any other error as a traceback. Returns the exit code, 0 where there is neither."""
    if error is not None and (message is None or verbose):
        traceback.print_exception(error)
    if message is not None:
        print(message, file=sys.stderr)
    return MISTAKE if message is not None else DONE if error is None else FAILED


def _compose(job: Main, config_name: str, conf: Path, options: list[str], overrides: list[str]) -> None:
    """Let Hydra compose the configuration and call `job` with it: once or, in a multirun, several times."""
    import hydra

    from hrtem_lab.cli.argv import quote

    before, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    with tempfile.TemporaryDirectory(prefix="hrtem_lab_") as scratch:  # a multirun insists on a file of its own
        quiet = [*_QUIET, f"hydra.sweep.dir={quote(scratch)}", "hydra.sweep.subdir=."]
        sys.argv = [sys.argv[0], *options, "--", *quiet, *overrides]
        os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints its own account of an error and exits
        try:
            hydra.main(version_base="1.3", config_path=str(conf), config_name=config_name)(job)()
        finally:
            sys.argv = before
            if full_error is None:
                del os.environ["HYDRA_FULL_ERROR"]
            else:
                os.environ["HYDRA_FULL_ERROR"] = full_error
