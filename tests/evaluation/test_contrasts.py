"""Differences and correlations that were drawn are found, and those that were not are not claimed."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, permutation_test

from hrtem_lab.evaluation.contrasts import compare_populations, correlations, fault_differences, min_attainable_p
from hrtem_lab.evaluation.populations import COMPARED_QUANTITIES
from tests.evaluation.drawn import population

FEW = 200  # draws


def pair(table: pd.DataFrame, first: str, second: str) -> pd.Series:
    return table[(table["first"] == first) & (table["second"] == second)].iloc[0]


def test_a_drawn_correlation_is_found_and_the_others_are_not_claimed():
    """Spearman's of normal variables is 6 / pi asin(r / 2); r: of their sum with the spread of the micrographs."""
    found = correlations(population(4, micrographs=20, fault_nm=0), FEW)
    r = 0.5 * 0.4 / np.hypot(0.4, 0.15)
    row = pair(found, "equivalent_diameter_nm", "aspect_ratio")
    assert row["low"] < 6 / np.pi * np.arcsin(r / 2) < row["high"]
    assert row["p_adjusted"] < 0.001
    assert (found.drop(row.name)["p_adjusted"] > 0.05).all()
    assert len(found) == 15


def test_a_fault_in_larger_particles_correlates_with_the_diameter():
    found = correlations(population(5, micrographs=20), FEW)
    row = pair(found, "fault", "equivalent_diameter_nm")
    spread = np.hypot(0.4, 0.15)
    gap = 0.3 * np.sqrt(0.4 * 0.6)
    assert row["low"] < gap / np.hypot(spread, gap) < row["high"]
    assert (row["kind"], row["p_adjusted"] < 0.05) == ("point-biserial", True)


def test_the_correction_makes_no_p_smaller():
    found = correlations(population(6), FEW)
    assert (found["p_adjusted"] >= found["p"]).all()


def test_faulted_particles_are_larger_by_what_was_drawn():
    hits = 0
    for seed in range(12):
        row = fault_differences(population(seed, micrographs=8), FEW).iloc[0]
        hits += row["difference_low"] < 0.3 < row["difference_high"]
    assert hits >= 10
    assert row["mean"] - row["mean_other"] == pytest.approx(row["difference"])
    assert row["cliffs_delta"] > 0


def test_faults_of_few_micrographs_claim_nothing():
    """Of many micrographs, but only five hold a fault: those five alone tell of faulted particles."""
    table = population(1, micrographs=20)
    some = table["micrograph"].isin(table["micrograph"].unique()[:5])
    found = fault_differences(table.assign(**{"class": table["class"].where(some, "no_fault")}), FEW)
    assert found["difference"].notna().all()
    assert found[["difference_low", "difference_high", "p"]].isna().all(axis=None)


def test_only_one_kind_of_particle_leaves_the_difference_open():
    found = fault_differences(population(0).query("`class` == 'fault'"), FEW)
    assert found["particles_other"].tolist() == [0] * len(COMPARED_QUANTITIES)
    assert found[["difference", "difference_low", "cliffs_delta", "p", "p_adjusted"]].isna().all(axis=None)


def test_without_classes_only_the_shapes_are_correlated():
    assert set(correlations(population(0).drop(columns="class"), FEW)["kind"]) == {"Spearman"}


def test_a_drawn_shift_between_two_populations_is_found():
    found = compare_populations(population(1, micrographs=12, mean_nm=5.3), population(2, micrographs=12), FEW)
    row = found.set_index("quantity").loc["equivalent_diameter_nm"]
    assert row["difference_low"] < 0.3 < row["difference_high"]
    assert row["p_adjusted"] < 0.05
    assert (found["p_adjusted"][1:] > 0.05).all()
    assert found["quantity"].tolist() == [*COMPARED_QUANTITIES, "fault_share"]


def test_the_order_of_two_populations_turns_the_sign_only():
    a, b = population(1, mean_nm=5.3), population(2)
    forward, back = compare_populations(a, b, FEW), compare_populations(b, a, FEW)
    np.testing.assert_allclose(forward["difference"], -back["difference"])
    np.testing.assert_allclose(forward["p"], back["p"], atol=0.04)


def test_micrographs_that_differ_are_no_difference_of_populations():
    """Four micrographs each, all drawn alike but for their own means: particle by particle 'significant', here not."""
    claimed, naive = 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        uncut = population(0, micrographs=8, each=15)
        number = uncut.groupby("micrograph", sort=False).ngroup()
        uncut["equivalent_diameter_nm"] = rng.normal(5, 0.5, 8)[number] + rng.normal(0, 0.3, len(uncut))
        first, second = uncut[number < 4], uncut[number >= 4]
        claimed += compare_populations(first.drop(columns="class"), second, 2)["p"][0] < 0.05
        naive += mannwhitneyu(first["equivalent_diameter_nm"], second["equivalent_diameter_nm"]).pvalue < 0.05
    assert claimed <= 3
    assert naive >= 10


def test_with_one_particle_in_each_micrograph_the_test_is_welchs_permuted():
    def welch(a, b, axis):
        return (a.mean(axis) - b.mean(axis)) / np.sqrt(a.var(axis, ddof=1) / 6 + b.var(axis, ddof=1) / 5)

    a, b = (population(s, micrographs=n, each=1).assign(weight=1.0) for s, n in ((1, 6), (2, 5)))
    judge = permutation_test((a["solidity"].to_numpy(), b["solidity"].to_numpy()), welch, vectorized=True)
    assert compare_populations(a, b, 2).set_index("quantity").loc["solidity", "p"] == pytest.approx(judge.pvalue)


@pytest.mark.parametrize(("first", "second", "p"), [(1, 30, 1), (3, 3, 0.1), (4, 4, 2 / 70), (2, 3, 0.2)])
def test_the_smallest_p_is_that_of_the_most_extreme_dealing(first, second, p):
    assert min_attainable_p(first, second) == pytest.approx(p)
    if first > 1:
        a, b = population(1, micrographs=first, mean_nm=20.0), population(2, micrographs=second)
        assert compare_populations(a, b, 2)["p"][0] == pytest.approx(p)


def test_one_micrograph_or_none_cannot_be_compared():
    one, other = population(1, micrographs=1), population(2)
    for part in (one, one[:0]):
        found = compare_populations(part, other, FEW)
        assert found[["p", "p_adjusted", "difference_low"]].isna().all(axis=None)
    assert found["difference"].isna().all()


def test_equal_values_everywhere_are_no_difference():
    a, b = (population(s).assign(solidity=1.0) for s in (1, 2))
    row = compare_populations(a, b, FEW).set_index("quantity").loc["solidity"]
    assert (row["difference"], row["p"]) == (0, 1)
