"""Bars that show what is left."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from hrtem_lab.cli import progress


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> list[Progress]:
    """The display that is opened, on a terminal of 120 columns that is written to memory."""
    opened: list[Progress] = []
    screen = Console(file=io.StringIO(), force_terminal=True, width=120)
    monkeypatch.setattr(progress, "console", screen)
    make = progress._display
    monkeypatch.setattr(progress, "_display", lambda: opened.append(make()) or opened[-1])
    return opened


def shown(display: list[Progress]) -> dict[str, tuple[float, float | None]]:
    return {task.description: (task.completed, task.total) for task in display[0].tasks if task.visible}


def test_the_lower_bar_shows_while_there_is_more_than_one_step_and_one_is_left(display: list[Progress]):
    with progress.nested_progress_bars("Files", "Tiles") as (move, below):
        move(0, 2)
        assert shown(display) == {"Files": (0, 2)}
        below(1, 1)
        assert shown(display) == {"Files": (0, 2)}
        below(3, 16)
        assert shown(display) == {"Files": (0, 2), "Tiles": (3, 16)}
        below(16, 16)
        move(1, 2)
        assert shown(display) == {"Files": (1, 2)}


def test_items_pass_and_are_counted(display: list[Progress]):
    seen = [(item, shown(display)["Files"][0]) for item in progress.track(iter("abc"), "Files")]
    assert seen == [("a", 0), ("b", 1), ("c", 2)]
    assert shown(display) == {"Files": (3, 3)}
