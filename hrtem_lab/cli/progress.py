"""Progress bars for everything that takes longer than a breath."""

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


def quiet() -> None:
    """Silence the notices of libraries that say nothing to our user; their warnings and errors stay."""
    for name in ("mlflow", "pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # a line for each of its five tries to connect
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for notice in NOTICES:
        warnings.filterwarnings("ignore", message=f".*{notice}")


@contextmanager
def bar(title: str) -> Iterator[ProgressCallback]:
    """A bar that is moved by calling (done, total)."""
    with _display() as progress:
        yield _move(progress, progress.add_task(title, total=None))


@contextmanager
def bars(title: str, below: str) -> Iterator[tuple[ProgressCallback, ProgressCallback]]:
    """Two bars, one of all items and below it one of the item at hand, which shows while more than one step is left."""
    with _display() as progress:
        whole, part = progress.add_task(title, total=None), progress.add_task(below, total=None, visible=False)
        move = _move(progress, part)

        def move_below(done: int, total: int) -> None:
            progress.update(part, visible=done < total > 1)
            move(done, total)

        yield _move(progress, whole), move_below


def _display() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console)


def _move(progress: Progress, task: TaskID) -> ProgressCallback:
    return lambda done, total: progress.update(task, completed=done, total=total)


def track(items: Iterable[Item], title: str) -> Iterator[Item]:
    """The items, with a bar."""
    items = items if isinstance(items, Sized) else list(items)
    with bar(title) as move:
        move(0, len(items))
        for done, item in enumerate(items, start=1):
            yield item
            move(done, len(items))
