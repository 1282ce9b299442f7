"""What the terminal shows while workers run trials."""

import io
from pathlib import Path

import pytest
from optuna.trial import TrialState
from rich.console import Console

from hrtem_lab.search import pool_view
from hrtem_lab.search.messages import EpochEnded, TrialEnded, TrialStarted
from hrtem_lab.search.pool_view import PoolView, format_minutes
from hrtem_lab.search.study import SharedStudy
from tests.search.studies import ask


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> PoolView:
    """A display on a terminal of 120 columns that is written to memory."""
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    monkeypatch.setattr(pool_view, "console", console)
    return PoolView(["val/dice"], 8)


def screen(view: PoolView) -> list[str]:
    console = Console(file=io.StringIO(), width=120)
    console.print(view.get_renderable())
    return [line.strip() for line in console.file.getvalue().splitlines()]


def printed(view: PoolView) -> str:
    return view.console.file.getvalue()


def test_every_worker_has_a_line(view: PoolView, study: SharedStudy) -> None:
    for worker in (1, 2):
        view.add_worker(worker)
    view.show_message(1, TrialStarted(4))
    view.show_message(1, EpochEnded(4, 2, 6, 0.51234))
    _, first, second = screen(view)
    assert first.startswith("worker 1 trial 4")
    assert first.endswith("epoch 2/6, val/dice 0.5123 0:00:00")
    assert second.startswith("worker 2 starting")
    view.show_message(1, TrialStarted(5))
    assert "epoch" not in screen(view)[1]
    view.remove_worker(2)
    assert len(screen(view)) == 2


def test_results_are_printed_above(view: PoolView) -> None:
    view.add_worker(1)
    view.show_message(1, TrialEnded(0, "COMPLETE", [0.51234], 61.2))
    view.show_message(1, TrialEnded(1, "PRUNED", None, 5.0))
    view.show_message(1, TrialEnded(2, "FAIL", None, 5.0))
    for line in ("trial 0: val/dice 0.5123, 61 s", "trial 1: pruned, 5 s", "trial 2: failed, 5 s"):
        assert line in printed(view)


def test_the_state_of_the_study_comes_first(view: PoolView, study: SharedStudy, tmp_path: Path) -> None:
    view.add_worker(1)
    for values, state in (([0.25], TrialState.COMPLETE), (None, TrialState.PRUNED), (None, TrialState.FAIL)):
        study.tell(ask(study), values, state)
    view.show_message(1, TrialEnded(0, "COMPLETE", [0.25], 60.0))
    view.show_study(study)
    status = "2 of 8 trials done, 1 pruned, 1 failed, best val/dice 0.25 (trial 0), about 6 min left"
    assert screen(view)[0] == status


def test_durations() -> None:
    assert [format_minutes(seconds) for seconds in (3, 65, 3900)] == ["1 min", "1 min", "1 h 5 min"]
