"""Intervals and tests against SciPy, formulas and simulated coverage."""

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap, wilcoxon

from hrtem_lab.evaluation.intervals import (
    MIN_GROUPS,
    bootstrap_interval,
    bootstrap_values,
    estimate,
    fdr_adjust,
    holm_adjust,
    paired_test,
    rank_biserial,
    wilson_interval,
)


def mean(rows):
    return rows[:, 0].mean()


@pytest.fixture
def scores():
    return np.random.default_rng(3).beta(8, 2, size=(30, 1))


def test_bootstrap_agrees_with_scipy(scores):
    judge = bootstrap((scores[:, 0],), np.mean, method="percentile", n_resamples=4000, rng=np.random.default_rng(1))
    found = bootstrap_interval(mean, scores, resamples=4000)
    assert found == pytest.approx(tuple(judge.confidence_interval), abs=0.005)


def test_bootstrap_repeats_with_its_seed(scores):
    assert bootstrap_interval(mean, scores, seed=4) == bootstrap_interval(mean, scores, seed=4)
    assert bootstrap_interval(mean, scores, seed=4) != bootstrap_interval(mean, scores, seed=5)


def test_more_confidence_is_a_wider_interval(scores):
    narrow, wide = (bootstrap_interval(mean, scores, confidence) for confidence in (0.5, 0.99))
    assert wide[0] < narrow[0] < mean(scores) < narrow[1] < wide[1]


def test_a_vector_statistic_gives_the_intervals_of_its_parts(scores):
    low, high = bootstrap_interval(lambda rows: np.array([mean(rows), np.nan]), scores, resamples=300)
    assert (low[0], high[0]) == bootstrap_interval(mean, scores, resamples=300)
    assert np.isnan([low[1], high[1]]).all()


def test_a_single_row_or_group_has_no_interval(scores):
    assert np.isnan(bootstrap_interval(mean, scores[:1])).all()
    assert np.isnan(bootstrap_interval(mean, scores[:0])).all()
    assert np.isnan(bootstrap_interval(mean, scores, groups=["a"] * len(scores))).all()


def test_copies_of_a_micrograph_do_not_narrow_the_interval():
    rows = np.random.default_rng(0).normal(size=(8, 1))
    copies, groups = np.repeat(rows, 5, axis=0), np.repeat(np.arange(8), 5)
    assert bootstrap_interval(mean, copies, groups=groups) == pytest.approx(bootstrap_interval(mean, rows))
    naive = bootstrap_interval(mean, copies)
    honest = bootstrap_interval(mean, copies, groups=groups)
    assert honest[1] - honest[0] > 1.5 * (naive[1] - naive[0])


def test_coverage_is_near_what_it_says():
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(120):
        low, high = bootstrap_interval(mean, rng.normal(size=(40, 1)), confidence=0.9, resamples=200)
        hits += low <= 0 <= high
    assert 0.8 < hits / 120 < 0.98


@pytest.mark.parametrize("number", [6, 10])
def test_coverage_holds_for_few_micrographs_too(number):
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(200):
        low, high = bootstrap_interval(mean, rng.normal(size=(number, 1)), resamples=200)
        hits += low <= 0 <= high
    assert hits / 200 > 0.89


def test_of_fewer_no_interval_is_claimed(scores):
    assert np.isnan(bootstrap_interval(mean, scores[: MIN_GROUPS - 1])).all()
    assert np.isnan(bootstrap_interval(mean, scores, groups=np.arange(30) % (MIN_GROUPS - 1))).all()
    assert not np.isnan(bootstrap_interval(mean, scores[:MIN_GROUPS])).any()


def means(rows):
    return rows.mean(axis=0)


def test_each_population_keeps_its_number_of_micrographs_in_every_draw():
    rows, groups = np.repeat([[1.0], [0.0]], (6, 12), axis=0), np.repeat(np.arange(9), 2)
    drawn = bootstrap_values(means, rows, 50, groups=groups, strata=rows[:, 0])
    assert drawn.shape == (50, 1)
    assert (drawn == 1 / 3).all()
    assert bootstrap_values(means, rows, 50, groups=groups).std() > 0
    assert np.isnan(bootstrap_values(means, rows[:8], 5, groups=groups[:8], strata=rows[:8, 0])).all()


def test_with_few_micrographs_the_estimate_is_kept_and_nothing_is_claimed():
    rows = np.random.default_rng(0).normal(size=(20, 2))
    found = estimate(means, rows, np.arange(20) % (MIN_GROUPS - 1))
    assert found["value"].tolist() == means(rows).tolist()
    assert found[["low", "high", "p"]].isna().all(axis=None)
    assert found[["low", "high", "p"]].equals(
        estimate(means, rows, np.arange(20), np.arange(20) > 2)[["low", "high", "p"]]
    )
    assert estimate(means, rows, np.arange(20) % MIN_GROUPS).notna().all(axis=None)


def test_an_estimate_over_few_micrographs_covers_the_truth_as_often_as_it_says():
    """Eight micrographs whose particles resemble each other; the second column holds 0.5, the first nothing."""
    hits, claims = np.zeros(2), 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(8), 10)
        rows = np.repeat(rng.normal(size=(8, 2)), 10, axis=0) + rng.normal(size=(80, 2)) + [0, 0.5]
        found = estimate(means, rows, groups, resamples=200, seed=seed)
        hits += (found["low"] <= [0, 0.5]) & (found["high"] >= [0, 0.5])
        claims += found["p"][0] < 0.05
    assert ((hits / 150 > 0.89) & (hits / 150 < 0.99)).all()
    assert claims / 150 < 0.1


def test_the_p_values_are_corrected_as_benjamini_and_hochberg_do():
    """Four values by hand: each times 4 over its rank, and no larger than the next one's."""
    assert fdr_adjust([0.04, np.nan, 0.01, 0.03, 0.9]) == pytest.approx(
        [0.16 / 3, np.nan, 0.04, 0.16 / 3, 0.9], nan_ok=True
    )
    assert np.isnan(fdr_adjust([np.nan])).all()
    assert len(fdr_adjust([])) == 0


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_that_of_scipy(outcome):
    successes, trials = outcome
    expected = scipy.stats.binomtest(successes, trials).proportion_ci(0.9, method="wilson")
    assert wilson_interval(successes, trials, 0.9) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_the_published_forest_and_of_nothing():
    assert wilson_interval(143, 166) == pytest.approx((0.80, 0.91), abs=0.005)
    assert np.isnan(wilson_interval(0, 0)).all()


def test_paired_p_is_exact_for_few_micrographs():
    found = paired_test([0.9, 0.8, 0.7, 0.95, 0.6, 0.8], [0.8, 0.7, 0.5, 0.90, 0.55, 0.7])
    assert found["p"] == pytest.approx(2 / 2**6)
    assert found["difference"] == pytest.approx(0.1)
    assert found["low"] < found["difference"] < found["high"]


def test_micrographs_of_a_group_flip_their_signs_together():
    a, b = np.array([0.9, 0.8, 0.7, 0.95, 0.9, 0.7]), np.full(6, 0.5)
    found = paired_test(a, b, groups=["x", "x", "y", "y", "z", "z"])
    assert found["p"] == pytest.approx(2 / 2**3)
    assert found["difference"] == pytest.approx(np.mean(a - b))
    alone = paired_test(a, b, groups=["x"] * 6)
    assert alone["difference"] == found["difference"]
    assert np.isnan([alone["low"], alone["high"], alone["p"]]).all()


def test_groups_that_differ_by_chance_are_no_lead():
    """Two methods that each do better on some specimens: without groups, ten tiles of each would be counted."""
    rng = np.random.default_rng(0)
    groups, claims = np.repeat(np.arange(6), 10), np.zeros(2)
    for _ in range(60):
        lead = np.repeat(rng.normal(size=6), 10) + 0.1 * rng.normal(size=60)
        claims += [paired_test(lead, np.zeros(60), of)["p"] < 0.05 for of in (None, groups)]
    assert claims[0] / 60 > 0.3
    assert claims[1] / 60 < 0.12


def test_paired_test_agrees_with_wilcoxon_on_equal_steps():
    rng = np.random.default_rng(2)
    signs = rng.choice([-1.0, 1.0], 12, p=[0.2, 0.8])
    ranks = rng.permutation(np.arange(1, 13))
    assert paired_test(signs * ranks, np.zeros(12))["p"] == pytest.approx(
        wilcoxon(signs * ranks, method="exact").pvalue
    )


def test_paired_test_does_not_depend_on_the_order_of_methods():
    a, b = np.random.default_rng(1).random((2, 25))
    forward, back = paired_test(a, b), paired_test(b, a)
    assert forward["difference"] == pytest.approx(-back["difference"])
    assert forward["p"] == pytest.approx(back["p"], abs=0.02)


def test_nan_pairs_are_left_out_and_one_pair_is_not_enough():
    a, b = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [0.8, 0.9, 0.4, 0.5, 0.4, 0.3]
    assert paired_test([np.nan, *a, 0.1], [0.5, *b, np.nan]) == paired_test(a, b)
    one = paired_test([0.5, np.nan], [0.4, 0.2])
    assert one.pop("difference") == pytest.approx(0.1)
    assert all(np.isnan(value) for value in one.values())
    assert all(np.isnan(value) for value in paired_test([], []).values())


def test_equal_methods_are_not_different():
    found = paired_test(*[[0.5, 0.6, 0.7, 0.8, 0.9, 1.0]] * 2)
    assert found == pytest.approx({"difference": 0, "low": 0, "high": 0, "p": 1, "effect": np.nan}, nan_ok=True)


def test_holm_by_hand():
    """Holm 1979: the smallest of m times m, the next times m - 1, never falling."""
    assert holm_adjust([0.01, 0.04, 0.03, np.nan, 0.5]) == pytest.approx([0.04, 0.09, 0.09, np.nan, 0.5], nan_ok=True)
    assert holm_adjust([0.6, 0.7]).tolist() == [1, 1]


def test_the_effect_is_wilcoxons_statistic_over_its_largest_value():
    differences = np.random.default_rng(0).normal(0.3, 1, 25)
    largest = 25 * 26 / 2
    against = wilcoxon(differences).statistic  # the smaller of both sums of ranks
    assert abs(rank_biserial(differences)) == pytest.approx(1 - 2 * against / largest)
    assert (rank_biserial([1, 2, 3]), rank_biserial([-1, 0, -2])) == (1, -1)
    assert np.isnan(rank_biserial([0, np.nan]))
