"""Tables of particles in pieces: the same as in one go, and a call that was interrupted goes on."""

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.micrograph import InputError
from hrtem_lab.particles import measure
from hrtem_lab.physics import ImageSimulator
from hrtem_lab.pipelines import particle_tables
from hrtem_lab.pipelines.particle_tables import FOREST, TRUE_MASKS, PiecewiseTables, add_tables, segment_views, tabulate
from hrtem_lab.segmentation.data import SimulatedData
from hrtem_lab.segmentation.segmenter import Segmentation
from tests.segmentation.scenes import PREPROCESSING, DrawnLibrary, dihedral

SETS = {
    FOREST: lambda image, instances, pixel_size_nm, maps: measure(instances, pixel_size_nm)[["area_nm2"]],
    TRUE_MASKS: lambda image, instances, pixel_size_nm, maps: measure(instances, pixel_size_nm)[["aspect_ratio"]],
}


def data(size):
    settings = {"samples": 4, "batch_size": 4, "workers": 0}
    return SimulatedData(DrawnLibrary(size), ImageSimulator(), PREPROCESSING, dihedral(), 1, 2, **settings)


class Finder:
    """Finds all particles but the first one; is interrupted at its micrograph number `breaks_at`."""

    def __init__(self, breaks_at=np.inf):
        self.breaks_at, self.seen = breaks_at, []

    def __call__(self, micrograph):
        if len(self.seen) == self.breaks_at:
            raise KeyboardInterrupt
        self.seen.append(micrograph.name)
        instances = np.where(micrograph.instances == 1, 0, micrograph.instances)
        return Segmentation((instances > 0)[None].astype(np.float32), instances)


@pytest.fixture(autouse=True)
def pieces_of_two(monkeypatch):
    monkeypatch.setattr(particle_tables, "SPECIMENS_PER_PIECE", 2)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name].sort_index(), table.sort_index(), check_dtype=False)
        assert len(table) > 4


def test_pieces_are_the_table_of_all(tmp_path):
    found = PiecewiseTables(tmp_path, Finder()).tabulate(data(8), "train", 2, SETS)
    assert_same(found, tabulate(segment_views(data(8), "train", 2, Finder()), SETS))
    assert len(list(tmp_path.iterdir())) == 3 * len(SETS)  # five specimens


def test_what_was_interrupted_goes_on(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        PiecewiseTables(tmp_path, Finder(breaks_at=7)).tabulate(data(8), "train", 2, SETS)
    assert len(list(tmp_path.iterdir())) == len(SETS)  # and nothing half done
    rest = Finder()
    found = PiecewiseTables(tmp_path, rest).tabulate(data(8), "train", 2, SETS)
    assert sorted(rest.seen) == sorted(f"specimen_{i}_{view}" for i in (5, 6, 7) for view in (0, 1))
    assert_same(found, tabulate(segment_views(data(8), "train", 2, Finder()), SETS))


def test_more_specimens_go_on_from_fewer(tmp_path):
    PiecewiseTables(tmp_path, Finder()).tabulate(data(7), "train", 1, SETS)
    more = Finder()
    found = PiecewiseTables(tmp_path, more).tabulate(data(9), "train", 1, SETS)
    assert more.seen == ["specimen_7_0", "specimen_8_0"]
    assert_same(found, tabulate(segment_views(data(9), "train", 1, Finder()), SETS))


def test_stages_and_numbers_of_views_have_pieces_of_their_own(tmp_path):
    whole, tables = data(8), PiecewiseTables(tmp_path, Finder())
    groups = {stage: set(tables.tabulate(whole, stage, 1, SETS)[FOREST]["group"]) for stage in ("train", "test")}
    assert not groups["train"] & groups["test"]
    twice = tables.tabulate(whole, "test", 2, SETS)
    assert_same(twice, tabulate(segment_views(whole, "test", 2, Finder()), SETS))


def test_one_view_of_a_piece_is_in_memory(tmp_path, monkeypatch):
    made = []
    simulate = SimulatedData.micrographs
    monkeypatch.setattr(
        SimulatedData, "micrographs", lambda *args: made.append(len(simulate(*args))) or simulate(*args)
    )
    PiecewiseTables(tmp_path, Finder()).tabulate(data(10), "train", 3, SETS)
    assert max(made) == 2
    assert sum(made) == 3 * 7


def test_tables_of_other_specimens_are_learned_from_besides(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    tables = PiecewiseTables(here, Finder())
    train, test = (tables.tabulate(data(8), stage, 1, SETS) for stage in ("train", "test"))
    for size in (10, 12):  # a last piece of one specimen, and the same one within another piece
        more = PiecewiseTables(there, Finder()).tabulate(data(size), "train", 1, SETS)
    found = add_tables(train, test, [str(there)])
    assert_same(found, {name: pd.concat([train[name], more[name]]) for name in SETS})
    with pytest.raises(InputError, match=f"{here}: specimen specimen_0 there is in the test; leave it out"):
        add_tables(train, test, [str(here)])
    other_features = {FOREST: train[FOREST].assign(new=1.0)}
    for tables_now, folder in ((train, tmp_path / "nothing"), (other_features, there)):
        with pytest.raises(InputError, match=f"{folder}: no table of forest there with the features of now"):
            add_tables(tables_now, test, [str(folder)])
