"""The library on disk: found again by its content, never simulated twice, whole after any interruption."""

import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import Library, library
from hrtem_lab.physics.exit_wave import multislice, outlines
from hrtem_lab.physics.placed import particle_facts
from tests.physics.scenes import AU, small

TINY = small(field_nm=4.0, diameter_nm=(2.0, 2.4), particles=(1, 2), film_nm=(0.8, 1.0), faulted=1.0)


@pytest.fixture
def simulated(monkeypatch):
    """Which specimens were simulated since the test began, by their number of atoms."""
    calls = []

    def spied(specimen, *arguments):
        calls.append(len(specimen.atoms))
        return multislice(specimen, *arguments)

    monkeypatch.setattr(library, "multislice", spied)
    return calls


def of(root, count=2, specimen=TINY, seed=7, gpts=64, workers=0, **arguments):
    return Library(specimen, count, seed, gpts, root=root, workers=workers, **arguments)


def atoms(index, specimen=TINY, seed=7):
    return len(specimen.draw(np.random.default_rng([seed, index])).atoms)


def content(waves):
    return [(w.wave.tobytes(), w.instances.tobytes(), json.dumps(w.facts.to_dict()), w.name) for w in waves]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"gpts": 65},
        {"voltage_kV": 200.0},
        {"specimen": replace(TINY, empty=0.1)},
        {"specimen": replace(TINY, material=replace(AU, a_nm=0.41))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_argument_is_another_library(tmp_path, change):
    assert of(tmp_path, **change).folder != of(tmp_path).folder


def test_other_code_and_other_versions_are_another_library(tmp_path, monkeypatch):
    before = of(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(library, "SOURCES", library.SOURCES[:-1])
        assert of(tmp_path).folder != before.folder
    monkeypatch.setattr(library, "version", lambda name: "0.0")
    after = of(tmp_path)
    assert after.folder != before.folder
    # a library in use keeps its name, whatever is edited meanwhile: it is the group that splits go by
    assert before.digest == before.folder.name


def test_how_many_and_where_do_not_matter(tmp_path):
    names = {
        of(root, count, workers=n).folder.name for root, count, n in ((tmp_path, 2, 1), (tmp_path / "other", 9, 4))
    }
    assert len(names) == 1
    assert of(tmp_path).folder.parent == tmp_path


def test_entries_are_what_was_drawn(tmp_path, simulated):
    waves = of(tmp_path)
    waves.simulate()
    assert len(waves) == 2
    for index, wave in enumerate(waves):
        specimen = TINY.draw(np.random.default_rng([7, index]))
        np.testing.assert_array_equal(wave.wave, multislice(specimen, 64))
        np.testing.assert_array_equal(wave.instances, outlines(specimen, 64))
        assert (wave.wave.dtype, wave.instances.dtype) == (np.complex64, np.int32)
        pd.testing.assert_frame_equal(wave.facts, particle_facts(specimen.particles))
        assert wave.sampling_nm == pytest.approx(4.0 / 64)
        for kept, drawn in zip(wave.particles, specimen.particles, strict=True):
            assert kept.crystal == drawn.crystal
            assert kept.crystal.planes
            np.testing.assert_array_equal(kept.reflections(0), drawn.reflections(0))
            np.testing.assert_array_equal(kept.centre_nm, drawn.centre_nm)
    assert waves[0].name != waves[1].name
    assert content(waves[0:2]) == content(waves)


def test_a_second_call_simulates_nothing(tmp_path, simulated):
    of(tmp_path).simulate()
    assert simulated == [atoms(0), atoms(1)]
    steps = []
    of(tmp_path).simulate(lambda done, total: steps.append((done, total)))
    assert len(simulated) == 2
    assert steps == [(2, 2)]


def test_progress_counts_what_is_there(tmp_path, simulated):
    steps = []
    of(tmp_path, count=1).simulate()
    of(tmp_path, count=3).simulate(lambda done, total: steps.append((done, total)))
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_what_is_lost_is_made_again_and_nothing_else(tmp_path, simulated):
    waves = of(tmp_path, count=3)
    waves.simulate()
    before = content(waves)
    (waves.folder / "facts" / "00001.json").unlink()
    assert waves.missing() == [1]
    again = of(tmp_path, count=3)
    again.simulate()
    assert simulated[3:] == [atoms(1)]
    assert content(again) == before


def test_a_larger_count_goes_on(tmp_path, simulated):
    few = of(tmp_path, count=2)
    few.simulate()
    before = content(few)
    many = of(tmp_path, count=4)
    assert many.missing() == [2, 3]
    many.simulate()
    assert simulated[2:] == [atoms(2), atoms(3)]
    assert content(many)[:2] == before
    assert content(of(tmp_path, count=2)) == before


def test_an_interruption_leaves_no_half_entry(tmp_path, simulated, monkeypatch):
    """Whatever stops the second specimen, the first is kept and the second made anew."""
    waves = of(tmp_path)
    facts = waves.folder / "facts"

    def torn(source, target):
        if "00001" in str(target):
            raise KeyboardInterrupt
        return os.rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(library.os, "replace", torn)
        with pytest.raises(KeyboardInterrupt):
            waves.simulate()
    assert waves.missing() == [1]
    assert [path.name for path in facts.glob("*.json")] == ["00000.json"]
    with pytest.raises(FileNotFoundError):
        waves[1]
    waves.simulate()
    assert simulated == [atoms(0), atoms(1), atoms(1)]
    whole = of(tmp_path / "elsewhere")
    whole.simulate()
    assert content(whole) == content(waves)


def test_a_failure_is_told_and_what_was_made_stays(tmp_path, simulated, monkeypatch):
    def failing(specimen, gpts):
        if len(specimen.atoms) == atoms(1):
            raise RuntimeError("no more memory")
        return outlines(specimen, gpts)

    monkeypatch.setattr(library, "outlines", failing)
    waves = of(tmp_path, count=3)
    with pytest.raises(RuntimeError, match="no more memory"):
        waves.simulate()
    assert 1 in waves.missing()
    assert len(waves.missing()) < 3


def test_two_processes_make_the_same_waves_as_one(tmp_path):
    here, there = of(tmp_path / "here"), of(tmp_path / "there", workers=2)
    here.simulate()
    steps = []
    there.simulate(lambda done, total: steps.append((done, total)))
    assert steps == [(0, 2), (1, 2), (2, 2)]
    assert content(there) == content(here)


def test_an_open_library_travels_to_other_processes(tmp_path, simulated):
    waves = of(tmp_path)
    waves.simulate()
    opened = content(waves)
    assert content(pickle.loads(pickle.dumps(waves))) == opened


def test_indices_are_those_of_a_sequence(tmp_path, simulated):
    waves = of(tmp_path)
    waves.simulate()
    for index in (2, -1):
        with pytest.raises(IndexError):
            waves[index]
    assert [w.name for w in waves[:1]] == [waves[0].name]
    assert [w.name for w in waves[::-1]] == [waves[1].name, waves[0].name]
    assert [w.name for w in reversed(waves)] == [waves[1].name, waves[0].name]


def test_none_at_all(tmp_path, simulated):
    waves = of(tmp_path, count=0)
    waves.simulate()
    assert (len(waves), list(waves), waves.missing(), simulated) == (0, [], [], [])
    with pytest.raises(InputError, match="count is -1"):
        of(tmp_path, count=-1)
