"""Repeated runs: how often their intervals hold the truth, by simulation, and SciPy as a second opinion."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hrtem_lab.evaluation import compare_with_repeats, repeat_tolerance, summarise_repeats, t_interval

NAN = float("nan")


def test_the_interval_is_that_of_the_t_test():
    values = np.array([0.91, 0.94, 0.92, 0.95])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert t_interval(values) == pytest.approx((expected.low, expected.high))
    assert t_interval([*values, NAN]) == pytest.approx(t_interval(values))


def test_equal_values_have_an_interval_without_width():
    assert t_interval(np.array([0.1, 0.1, 0.1])) == pytest.approx((0.1, 0.1))
    assert t_interval(np.zeros(3)) == (0, 0)
    assert np.isnan(t_interval(np.array([0.1]))).all()
    assert repeat_tolerance([0.1, 0.1, 0.1]) == 0
    assert np.isnan(repeat_tolerance([0.1]))


def test_five_values_hold_the_truth_as_often_as_the_interval_says_and_with_a_bootstrap_they_do_not():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(1000, 5))
    held = np.mean([low <= 0 <= high for low, high in map(t_interval, draws)])
    means = draws[:, rng.integers(5, size=(400, 5))].mean(axis=2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    assert held == pytest.approx(0.95, abs=0.02)
    assert np.mean((low <= 0) & (high >= 0)) < 0.88


def cross_validate_least_squares(rng: np.random.Generator, folds: int = 5, units: int = 50) -> np.ndarray:
    """Errors of least squares on each fold of drawn data, (folds,)."""
    x, fold = rng.normal(size=(units, 10)), np.arange(units) % folds
    y = x.sum(axis=1) + rng.normal(size=units)
    return np.array([error(x[fold != k], y[fold != k], x[fold == k], y[fold == k]) for k in range(folds)])


def error(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> float:
    return float(np.abs(x_test @ np.linalg.lstsq(x, y, rcond=None)[0] - y_test).mean())


def test_folds_share_what_they_learn_from_and_so_their_interval_is_wider():
    rng = np.random.default_rng(0)
    draws = [cross_validate_least_squares(rng) for _ in range(500)]
    truth = np.mean(draws)  # the mean over many sets is the expected error of a training of this size
    held = {r: np.mean([low <= truth <= high for low, high in (t_interval(d, r) for d in draws)]) for r in (0, 0.25)}
    assert held[0] < 0.935
    assert held[0.25] > 0.95


def test_one_more_run_lies_within_the_tolerance_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(5, 2, size=(2000, 4))
    within = [abs(draw[0] - draw[1:].mean()) <= repeat_tolerance(draw[1:]) for draw in draws]
    assert np.mean(within) == pytest.approx(0.95, abs=0.015)


def test_the_summary_has_the_names_of_a_single_run_and_the_interval_of_the_repeats():
    runs = pd.DataFrame({"dice": [0.8, 0.9], "dice_low": [0.1, 0.1], "dice_high": [0.95, 0.96], "f1": [NAN, 0.5]})
    summary = summarise_repeats(runs)
    assert set(summary) == {"dice", "dice_low", "dice_high", "f1", "f1_low", "f1_high"}
    assert summary["dice"] == pytest.approx(0.85)
    assert (summary["dice_low"], summary["dice_high"]) == pytest.approx(t_interval([0.8, 0.9]))
    assert summary["f1"] == 0.5
    assert np.isnan(summary["f1_low"])


def test_numbers_agree_to_the_bit_within_a_tolerance_or_cannot_be_judged():
    repeats = pd.DataFrame({"same": [0.1, 0.1], "near": [0.50, 0.52], "far": [0.50, 0.5001], "gone": [1.0, 2.0]})
    table = compare_with_repeats({"same": 0.1, "near": 0.51, "far": 0.9, "other": 1.0}, repeats).set_index("metric")
    assert table["agrees"].to_dict() == {"same": True, "near": True, "far": False}
    assert table.loc["same", ["difference", "tolerance"]].tolist() == [0, 0]
    single = compare_with_repeats({"same": 0.1, "near": 0.51}, repeats[:1]).set_index("metric")
    assert single["agrees"].to_dict() == {"same": True, "near": None}
