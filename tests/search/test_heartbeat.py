"""Which running trials have a living worker: on this machine by its process, on others by heartbeats."""

import time
from pathlib import Path

import psutil
import pytest

from hrtem_lab.search import heartbeat as module
from hrtem_lab.search.heartbeat import GRACE_PERIOD_S, heartbeat
from hrtem_lab.search.study import SharedStudy
from tests.search.studies import ask, change_owner, open_study


def test_trials_of_living_processes_go_on(study: SharedStudy, tmp_path: Path):
    mine = ask(study)
    assert open_study(tmp_path / "study.journal").fail_stale_trials() == []
    change_owner(study, mine, begun=psutil.Process().create_time() - 100)  # an earlier process of the same number
    assert [trial.number for trial in study.fail_stale_trials()] == [0]


def test_a_process_that_died_while_it_asked_for_a_trial_is_dead(study: SharedStudy):
    study.optuna.ask()
    assert [trial.number for trial in study.fail_stale_trials()] == [0]


def test_on_another_machine_heartbeats_count(study: SharedStudy, monkeypatch: pytest.MonkeyPatch):
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    remote = ask(study)
    change_owner(study, remote, host="elsewhere", pid=2**30)
    assert study.fail_stale_trials() == []
    now += 0.9 * GRACE_PERIOD_S
    remote.set_user_attr("beat", 1.0)
    assert study.fail_stale_trials() == []
    now += 0.9 * GRACE_PERIOD_S
    assert study.fail_stale_trials() == []
    now += 0.2 * GRACE_PERIOD_S
    assert [trial.number for trial in study.fail_stale_trials()] == [0]


def test_heartbeats_are_sent(study: SharedStudy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "HEARTBEAT_INTERVAL_S", 0.01)
    trial = ask(study)
    with heartbeat(trial):
        deadline = time.monotonic() + 20
        while "beat" not in study.trials()[0].user_attrs and time.monotonic() < deadline:
            time.sleep(0.01)
    sent = study.trials()[0].user_attrs["beat"]
    assert abs(sent - time.time()) < 30
