"""The table that the forest learns from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.defects.table import NON_FEATURE_COLUMNS, feature_names, tabulate_particles
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.particles import lattice_features
from tests.particles.scenes import particle, single


def features(image, instances, pixel_size_nm, maps=None):
    """Mean intensity and area of every particle."""
    numbers = [n for n in np.unique(instances) if n]
    rows = [
        {"mean": image[instances == n].mean(), "area_nm2": (instances == n).sum() * pixel_size_nm**2} for n in numbers
    ]
    return pd.DataFrame(rows, index=pd.Index(numbers, name="particle"))


def micrograph(name, instances, group=None, names=("fault", "no_fault", "no_fringe")):
    return LabelledMicrograph(
        image=10.0 * instances.astype(np.float32),
        pixel_size_nm=0.5,
        name=name,
        instances=instances,
        group=group or name,
        ground_truth=pd.DataFrame({"label": names}, index=pd.RangeIndex(1, len(names) + 1)),
    )


def blocks(*numbers):
    """Squares of 4 x 4 pixels side by side."""
    return np.kron(np.array(numbers, dtype=np.int32)[None, :], np.ones((4, 4), dtype=np.int32))


def found(*numbers):
    """The same without probability maps."""
    return blocks(*numbers), None


def test_rows_and_columns():
    one, two = micrograph("a", blocks(1, 0, 2, 0), "specimen"), micrograph("b", blocks(0, 3, 0, 0))
    table = tabulate_particles([one, two], [found(5, 0, 4, 0), found(0, 1, 0, 2)], features)
    assert table.index.names == ["micrograph", "particle"]
    assert table.index.tolist() == [("a", 4), ("a", 5), ("b", 1), ("b", 2)]
    assert list(table.columns) == ["mean", "area_nm2", *NON_FEATURE_COLUMNS]
    assert table["label"].tolist() == ["no_fault", "fault", "no_fringe", "empty"]
    assert table["group"].tolist() == ["specimen", "specimen", "b", "b"]
    assert table["mean"].tolist() == [20, 10, 30, 0]
    assert table["area_nm2"].tolist() == [4.0] * 4


def test_the_ground_truth_is_that_of_the_matched_particle():
    one = micrograph("a", blocks(1, 0, 2, 0, 0))
    truth = one.ground_truth.assign(material=["Au", "Pt", "Ag"], plane_tilt_deg=[1.5, 2.5, 3.5])
    one = replace(one, ground_truth=truth, metadata={"dose_e_per_nm2": 1e5})
    table = tabulate_particles([one], [found(5, 0, 4, 0, 6)], features).droplevel("micrograph")
    assert table["true_material"].where(table["label"] != "empty", "none").to_dict() == {4: "Pt", 5: "Au", 6: "none"}
    assert table["true_plane_tilt_deg"].dropna().to_dict() == {4: 2.5, 5: 1.5}
    assert table["true_twins"].isna().all()
    assert (table["dose_e_per_nm2"] == 1e5).all()
    assert feature_names(table) == ("mean", "area_nm2")


def test_micrographs_without_a_prediction_have_no_rows():
    one, two = micrograph("a", blocks(1, 0)), micrograph("b", blocks(1, 2))
    table = tabulate_particles([one, two], [found(0, 0), found(1, 0)], features)
    assert table.index.tolist() == [("b", 1)]


@pytest.mark.parametrize("micrographs", [[], [micrograph("a", blocks(1, 0))]])
def test_no_prediction_at_all(micrographs):
    table = tabulate_particles(micrographs, [found(0, 0)] * len(micrographs), features)
    assert len(table) == 0
    assert {"label", "group"} <= set(table.columns)
    assert table.index.names == ["micrograph", "particle"]


def test_one_map_for_each_micrograph():
    with pytest.raises(ValueError, match="shorter"):
        tabulate_particles([micrograph("a", blocks(1, 0))], [], features)


@pytest.mark.parametrize(
    "maps", [None, np.full((2, 172, 172), 0.25, dtype=np.float32)], ids=["no network", "two outputs"]
)
def test_the_lattices_features_are_numbers(maps):
    image, instances = particle(*single(), pixel_size_nm=0.05)
    truth = LabelledMicrograph(
        image=image.astype(np.float32),
        pixel_size_nm=0.05,
        name="drawn",
        instances=instances,
        group="drawn",
        ground_truth=pd.DataFrame({"label": ["no_fault"]}, index=[1]),
    )
    table = tabulate_particles([truth], [(instances, maps)], lattice_features)
    assert table["label"].tolist() == ["no_fault"]
    numbers = table[list(feature_names(table))]
    assert len(numbers.columns) > 10
    assert all(np.issubdtype(kind, np.number) for kind in numbers.dtypes)
