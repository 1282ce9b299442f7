"""One task for many files, some of which kill their process."""

import os
from functools import partial
from pathlib import Path

import pytest

from hrtem_lab.analysis.distribution import run_here, run_in_children
from hrtem_lab.micrograph import InputError


def task(name: str, folder: Path) -> str | None:
    """Note each call by a file; die, fail or stop the work as the name says."""
    with (folder / name).open("a") as notes:
        notes.write(".")
    if name == "dies":
        os._exit(9)
    if name == "dies once" and (folder / name).read_text() == ".":
        os._exit(9)
    if name == "stops":
        raise InputError("the disk is full")
    return "is torn" if name == "torn" else None


NAMES = ("a", "b", "c", "dies", "dies once", "torn")


def test_a_file_that_kills_its_process_costs_only_itself(tmp_path: Path):
    inputs = dict.fromkeys(NAMES, (tmp_path,))
    outcomes = list(run_in_children(task, inputs, workers=2, preload="hrtem_lab.micrograph"))
    assert sorted(name for name, _ in outcomes) == sorted(NAMES)
    reasons = dict(outcomes)
    assert reasons.pop("dies").startswith("dies: its analysis crashed (exit code 9)")
    assert reasons == {"a": None, "b": None, "c": None, "dies once": None, "torn": "is torn"}
    assert {name: len((tmp_path / name).read_text()) for name in NAMES} == {
        **dict.fromkeys(NAMES, 1),
        **{"dies": 2, "dies once": 2},
    }


@pytest.mark.parametrize("run", [run_here, partial(run_in_children, workers=1, preload="hrtem_lab.micrograph")])
def test_a_mistake_that_concerns_all_files_ends_the_work(run, tmp_path: Path):
    with pytest.raises(InputError, match="the disk is full"):
        list(run(task, dict.fromkeys(("a", "stops", *(f"later {i}" for i in range(50))), (tmp_path,))))
    assert len(list(tmp_path.iterdir())) < 50
