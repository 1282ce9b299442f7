"""Progress bars for everything that takes longer than a breath."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

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
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for notice in NOTICES:
        warnings.filterwarnings("ignore", message=f".*{notice}")


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is moved by calling (done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def track(items: Iterable[Item], title: str) -> Iterator[Item]:
    """The items, with a bar."""
    items = items if isinstance(items, Sized) else list(items)
    with bar(title) as move:
        move(0, len(items))
        for done, item in enumerate(items, start=1):
            yield item
            move(done, len(items))
