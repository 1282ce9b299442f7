"""The library on disk: found again by its content, never simulated twice, whole after any interruption."""

import errno
import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import distributed
import numpy as np
import pandas as pd
import psutil
import pytest
from distributed import LocalCluster

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import Crystal, ExitWaveLibrary, library
from hrtem_lab.physics.exit_wave import multislice
from hrtem_lab.physics.placed_particle import ground_truth_table
from hrtem_lab.physics.silhouettes import overlap_fractions, project_instances, silhouettes
from hrtem_lab.physics.workers import run
from tests.physics.scenes import AU, in_vacuum, placed, small

PROJECT = Path(__file__).resolve().parents[2]

TINY = small(field_nm=4.0, diameter_nm=(2.0, 2.4), film_nm=(0.8, 1.0), faulted=1.0)


@pytest.fixture
def simulated(monkeypatch):
    """Which specimens were simulated since the test began, by their number of atoms."""
    calls = []

    def spied(specimen, *arguments):
        calls.append(len(specimen.atoms))
        return multislice(specimen, *arguments)

    monkeypatch.setattr(library, "multislice", spied)
    return calls


def make_library(root, count=2, specimen=TINY, seed=7, gpts=64, workers=0, **arguments):
    return ExitWaveLibrary(specimen, count, seed, gpts, root=root, workers=workers, **arguments)


def atoms(index, specimen=TINY, seed=7):
    return len(specimen.sample(np.random.default_rng([seed, index])).atoms)


def contents(waves):
    return [(w.wave.tobytes(), w.instances.tobytes(), json.dumps(w.ground_truth.to_dict()), w.name) for w in waves]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"gpts": 65},
        {"voltage_kV": 200.0},
        {"specimen": replace(TINY, empty=0.1)},
        {"specimen": replace(TINY, materials={"au": replace(AU, a_nm=0.41)})},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_argument_is_another_library(tmp_path, change):
    assert make_library(tmp_path, **change).folder != make_library(tmp_path).folder


def test_other_code_and_other_versions_are_another_library(tmp_path, monkeypatch):
    before = make_library(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(library, "CODE", "edited")
        assert make_library(tmp_path).folder != before.folder
    monkeypatch.setattr(library, "version", lambda name: "0.0")
    after = make_library(tmp_path)
    assert after.folder != before.folder
    # a library in use keeps its name, whatever is edited meanwhile: it is the group that splits go by
    assert before.digest == before.folder.name


def test_count_root_and_workers_do_not_change_the_fingerprint(tmp_path):
    names = {
        make_library(root, count, workers=n).folder.name
        for root, count, n in ((tmp_path, 2, 1), (tmp_path / "other", 9, 4))
    }
    assert len(names) == 1
    assert make_library(tmp_path).folder.parent == tmp_path


def test_entries_are_the_sampled_specimens(tmp_path, simulated):
    waves = make_library(tmp_path)
    waves.simulate()
    assert len(waves) == 2
    for index, wave in enumerate(waves):
        specimen = TINY.sample(np.random.default_rng([7, index]))
        np.testing.assert_array_equal(wave.wave, multislice(specimen, 64))
        np.testing.assert_array_equal(wave.instances, project_instances(specimen, 64))
        assert (wave.wave.dtype, wave.instances.dtype) == (np.complex64, np.int32)
        pd.testing.assert_frame_equal(
            wave.ground_truth.drop(columns="overlap"), ground_truth_table(specimen.particles).drop(columns="overlap")
        )
        assert wave.ground_truth["overlap"].tolist() == overlap_fractions(silhouettes(specimen, 64))
        assert wave.sampling_nm == pytest.approx(4.0 / 64)
        for kept, drawn in zip(wave.particles, specimen.particles, strict=True):
            assert kept.crystal == drawn.crystal
            assert kept.crystal.planes
            np.testing.assert_array_equal(kept.g_vectors(0), drawn.g_vectors(0))
            np.testing.assert_array_equal(kept.centre_nm, drawn.centre_nm)
    assert waves[0].name != waves[1].name
    assert contents(waves[0:2]) == contents(waves)


def test_a_second_call_simulates_nothing(tmp_path, simulated):
    make_library(tmp_path).simulate()
    assert simulated == [atoms(0), atoms(1)]
    steps = []
    make_library(tmp_path).simulate(lambda done, total: steps.append((done, total)))
    assert len(simulated) == 2
    assert steps == [(2, 2)]


def test_progress_counts_what_is_there(tmp_path, simulated):
    steps = []
    make_library(tmp_path, count=1).simulate()
    make_library(tmp_path, count=3).simulate(lambda done, total: steps.append((done, total)))
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_only_a_lost_specimen_is_simulated_again(tmp_path, simulated):
    waves = make_library(tmp_path, count=3)
    waves.simulate()
    before = contents(waves)
    (waves.folder / "facts" / "000001.parquet").unlink()
    assert waves.missing() == [1]
    again = make_library(tmp_path, count=3)
    again.simulate()
    assert simulated[3:] == [atoms(1)]
    assert contents(again) == before


def test_a_larger_count_goes_on(tmp_path, simulated):
    few = make_library(tmp_path, count=2)
    few.simulate()
    before = contents(few)
    many = make_library(tmp_path, count=4)
    assert many.missing() == [2, 3]
    many.simulate()
    assert simulated[2:] == [atoms(2), atoms(3)]
    assert contents(many)[:2] == before
    assert contents(make_library(tmp_path, count=2)) == before


def test_an_interruption_leaves_no_half_entry(tmp_path, simulated, monkeypatch):
    """Whatever stops the second specimen, the first is kept and the second made anew."""
    waves = make_library(tmp_path)
    facts = waves.folder / "facts"

    def torn(source, target):
        if "00001" in str(target):
            raise KeyboardInterrupt
        os.rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(library.os, "replace", torn)
        with pytest.raises(KeyboardInterrupt):
            waves.simulate()
    assert waves.missing() == [1]
    assert os.listdir(facts) == ["000000.parquet"]
    with pytest.raises(FileNotFoundError):
        waves[1]
    waves.simulate()
    assert simulated == [atoms(0), atoms(1), atoms(1)]
    whole = make_library(tmp_path / "elsewhere")
    whole.simulate()
    assert contents(whole) == contents(waves)


def test_a_failure_is_reported_and_what_was_made_stays(tmp_path, simulated, monkeypatch):
    def failing(specimen, gpts):
        if len(specimen.atoms) == atoms(1):
            raise RuntimeError("no more memory")
        return silhouettes(specimen, gpts)

    monkeypatch.setattr(library, "silhouettes", failing)
    waves = make_library(tmp_path, count=3)
    with pytest.raises(RuntimeError, match="no more memory"):
        waves.simulate()
    assert 1 in waves.missing()
    assert len(waves.missing()) < 3


def test_two_processes_make_the_same_waves_as_one(tmp_path):
    here, there = make_library(tmp_path / "here"), make_library(tmp_path / "there", workers=2)
    here.simulate()
    steps = []
    there.simulate(lambda done, total: steps.append((done, total)))
    assert steps == [(0, 2), (1, 2), (2, 2)]
    assert contents(there) == contents(here)


def test_an_open_library_travels_to_other_processes(tmp_path, simulated):
    waves = make_library(tmp_path)
    waves.simulate()
    opened = contents(waves)
    assert contents(pickle.loads(pickle.dumps(waves))) == opened


def test_indices_are_those_of_a_sequence(tmp_path, simulated):
    waves = make_library(tmp_path)
    waves.simulate()
    for index in (2, -1):
        with pytest.raises(IndexError):
            waves[index]
    assert [w.name for w in waves[:1]] == [waves[0].name]
    assert [w.name for w in waves[::-1]] == [waves[1].name, waves[0].name]
    assert [w.name for w in reversed(waves)] == [waves[1].name, waves[0].name]


def test_a_library_without_specimens(tmp_path, simulated):
    waves = make_library(tmp_path, count=0)
    waves.simulate()
    assert (len(waves), list(waves), waves.missing(), simulated) == (0, [], [], [])
    assert json.loads((waves.folder / "manifest.json").read_text())["count"] == 0
    assert len(pd.read_parquet(waves.folder / "facts")) == 0
    more = make_library(tmp_path, count=1)
    more.simulate()
    assert contents(more)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": -1}, "count is -1, expected a whole number of at least 0"),
        ({"count": 1.5}, "count is 1.5"),
        ({"seed": -2}, "seed is -2"),
        ({"workers": -1}, "workers is -1"),
        ({"gpts": 0}, "gpts is 0, expected a whole number of at least 1"),
        ({"gpts": 50}, "gpts is 50, pixels of 0.08 nm: .*Nyquist.* 0.235 nm planes of Au; give gpts of at least 51"),
    ],
)
def test_an_argument_out_of_its_range_is_reported(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        make_library(tmp_path, **arguments)


def test_multislice_holds_the_planes_at_the_smallest_size_that_is_taken(tmp_path, simulated):
    """The reflection of the widest planes is in the wave at 51 pixels, the smallest that is allowed, and not at 48."""
    specimen = in_vacuum(placed(Crystal(AU, 2.0), centre=(2.0, 2.0)), field_nm=4.0)
    normal = 4.0 / AU.d_spacing_nm  # EDGE_ON lays the normal along the columns

    def at_the_reflection(gpts):
        spectrum = np.abs(np.fft.fft2(multislice(specimen, gpts)))
        return spectrum[0, [int(normal), int(normal) + 1]].max() / spectrum[0, 0]

    assert at_the_reflection(51) > 30 * at_the_reflection(48)


# Parquet


def test_the_particles_of_a_library_are_one_table(tmp_path, simulated):
    """However many of the specimens are empty, the first one included."""
    for specimen, expected in ((replace(TINY, empty=0.5), None), (replace(TINY, empty=1.0), 0)):
        waves = make_library(tmp_path, count=4, specimen=specimen)
        waves.simulate()
        table = pd.read_parquet(waves.folder / "facts")
        drawn = [specimen.sample(np.random.default_rng([7, i])).particles for i in range(4)]
        assert len(table) == (sum(map(len, drawn)) if expected is None else expected)
        assert table["specimen"].tolist() == [i for i, particles in enumerate(drawn) for _ in particles]
        assert table["diameter_nm"].tolist() == [p.crystal.diameter_nm for particles in drawn for p in particles]
        assert {wave.name for wave in waves if len(wave.ground_truth)} == set(table["name"])
        types = pd.read_parquet(waves.folder / "facts" / "000000.parquet").dtypes
        assert types.to_dict() == table.dtypes.to_dict()
    assert make_library(tmp_path, specimen=replace(TINY, empty=1.0))[0].ground_truth.empty


# A folder of one's own


def test_a_given_folder_takes_the_same_settings_only(tmp_path, simulated, monkeypatch):
    folder = tmp_path / "mine"
    waves = make_library(tmp_path, folder=folder)
    assert waves.folder == folder
    waves.simulate()
    kept = contents(waves)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["digest"], manifest["count"]) == (waves.digest, 2)
    assert manifest["recipe"]["specimen"]["diameter_nm"] == [2.0, 2.4]
    assert set(manifest["recipe"]["versions"]) == {"abtem", "ase"}
    assert contents(make_library(tmp_path, count=2, folder=folder)) == kept
    make_library(tmp_path, count=3, folder=folder).simulate()
    make_library(tmp_path, count=1, folder=folder).simulate()
    assert len(simulated) == 3
    assert json.loads((folder / "manifest.json").read_text())["count"] == 3

    with pytest.raises(InputError) as told:
        make_library(tmp_path, seed=8, specimen=replace(TINY, empty=0.1), folder=folder)
    assert "specimen.empty is 0.0 there and 0.1 here; seed is 7 there and 8 here" in str(told.value)
    assert "diameter" not in str(told.value)
    with monkeypatch.context() as patch:
        patch.setattr(library, "CODE", "edited")
        with pytest.raises(InputError, match="another version of the code made it"):
            make_library(tmp_path, folder=folder)
    monkeypatch.setattr(library, "version", lambda name: "0.0")
    with pytest.raises(InputError, match=r"versions.abtem is [\d.]+ there and 0.0 here"):
        make_library(tmp_path, folder=folder)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_manifest_is_reported(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json: cannot be read|holds another library"):
        make_library(tmp_path, folder=tmp_path)


def test_a_folder_whose_library_is_still_empty_takes_other_settings(tmp_path, simulated):
    make_library(tmp_path, count=0, gpts=96, folder=tmp_path / "mine").simulate()
    waves = make_library(tmp_path, folder=tmp_path / "mine")
    waves.simulate()
    assert waves[1].wave.shape == (64, 64)
    with pytest.raises(InputError, match="holds another library: gpts is 64 there and 96 here"):
        make_library(tmp_path, count=0, gpts=96, folder=tmp_path / "mine")


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        make_library(tmp_path, folder=tmp_path / "file").simulate()


def test_a_full_disk_is_reported_and_what_was_made_stays(tmp_path, simulated, monkeypatch):
    waves = make_library(tmp_path, count=3)
    write = Path.write_bytes

    def full(path, data):
        if "000001" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(InputError, match="the disk is full after 1 of 3 specimens"):
            waves.simulate()
    assert waves.missing() == [1, 2]
    assert os.listdir(waves.folder / "facts") == ["000000.parquet"]
    waves.simulate()
    assert len(contents(waves)) == 3


# Killed

KILLED = """
import sys
from hrtem_lab.physics import ExitWaveLibrary
from tests.physics.test_library import TINY

if __name__ == "__main__":
    waves = ExitWaveLibrary(TINY, 200, 7, 64, folder=sys.argv[1], workers=2)
    waves.simulate(lambda done, total: print(done, flush=True))
"""


@pytest.mark.slow
def test_after_a_kill_there_is_neither_gap_nor_duplicate_nor_orphan(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "mine")],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    while int(process.stdout.readline()) < 2:
        pass
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    process.stdout.close()
    assert psutil.wait_procs(family, timeout=20)[1] == []

    waves = make_library(tmp_path, count=6, folder=tmp_path / "mine")
    missing = make_library(tmp_path, count=200, folder=tmp_path / "mine").missing()
    assert 0 < len(missing) < 200
    there = {path.name: path.stat().st_mtime_ns for path in (waves.folder / "facts").glob("*.parquet")}
    assert len(there) == 200 - len(missing)
    waves.simulate()
    after = {path.name: path.stat().st_mtime_ns for path in (waves.folder / "facts").glob("*.parquet")}
    assert {name: after[name] for name in there} == there
    whole = make_library(tmp_path / "elsewhere", count=6)
    whole.simulate()
    assert contents(waves) == contents(whole)
    table = pd.read_parquet(waves.folder / "facts")
    assert not table.duplicated(["specimen", "particle"]).any()
    assert set(range(6)) <= set(table["specimen"])


# Many machines


@pytest.mark.slow
def test_a_cluster_makes_the_same_waves(tmp_path):
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        assert list(run(str, [1], 0, cluster)) == [(1, "1")]
        with distributed.Client(cluster) as client:  # before any task
            assert all(client.run(eval, "'abtem' in __import__('sys').modules").values())
        here, there = (
            make_library(tmp_path / "here"),
            make_library(tmp_path / "there", cluster=cluster.scheduler_address),
        )
        steps = []
        there.simulate(lambda done, total: steps.append((done, total)))
        assert steps == [(0, 2), (1, 2), (2, 2)]
        more = make_library(tmp_path / "there", count=3, cluster=cluster)
        more.simulate()
        other = make_library(tmp_path / "other", cluster=cluster)
        other.__dict__["digest"] = "0123456789abcdef"  # as where this process imported other code
        with pytest.raises(InputError, match=r"the worker on .* has another hrtem_lab"):
            other.simulate()
    here.simulate()
    assert contents(there) == contents(here)
    assert more.missing() == []


def test_a_cluster_that_is_not_there_is_reported(tmp_path, monkeypatch):
    def refusing(*_, **__):
        raise OSError("Timed out trying to connect")

    monkeypatch.setattr(distributed, "Client", refusing)
    with pytest.raises(InputError, match=r"cluster=tcp://127\.0\.0\.1:9: no Dask scheduler answers there"):
        make_library(tmp_path, cluster="tcp://127.0.0.1:9").simulate()
