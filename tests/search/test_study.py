"""Shared studies: no trial is lost, none is done twice, and what died is tried once more."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState

from hrtem_lab.micrograph import InputError
from hrtem_lab.search import study as module
from hrtem_lab.search.study import SharedStudy, beating, place, seeded

SPACE = {"x": FloatDistribution(0.0, 1.0)}
UP = [StudyDirection.MAXIMIZE]


def opened(where: object, **settings: object) -> SharedStudy:
    return SharedStudy(str(where), "one", UP, settings)


def take(study: SharedStudy, n_trials: int = 100, sampler: type = optuna.samplers.RandomSampler) -> Trial | None:
    return study.take(n_trials, seeded(sampler, 0, None), optuna.pruners.NopPruner(), SPACE)


def owned_by(study: SharedStudy, trial: Trial, **changed: object) -> None:
    trial.set_user_attr("owner", study.trials()[trial.number].user_attrs["owner"] | changed)


@pytest.fixture
def study(tmp_path: Path) -> SharedStudy:
    return opened(tmp_path / "study.journal")


def test_the_study_gives_as_many_trials_as_it_needs(study: SharedStudy):
    taken = [take(study, 3) for _ in range(5)]
    assert [trial and trial.number for trial in taken] == [0, 1, 2, None, None]
    study.tell(taken[0], [0.5], TrialState.COMPLETE)
    study.tell(taken[1], None, TrialState.PRUNED)
    study.tell(taken[2], None, TrialState.FAIL)  # is no finished trial: another takes its place
    assert take(study, 3).number == 3
    assert (len(study.done()), study.failures(), study.left(3)) == (2, 1, 0)
    study.tell(study.optuna.ask(), [0.5], TrialState.COMPLETE)
    assert [trial.number for trial in study.best()] == [0]  # of equals the first


def test_a_trial_of_a_dead_process_is_tried_once_more(study: SharedStudy):
    gone = take(study)
    owned_by(study, gone, pid=2**30)
    again = take(study)
    assert again.params == gone.params
    assert study.trials()[0].state == TrialState.FAIL
    assert study.trials()[1].user_attrs["retry_of"] == 0
    assert study.failures() == 0
    owned_by(study, again, pid=2**30)
    other = take(study)
    assert other.params != gone.params
    assert (study.failures(), len(study.trials())) == (1, 3)


def test_the_living_are_let_be(study: SharedStudy, tmp_path: Path):
    mine = take(study)
    assert opened(tmp_path / "study.journal").bury() == []
    owned_by(study, mine, begun=psutil.Process().create_time() - 100)  # an earlier process of the same number
    assert [trial.number for trial in study.bury()] == [0]


def test_who_died_while_taking_a_trial_is_dead(study: SharedStudy):
    study.optuna.ask()
    assert [trial.number for trial in study.bury()] == [0]


def test_on_another_machine_signs_of_life_count(study: SharedStudy, monkeypatch: pytest.MonkeyPatch):
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    far = take(study)
    owned_by(study, far, host="elsewhere", pid=2**30)
    assert study.bury() == []
    now += 0.9 * module.SILENCE_S
    far.set_user_attr("beat", 1.0)
    assert study.bury() == []
    now += 0.9 * module.SILENCE_S
    assert study.bury() == []
    now += 0.2 * module.SILENCE_S
    assert [trial.number for trial in study.bury()] == [0]


def test_signs_of_life_are_given(study: SharedStudy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BEAT_S", 0.01)
    trial = take(study)
    with beating(trial):
        deadline = time.monotonic() + 20
        while "beat" not in study.trials()[0].user_attrs and time.monotonic() < deadline:
            time.sleep(0.01)
    first = study.trials()[0].user_attrs["beat"]
    assert abs(first - time.time()) < 30


def test_whoever_is_found_dead_is_mourned(tmp_path: Path):
    mourned: list[int] = []
    study = SharedStudy(str(tmp_path / "a"), "one", UP, {}, lambda trial: mourned.append(trial.number))
    owned_by(study, take(study), pid=2**30)
    study.bury()
    assert mourned == [0]


def test_a_result_that_comes_after_its_trial_was_given_up_counts_for_nothing(study: SharedStudy):
    late = take(study)
    owned_by(study, late, pid=2**30)
    again = take(study)
    study.tell(late, [1.0], TrialState.COMPLETE)
    study.tell(again, [1.0], TrialState.COMPLETE)
    assert [trial.number for trial in study.done()] == [1]


@pytest.mark.parametrize("sampler", [optuna.samplers.RandomSampler, optuna.samplers.TPESampler])
def test_a_sweep_that_was_stopped_goes_on_as_if_it_had_not_been(sampler: type, tmp_path: Path):
    def drawn(path: Path, calls: int) -> list[float]:
        for _ in range(calls):
            study = opened(path)
            for _ in range(16 // calls):
                trial = take(study, sampler=sampler)
                study.tell(trial, [-((trial.params["x"] - 0.3) ** 2)], TrialState.COMPLETE)
        return [trial.params["x"] for trial in study.trials()]

    once = drawn(tmp_path / "once", 1)
    assert once == drawn(tmp_path / "twice", 2)
    assert len(set(once)) == 16


def test_a_study_of_other_settings_is_refused_and_the_difference_shown(tmp_path: Path):
    opened(tmp_path / "a", space={"lr": {"low": 0.1}}, seed=1)
    assert opened(tmp_path / "a", space={"lr": {"low": 0.1}}, seed=1)
    with pytest.raises(InputError, match=r"space\.lr\.low is 0\.1 there and 0\.2 here; go on"):
        opened(tmp_path / "a", space={"lr": {"low": 0.2}}, seed=1)


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("sqlite:///a.db", "SQLite loses trials when several processes write to it; give FILE.journal"),
        ("mysql://a/b", "it is not supported; give FILE.journal"),
    ],
)
def test_other_storage_is_refused(storage: str, said: str):
    with pytest.raises(InputError, match=said):
        place(storage)


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"SQLite format 3\0\n\xff\n")
    with pytest.raises(InputError, match="is no journal of Optuna"):
        opened(tmp_path / "a")


def test_without_a_driver_postgresql_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "DRIVER", "no_such_driver")
    with pytest.raises(InputError, match=r"pip install 'hrtem_lab\[postgres\]'"):
        place("postgresql://someone@somewhere/sweeps")


# Several processes

MANY = """
import sys, time
from tests.search.test_study import opened, take
from optuna.trial import TrialState
study, wanted = opened(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
while trial := take(study, wanted):
    print(trial.number, flush=True)
    if len(sys.argv) > 3:
        time.sleep(100)
    time.sleep(0.005)
    study.tell(trial, [trial.params["x"]], TrialState.COMPLETE)
"""


def begun(where: object, wanted: int, *more: str) -> subprocess.Popen[str]:
    call = [sys.executable, "-c", MANY, str(where), str(wanted), *more]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def share(where: object, processes: int, wanted: int) -> None:
    """Let one process be killed in the middle of a trial, and the others share what is there."""
    victim, *others = [begun(where, wanted, "hang"), *(begun(where, wanted) for _ in range(processes))]
    for process in (victim, *others):
        assert process.stdout.readline() == "ready\n"  # so that none is done before another has started
    victim.stdin.write("\n")
    victim.stdin.flush()
    assert victim.stdout.readline() == "0\n"
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    for process in others:
        process.stdin.write("\n")
        process.stdin.flush()
    taken = [[int(line) for line in process.communicate(timeout=60)[0].split()] for process in others]
    assert [process.returncode for process in others] == [0] * processes
    trials = opened(where).trials()
    assert sorted(chain(*taken)) == list(range(1, wanted + 1))  # each by one process, and trial 0 was the victim's
    assert [trial.number for trial in trials] == list(range(wanted + 1))
    assert [trial.state for trial in trials] == [TrialState.FAIL] + wanted * [TrialState.COMPLETE]
    assert [t.number for t in trials if t.user_attrs.get("retry_of") == 0 and t.params == trials[0].params] == [1]
    assert len({trial.params["x"] for trial in trials}) == wanted
    assert sum(map(bool, taken)) > 1


def test_two_processes_share_a_journal_and_one_is_killed(tmp_path: Path):
    share(tmp_path / "study.journal", 2, 40)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """The URL of a server of the test's own."""
    programs = {name: shutil.which(name) for name in ("initdb", "pg_ctl", "runuser")}
    if not programs["initdb"] or not programs["pg_ctl"]:
        pytest.skip("needs PostgreSQL")
    pytest.importorskip("psycopg")
    root = os.geteuid() == 0
    if root and not programs["runuser"]:
        pytest.skip("PostgreSQL does not run as root")
    folder = Path("/tmp") / f"hrtem_lab_pg_{os.getpid()}"  # a socket's path has to be short
    folder.mkdir()
    user = "postgres" if root else psutil.Process().username()
    if root:
        shutil.chown(folder, user)

    def call(*words: str) -> None:
        as_user = [programs["runuser"], "-u", user, "--"] if root else []
        subprocess.run([*as_user, *words], check=True, capture_output=True, cwd=folder)

    data = str(folder / "data")
    try:
        call(programs["initdb"], "-D", data, "-A", "trust", "-U", "tester", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        call(programs["pg_ctl"], "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            call(programs["pg_ctl"], "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def test_four_processes_share_a_postgresql_database_and_one_more_is_killed(postgres: str):
    share(postgres, 4, 60)


def test_a_database_that_does_not_answer_is_named(tmp_path: Path):
    pytest.importorskip("psycopg")
    with pytest.raises(InputError, match="no database answers there"):
        opened(f"postgresql://tester@/postgres?host={tmp_path}")
