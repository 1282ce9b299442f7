"""Sizes of populations whose distribution is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import lognorm, norm

from hrtem_lab.evaluation.size_statistics import (
    STATISTICS,
    Sizes,
    draw_micrographs,
    estimate_sizes,
    lognormal_fit,
    simulate_coverage,
    variance_components,
)
from hrtem_lab.evaluation.weighted import describe


def drawn(seed: int, micrographs: int = 10, each: int = 40, between: float = 0.1, within: float = 0.2) -> Sizes:
    """Log-normal sizes with the median 5, which differ from micrograph to micrograph."""
    rng = np.random.default_rng(seed)
    which = np.repeat(np.arange(micrographs), each)
    values = 5 * np.exp(rng.normal(0, between, micrographs)[which] + rng.normal(0, within, len(which)))
    return Sizes(values, np.pi / 4 * values**2, rng.uniform(1, 2, len(values)), which)


def value(sizes: Sizes, statistic: str) -> float:
    return sizes.statistics()[0, STATISTICS.index(statistic)]


def test_a_log_normal_population_has_its_percentiles_and_moments():
    sizes = drawn(0, micrographs=400, each=100)
    spread = np.hypot(0.1, 0.2)
    truth = lognorm(spread, scale=5)
    for name, share in {"d10": 0.1, "d50": 0.5, "d90": 0.9}.items():
        assert value(sizes, name) == pytest.approx(truth.ppf(share), rel=0.02)
    assert value(sizes, "mean") == pytest.approx(truth.mean(), rel=0.02)
    assert value(sizes, "sd") == pytest.approx(truth.std(), rel=0.03)
    assert value(sizes, "geometric_mean") == pytest.approx(5, rel=0.02)
    assert value(sizes, "geometric_sd") == pytest.approx(np.exp(spread), rel=0.02)
    # by area a log-normal distribution is moved by twice its variance (Hatch and Choate)
    assert value(sizes, "area_weighted_d50") == pytest.approx(5 * np.exp(2 * spread**2), rel=0.02)
    assert value(sizes, "area_weighted_mean") == pytest.approx(5 * np.exp(2.5 * spread**2), rel=0.02)


def test_the_statistics_are_those_of_the_other_way_to_compute_them():
    sizes = drawn(1)
    other = describe(np.column_stack([sizes.weights, sizes.values]))
    names = ("mean", "sd", "d50", "geometric_mean", "geometric_sd")
    assert [value(sizes, name) for name in names] == pytest.approx(other[[0, 1, 3, 5, 6]])


def test_a_draw_that_takes_a_micrograph_twice_is_the_table_with_its_rows_twice():
    sizes = drawn(2, micrographs=3)
    rows = np.flatnonzero(sizes.micrographs == 1)
    order = np.concatenate([np.flatnonzero(sizes.micrographs == 0), rows, rows])
    twice = Sizes(
        sizes.values[order], sizes.areas[order], sizes.weights[order], np.repeat([0, 1, 2], len(rows)).astype(np.intp)
    )
    drawn_twice = sizes.statistics(np.array([[1.0, 2.0, 0.0]]))[0]
    different = [STATISTICS.index(name) for name in ("sd", "geometric_sd")]  # Kish's number knows no repetition
    assert np.delete(drawn_twice, different) == pytest.approx(np.delete(twice.statistics()[0], different))


def test_the_cumulative_share_is_that_of_the_particles_up_to_a_size():
    sizes = replace(drawn(3, micrographs=2, each=2), values=np.array([1.0, 2, 3, 4]), weights=np.array([1.0, 1, 1, 3]))
    shares = sizes.cumulative(np.array([0.5, 1, 3.5, 4]), np.ones((1, 2)))[0]
    assert shares == pytest.approx([0, 1 / 6, 0.5, 1])


def test_every_draw_has_as_many_micrographs():
    draws = draw_micrographs(7, 50)
    assert draws.shape == (50, 7)
    assert (draws.sum(axis=1) == 7).all()


@pytest.mark.parametrize("micrographs", [4, 12])
def test_the_interval_of_a_median_holds_the_truth_as_often_as_it_says(micrographs: int):
    hits = 0
    for seed in range(120):
        row = estimate_sizes(drawn(seed, micrographs, each=10), resamples=200, seed=seed).loc["d50"]
        hits += row["low"] < 5 < row["high"]
    assert 0.88 < hits / 120 < 0.99


def test_the_simulated_coverage_is_that_of_the_interval():
    assert simulate_coverage(drawn(0, micrographs=6, each=8), populations=100) == pytest.approx(0.95, abs=0.06)


def test_two_micrographs_give_no_interval():
    table = estimate_sizes(drawn(0, micrographs=2))
    assert table["value"].notna().all()
    assert table[["low", "high", "relative_error"]].isna().all(axis=None)
    assert np.isnan(simulate_coverage(drawn(0, micrographs=2)))


def test_no_particles_have_no_sizes():
    nothing = Sizes(*(np.empty(0),) * 3, np.empty(0, np.intp))
    assert np.isnan(nothing.statistics()).all()


def test_the_variances_between_and_within_micrographs_are_told_apart():
    between, within = variance_components(drawn(4, micrographs=200, each=20))
    assert (between, within) == (pytest.approx(0.01, rel=0.3), pytest.approx(0.04, rel=0.1))


def test_a_log_normal_distribution_fits_and_a_bimodal_one_does_not():
    one = replace(drawn(5, between=0), weights=np.ones(400))
    assert lognormal_fit(one, 99)["p"] > 0.05
    rng = np.random.default_rng(0)
    two = replace(one, values=np.exp(np.where(rng.random(400) < 0.5, 1, 2) + rng.normal(0, 0.1, 400)))
    fit = lognormal_fit(two, 99)
    assert fit["p"] < 0.02
    assert fit["distance"] > 0.15
    expected = np.max(
        np.abs(np.arange(1, 401) / 400 - norm.cdf(np.sort(np.log(one.values)), *norm.fit(np.log(one.values))))
    )
    assert lognormal_fit(one, 99)["distance"] == pytest.approx(expected, abs=1 / 400)
