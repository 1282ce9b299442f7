"""Workers as processes: two that share a study, one that is killed, Ctrl-C."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from hrtem_lab.search.study import SharedStudy
from tests.search.toy import OVERRIDES

TOY = [*OVERRIDES, "name=toy", "pruner=none", "sampler=random"]


def trials(folder: Path) -> list[FrozenTrial]:
    storage = JournalStorage(JournalFileBackend(str(folder / "out" / "study.journal")))
    return optuna.load_study(study_name="toy_unet", storage=storage).trials


def when(condition: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Act, in a thread, as soon as a condition holds."""

    def watch() -> None:
        ends = time.monotonic() + 900
        while not condition() and time.monotonic() < ends:
            time.sleep(0.05)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.slow
def test_two_workers_share_a_study_and_one_that_is_killed_is_replaced(
    call_sweep, store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    fail_stale_trials = SharedStudy.fail_stale_trials
    # as if the other worker always were the first to find the dead trial
    monkeypatch.setattr(SharedStudy, "fail_stale_trials", lambda study: fail_stale_trials(study)[:0])
    hangs = tmp_path / "hangs"
    killed = when(
        lambda: hangs.exists() and hangs.read_text() != "", lambda: os.kill(int(hangs.read_text()), signal.SIGKILL)
    )
    assert call_sweep(*TOY, "workers=2", "n_trials=12", f"+sweep.objective.folder={tmp_path}") == 0
    killed.join()
    result = trials(tmp_path)
    dead = [trial for trial in result if trial.state == TrialState.FAIL]
    assert [trial.number for trial in result] == list(range(13))
    assert len(dead) == 1
    assert [t.params for t in result if t.user_attrs.get("retry_of") == dead[0].number] == [dead[0].params]
    done = [trial for trial in result if trial.state == TrialState.COMPLETE]
    assert len({trial.params["seed"] for trial in done}) == 12
    output = capsys.readouterr().out
    assert f"died with trial {dead[0].number}" in output
    assert "12 of 12 trials done" in output
    experiment = store.get_experiment_by_name("toy").experiment_id
    runs = {run.info.run_id: run for run in store.search_runs([experiment], max_results=50)}
    assert runs[dead[0].user_attrs["run"]].info.status == "KILLED"
    assert {runs[trial.user_attrs["run"]].info.status for trial in done} == {"FINISHED"}
    parents = [run for run in runs.values() if "mlflow.parentRunId" not in run.data.tags]
    assert [(run.info.run_name, run.info.status) for run in parents] == [("toy_unet", "FINISHED")]
    assert {run.data.tags.get("mlflow.parentRunId") for run in runs.values()} == {None, parents[0].info.run_id}
    # and the same command again has nothing left to do
    assert call_sweep(*TOY, "workers=2", "n_trials=12", f"+sweep.objective.folder={tmp_path}") == 0
    assert len(trials(tmp_path)) == 13


@pytest.mark.slow
def test_ctrl_c_ends_after_the_running_trials_and_says_how_to_continue(
    call_sweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    journal = tmp_path / "out" / "study.journal"
    pressed = when(
        lambda: journal.exists() and "owner" in journal.read_text(), lambda: os.kill(os.getpid(), signal.SIGINT)
    )
    overrides = [*TOY, "n_trials=500", "+sweep.objective.seconds=1"]
    assert call_sweep(*overrides) == 130
    pressed.join()
    result = trials(tmp_path)
    assert result
    assert {trial.state for trial in result} == {TrialState.COMPLETE}
    output = capsys.readouterr().out
    assert f"Stopped after {len(result)} of 500 trials" in output
    assert "python -m hrtem_lab.sweep +sweep=unet" in output
    assert "choices:[a,b]" in output  # no markup of the screen


@pytest.mark.slow
def test_ctrl_c_twice_ends_at_once_and_the_trial_is_tried_again(call_sweep, tmp_path: Path):
    hangs = tmp_path / "hangs"

    def press() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1.5)
        os.kill(os.getpid(), signal.SIGINT)

    pressed = when(lambda: hangs.exists() and hangs.read_text() != "", press)
    overrides = [*TOY, "n_trials=2", f"+sweep.objective.folder={tmp_path}"]
    assert call_sweep(*overrides) == 130
    pressed.join()
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.FAIL, TrialState.WAITING]
    assert call_sweep(*overrides) == 0
    result = trials(tmp_path)
    assert [trial.state for trial in result] == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
    assert result[1].params == result[0].params
