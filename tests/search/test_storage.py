"""Storages: which are refused, and that several processes share one."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from optuna.trial import TrialState

from hrtem_lab.micrograph import InputError
from hrtem_lab.search import storage as module
from hrtem_lab.search.storage import open_backend
from tests.search.studies import open_study


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ("sqlite:///a.db", "SQLite loses trials when several processes write to it; give FILE.journal"),
        ("mysql://a/b", "it is not supported; give FILE.journal"),
    ],
)
def test_other_storage_is_refused(storage: str, message: str):
    with pytest.raises(InputError, match=message):
        open_backend(storage)


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"SQLite format 3\0\n\xff\n")
    with pytest.raises(InputError, match="is no journal of Optuna"):
        open_study(tmp_path / "a")


def test_on_windows_the_journal_is_locked_without_a_symlink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*arguments: object, **settings: object) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(module, "sys", SimpleNamespace(platform="win32"))
    assert open_study(tmp_path / "a.journal").trials() == []


def test_without_a_driver_postgresql_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "DRIVER", "no_such_driver")
    with pytest.raises(InputError, match=r"pip install 'hrtem_lab\[postgres\]'"):
        open_backend("postgresql://someone@somewhere/sweeps")


def test_a_database_that_does_not_answer_is_named(tmp_path: Path):
    pytest.importorskip("psycopg")
    with pytest.raises(InputError, match="no database answers there"):
        open_study(f"postgresql://tester@/postgres?host={tmp_path}")


# Several processes

WORKER = """
import sys, time
from tests.search.studies import ask, open_study
from optuna.trial import TrialState
study, n_trials = open_study(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
while trial := ask(study, n_trials):
    print(trial.number, flush=True)
    if len(sys.argv) > 3:
        time.sleep(100)
    time.sleep(0.005)
    study.tell(trial, [trial.params["x"]], TrialState.COMPLETE)
"""


def start(storage: object, n_trials: int, *more: str) -> subprocess.Popen[str]:
    call = [sys.executable, "-c", WORKER, str(storage), str(n_trials), *more]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def run_processes(storage: object, n_processes: int, n_trials: int) -> None:
    """Let one process be killed in the middle of a trial, and the others share what is there."""
    victim, *others = [start(storage, n_trials, "hang"), *(start(storage, n_trials) for _ in range(n_processes))]
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
    asked = [[int(line) for line in process.communicate(timeout=60)[0].split()] for process in others]
    assert [process.returncode for process in others] == [0] * n_processes
    trials = open_study(storage).trials()
    assert sorted(chain(*asked)) == list(range(1, n_trials + 1))  # each by one process, and trial 0 was the victim's
    assert [trial.number for trial in trials] == list(range(n_trials + 1))
    assert [trial.state for trial in trials] == [TrialState.FAIL] + n_trials * [TrialState.COMPLETE]
    assert [t.number for t in trials if t.user_attrs.get("retry_of") == 0 and t.params == trials[0].params] == [1]
    assert len({trial.params["x"] for trial in trials}) == n_trials
    assert sum(map(bool, asked)) > 1


@pytest.mark.slow
def test_two_processes_share_a_journal_and_one_is_killed(tmp_path: Path):
    run_processes(tmp_path / "study.journal", 2, 40)


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


@pytest.mark.slow
def test_four_processes_share_a_postgresql_database_and_one_more_is_killed(postgres: str):
    run_processes(postgres, 4, 60)
