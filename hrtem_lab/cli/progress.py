"""Progress bars for everything that takes longer than a second."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hrtem_lab.progress import ProgressCallback

Item = TypeVar("Item")
console = Console()

NOTICES = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning, to its own developers
    r"The '\w+_dataloader' does not have many workers",  # Lightning: two cores are full with fewer
)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines as they are, none of them broken, so that paths and addresses can be copied."""
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def quiet() -> None:
    """Silence notices of libraries that are of no use to the user; their warnings and errors stay."""
    for name in ("mlflow", "pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # a line for each of its five tries to connect
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for notice in NOTICES:
        warnings.filterwarnings("ignore", message=f".*{notice}")


@contextmanager
def progress_bar(title: str) -> Iterator[ProgressCallback]:
    """Show a bar while this lasts; gives what moves it."""
    with _display() as progress:
        yield _callback(progress, progress.add_task(title, total=None))


@contextmanager
def nested_progress_bars(title: str, inner_title: str) -> Iterator[tuple[ProgressCallback, ProgressCallback]]:
    """Show a bar of all items, and below it one of the current item while that has more than one step left.

    Gives what moves the outer and the inner bar.
    """
    with _display() as progress:
        outer = progress.add_task(title, total=None)
        inner = progress.add_task(inner_title, total=None, visible=False)
        advance = _callback(progress, inner)

        def advance_inner(done: int, total: int) -> None:
            progress.update(inner, visible=done < total > 1)
            advance(done, total)

        yield _callback(progress, outer), advance_inner


def _display() -> Progress:
    """An empty display of bars with counts and times."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console)


def _callback(progress: Progress, task: TaskID) -> ProgressCallback:
    """Move the bar of a task."""
    return lambda done, total: progress.update(task, completed=done, total=total)


def track(items: Iterable[Item], title: str) -> Iterator[Item]:
    """Yield the items, with a bar."""
    items = items if isinstance(items, Sized) else list(items)
    with progress_bar(title) as advance:
        advance(0, len(items))
        for done, item in enumerate(items, start=1):
            yield item
            advance(done, len(items))
