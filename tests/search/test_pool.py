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
from tests.search.toy import WORDS

TOY = [*WORDS, "name=toy", "pruner=none", "sampler=random"]


def trials(folder: Path) -> list[FrozenTrial]:
    storage = JournalStorage(JournalFileBackend(str(folder / "out" / "study.journal")))
    return optuna.load_study(study_name="toy_unet", storage=storage).trials


def when(ready: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Do something as soon as something is so."""

    def watch() -> None:
        ends = time.monotonic() + 900
        while not ready() and time.monotonic() < ends:
            time.sleep(0.05)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_two_workers_share_a_study_and_one_that_is_killed_is_replaced(
    called, store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    bury = SharedStudy.bury
    # as if the other worker always were the first to find the dead trial
    monkeypatch.setattr(SharedStudy, "bury", lambda study: bury(study)[:0])
    hangs = tmp_path / "hangs"
    killed = when(
        lambda: hangs.exists() and hangs.read_text() != "", lambda: os.kill(int(hangs.read_text()), signal.SIGKILL)
    )
    assert called(*TOY, "workers=2", "n_trials=12", f"+sweep.objective.folder={tmp_path}") == 0
    killed.join()
    found = trials(tmp_path)
    dead = [trial for trial in found if trial.state == TrialState.FAIL]
    assert [trial.number for trial in found] == list(range(13))
    assert len(dead) == 1
    assert [t.params for t in found if t.user_attrs.get("retry_of") == dead[0].number] == [dead[0].params]
    done = [trial for trial in found if trial.state == TrialState.COMPLETE]
    assert len({trial.params["seed"] for trial in done}) == 12
    said = capsys.readouterr().out
    assert f"died with trial {dead[0].number}" in said
    assert "12 of 12 trials done" in said
    experiment = store.get_experiment_by_name("toy").experiment_id
    runs = {run.info.run_id: run for run in store.search_runs([experiment], max_results=50)}
    assert runs[dead[0].user_attrs["run"]].info.status == "KILLED"
    assert {runs[trial.user_attrs["run"]].info.status for trial in done} == {"FINISHED"}
    parents = [run for run in runs.values() if "mlflow.parentRunId" not in run.data.tags]
    assert [(run.info.run_name, run.info.status) for run in parents] == [("toy_unet", "FINISHED")]
    assert {run.data.tags.get("mlflow.parentRunId") for run in runs.values()} == {None, parents[0].info.run_id}
    # and the same command again has nothing left to do
    assert called(*TOY, "workers=2", "n_trials=12", f"+sweep.objective.folder={tmp_path}") == 0
    assert len(trials(tmp_path)) == 13


def test_ctrl_c_ends_after_the_running_trials_and_says_how_to_continue(
    called, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    journal = tmp_path / "out" / "study.journal"
    pressed = when(
        lambda: journal.exists() and "owner" in journal.read_text(), lambda: os.kill(os.getpid(), signal.SIGINT)
    )
    words = [*TOY, "n_trials=500", "+sweep.objective.seconds=1"]
    assert called(*words) == 130
    pressed.join()
    found = trials(tmp_path)
    assert found
    assert {trial.state for trial in found} == {TrialState.COMPLETE}
    said = capsys.readouterr().out
    assert f"Stopped after {len(found)} of 500 trials" in said
    assert "python -m hrtem_lab.sweep +sweep=unet" in said
    assert "choices:[a,b]" in said  # no markup of the screen


def test_ctrl_c_twice_ends_at_once_and_the_trial_is_tried_again(called, tmp_path: Path):
    hangs = tmp_path / "hangs"

    def press() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1.5)
        os.kill(os.getpid(), signal.SIGINT)

    pressed = when(lambda: hangs.exists() and hangs.read_text() != "", press)
    words = [*TOY, "n_trials=2", f"+sweep.objective.folder={tmp_path}"]
    assert called(*words) == 130
    pressed.join()
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.FAIL, TrialState.WAITING]
    assert called(*words) == 0
    found = trials(tmp_path)
    assert [trial.state for trial in found] == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
    assert found[1].params == found[0].params
