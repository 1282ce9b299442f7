"""Populations that were drawn: their distributions, and how many are faulted."""

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.evaluation.fault_share import BaseRates
from hrtem_lab.evaluation.populations import (
    QUANTITIES,
    distributions,
    fault_shares,
    select_uncut_particles,
)
from tests.evaluation.drawn import FIELD_PX, fields, particles, population

FEW = 200  # draws


def row(table: pd.DataFrame, name: str = "all", quantity: str = "equivalent_diameter_nm") -> pd.Series:
    return table[(table["class"] == name) & (table["quantity"] == quantity)].iloc[0]


def test_cut_particles_and_what_is_no_single_particle_do_not_count():
    table = particles(0, micrographs=2, each=5)
    table.loc[0, "touches_edge"] = True
    table.loc[1:2, "class"] = ["agglomerate", "empty"]
    table.loc[3, "aspect_ratio"] = np.inf
    uncut = select_uncut_particles(table, fields(table))
    assert uncut["equivalent_diameter_nm"].tolist() == table["equivalent_diameter_nm"][4:].tolist()
    side = table.loc[4, "box_rows_px"]
    assert uncut["weight"][0] == pytest.approx(FIELD_PX**2 / (FIELD_PX - 1 - side) ** 2)


def test_the_size_of_the_field_is_that_of_its_micrograph():
    table = particles(0, micrographs=2, each=1).assign(box_rows_px=40, box_columns_px=40)
    sizes = pd.DataFrame({"rows": [1000, 50], "columns": [1000, 50]}, index=["µ1", "µ0"])
    assert select_uncut_particles(table, sizes)["weight"].tolist() == pytest.approx([50**2 / 9**2, 1000**2 / 959**2])


def test_the_drawn_distribution_is_found():
    found = row(distributions(population(1, micrographs=30, fault_nm=0), FEW))
    assert (found["particles"], found["micrographs"]) == (600, 30)
    assert found["mean_low"] < 5 < found["mean_high"]
    assert found["median_low"] < 5 < found["median_high"]
    assert found["sd_low"] < np.hypot(0.4, 0.15) < found["sd_high"]
    assert found["q25"] == pytest.approx(5 - 0.6745 * np.hypot(0.4, 0.15), abs=0.06)
    assert found["geometric_sd"] == pytest.approx(np.exp(np.hypot(0.4, 0.15) / 5), rel=0.02)


def test_every_class_and_quantity_has_its_row():
    found = distributions(population(1), FEW)
    assert list(zip(found["class"], found["quantity"], strict=True)) == [
        (name, quantity) for name in ("all", "fault", "no_fault") for quantity in QUANTITIES
    ]
    assert row(found, "fault")["particles"] + row(found, "no_fault")["particles"] == row(found)["particles"]
    assert row(found, "fault")["mean"] > row(found, "no_fault")["mean"]


def test_the_interval_is_over_micrographs_and_not_over_particles():
    """Ten times as many particles of the same micrographs say hardly more about the mean."""
    few, many = (row(distributions(population(3, each=each, fault_nm=0), FEW)) for each in (20, 200))
    assert many["mean_high"] - many["mean_low"] > 0.5 * (few["mean_high"] - few["mean_low"])


@pytest.mark.parametrize("micrographs", [1, 5])
def test_few_micrographs_have_values_and_no_intervals(micrographs):
    found = row(distributions(population(0, micrographs=micrographs), FEW))
    assert found["mean"] == pytest.approx(5, abs=0.4)
    assert found[["mean_low", "mean_high", "median_low", "geometric_sd_high"]].isna().all()


def test_no_particle_gives_a_table_without_values():
    table = particles(0).assign(touches_edge=True)
    found = distributions(select_uncut_particles(table, fields(table)), FEW)
    assert (found["particles"] == 0).all()
    assert found["mean"].isna().all()


def test_without_classes_there_is_one_population():
    found = distributions(population(0).drop(columns="class"), FEW)
    assert set(found["class"]) == {"all"}


def test_shares_of_faults_count_every_judged_particle_once_and_find_the_drawn_share():
    uncut = population(2, micrographs=20, fault_nm=0)
    uncut.loc[:9, "class"] = "no_fringe"
    table = fault_shares(uncut, FEW)
    bins, total = table[:-1], table.iloc[-1]
    assert bins["particles"].sum() == total["particles"] == 390
    assert bins["faults"].sum() == total["faults"] == (uncut["class"] == "fault").sum()
    assert bins["particles"].max() - bins["particles"].min() <= 1
    assert (bins["diameter_high_nm"][:-1].to_numpy() == bins["diameter_low_nm"][1:].to_numpy()).all()
    assert total["low"] < 0.4 < total["high"]
    assert ((bins["low"] < 0.4) & (bins["high"] > 0.4)).sum() >= 7


def test_larger_particles_that_are_faulted_more_often_are_seen_in_the_bins():
    shares = fault_shares(population(2, micrographs=20, fault_nm=0.8), FEW)["fault_share"]
    assert shares[0] < 0.1
    assert shares[7] > 0.8


@pytest.mark.parametrize("number", [0, 1, 3])
def test_next_to_no_judged_particle_makes_one_bin(number):
    table = fault_shares(population(0)[:number].assign(equivalent_diameter_nm=4.0), FEW)
    assert table["particles"].tolist() == [number, number]
    assert table["fault_share"].isna().all() == (number == 0)


def test_corrected_shares_count_the_uncertain_and_find_the_drawn_share():
    """Of particles that a forest knows for certain, half of them called uncertain, the share is the drawn one."""
    uncut = population(2, micrographs=20, fault_nm=0)
    sure = pd.get_dummies(uncut["class"]).add_prefix("p_").astype(float)
    uncut = uncut.join(sure.assign(p_no_fringe=0.0, p_agglomerate=0.0, p_empty=0.0))
    uncut.loc[::2, "class"] = "uncertain"
    rates = BaseRates([2.0, 8.0], [0.2, 0.2], [0.5, 0.5])
    table = fault_shares(uncut, rates)
    bins, total = table[:-1], table.iloc[-1]
    assert total["particles"] == 200
    assert total["could_show"] == pytest.approx(400)
    assert bins["could_show"].sum() == pytest.approx(400)
    plain = np.average(uncut["p_fault"], weights=uncut["weight"])
    assert total["fault_share"] == pytest.approx(plain, abs=0.01)
    assert total["low"] < plain < total["high"]
    assert table["interval"].tolist() == ["corrected"] * len(bins) + ["corrected, over micrographs"]


def test_without_rates_or_probabilities_shares_are_those_of_the_classes():
    uncut = population(2, micrographs=20)
    rates = BaseRates([5.0], [0.2], [0.6])
    pd.testing.assert_frame_equal(fault_shares(uncut, rates, FEW), fault_shares(uncut, None, FEW))
