"""Shared studies: no trial is lost, none is done twice, and those of dead workers are tried once more."""

from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from hrtem_lab.micrograph import InputError
from hrtem_lab.search.study import SharedStudy
from tests.search.studies import MAXIMIZE, ask, change_owner, open_study


def test_the_study_gives_as_many_trials_as_it_needs(study: SharedStudy):
    asked = [ask(study, 3) for _ in range(5)]
    assert [trial and trial.number for trial in asked] == [0, 1, 2, None, None]
    study.tell(asked[0], [0.5], TrialState.COMPLETE)
    study.tell(asked[1], None, TrialState.PRUNED)
    study.tell(asked[2], None, TrialState.FAIL)  # is no finished trial: another takes its place
    assert ask(study, 3).number == 3
    assert (len(study.finished_trials()), study.n_failures(), study.n_remaining(3)) == (2, 1, 0)
    study.tell(study.optuna.ask(), [0.5], TrialState.COMPLETE)
    assert [trial.number for trial in study.best_trials()] == [0]  # of equals the first


def test_a_trial_of_a_dead_process_is_tried_once_more(study: SharedStudy):
    gone = ask(study)
    change_owner(study, gone, pid=2**30)
    again = ask(study)
    assert again.params == gone.params
    assert study.trials()[0].state == TrialState.FAIL
    assert study.trials()[1].user_attrs["retry_of"] == 0
    assert study.n_failures() == 0
    change_owner(study, again, pid=2**30)
    other = ask(study)
    assert other.params != gone.params
    assert (study.n_failures(), len(study.trials())) == (1, 3)


def test_dead_trials_are_reported(tmp_path: Path):
    reported: list[int] = []
    study = SharedStudy(str(tmp_path / "a"), "one", MAXIMIZE, {}, lambda trial: reported.append(trial.number))
    change_owner(study, ask(study), pid=2**30)
    study.fail_stale_trials()
    assert reported == [0]


def test_a_result_after_its_trial_was_failed_is_dropped(study: SharedStudy):
    late = ask(study)
    change_owner(study, late, pid=2**30)
    again = ask(study)
    study.tell(late, [1.0], TrialState.COMPLETE)
    study.tell(again, [1.0], TrialState.COMPLETE)
    assert [trial.number for trial in study.finished_trials()] == [1]


@pytest.mark.parametrize("sampler", [optuna.samplers.RandomSampler, optuna.samplers.TPESampler])
def test_a_sweep_that_was_stopped_continues_as_if_it_had_not_been(sampler: type, tmp_path: Path):
    def sample(path: Path, calls: int) -> list[float]:
        for _ in range(calls):
            study = open_study(path)
            for _ in range(16 // calls):
                trial = ask(study, sampler=sampler)
                study.tell(trial, [-((trial.params["x"] - 0.3) ** 2)], TrialState.COMPLETE)
        return [trial.params["x"] for trial in study.trials()]

    once = sample(tmp_path / "once", 1)
    assert once == sample(tmp_path / "twice", 2)
    assert len(set(once)) == 16


def test_a_study_of_other_settings_is_refused_and_the_difference_shown(tmp_path: Path):
    open_study(tmp_path / "a", space={"lr": {"low": 0.1}}, seed=1)
    assert open_study(tmp_path / "a", space={"lr": {"low": 0.1}}, seed=1)
    with pytest.raises(InputError, match=r"space\.lr\.low is 0\.1 there and 0\.2 here; go on"):
        open_study(tmp_path / "a", space={"lr": {"low": 0.2}}, seed=1)
