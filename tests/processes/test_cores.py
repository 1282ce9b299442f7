"""Processors and threads that a process may use."""

import os

import joblib
import pytest

from hrtem_lab.processes.cores import count_cores, count_threads


def test_there_is_a_core() -> None:
    assert 1 <= count_cores() <= (os.cpu_count() or 1)


def test_the_affinity_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    assert count_cores() == 1


@pytest.mark.parametrize(("wanted", "threads"), [("1", 1), ("1000", 4), ("", 4), ("0", 4), ("2,1", 4), ("3", 3)])
def test_fewer_threads_may_be_asked_for(monkeypatch: pytest.MonkeyPatch, wanted: str, threads: int) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert count_threads() == threads
