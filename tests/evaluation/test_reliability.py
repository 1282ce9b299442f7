"""Reliability counts by hand, by their sum and against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from hrtem_lab.evaluation.reliability import aurc, brier, ece, reliability_counts, risk_coverage
from hrtem_lab.micrograph import InputError


def drawn(seed, size=500):
    rng = np.random.default_rng(seed)
    return rng.random(size), rng.random(size) < 0.3


def test_counts_by_hand():
    counts = reliability_counts(np.array([[0.0, 0.1, 0.5], [0.7, 0.9, 1.0]]), np.array([[0, 1, 0], [1, 0, 1]]), bins=2)
    assert counts["count"].tolist() == [2, 4]
    assert counts["positives"].tolist() == [1, 2]
    assert counts["probability"].tolist() == pytest.approx([0.1, 3.1])
    assert ece(counts) == pytest.approx((0.9 + 1.1) / 6)


@given(st.integers(0, 99), st.integers(1, 20))
def test_counts_add_up(seed, bins):
    (p, t), (q, u) = drawn(seed), drawn(seed + 1)
    both = reliability_counts(np.concatenate([p, q]), np.concatenate([t, u]), bins)
    pd.testing.assert_frame_equal(reliability_counts(p, t, bins) + reliability_counts(q, u, bins), both)
    assert both["count"].sum() == 1000
    assert both["positives"].sum() == np.count_nonzero(t) + np.count_nonzero(u)


def test_bins_agree_with_scikit_learn():
    p, t = drawn(3)
    counts = reliability_counts(p, t, 10)
    share, mean = calibration_curve(t, p, n_bins=10)
    np.testing.assert_allclose(counts["positives"] / counts["count"], share)
    np.testing.assert_allclose(counts["probability"] / counts["count"], mean)


def test_calibrated_probabilities_have_no_error_and_overconfident_ones_have():
    rng = np.random.default_rng(0)
    calibrated = rng.random(200_000)
    truth = rng.random(len(calibrated)) < calibrated
    assert ece(reliability_counts(calibrated, truth)) < 0.01
    # the error of a rounded probability is |round(p) - p|, 1/4 on average
    assert ece(reliability_counts(calibrated.round(), truth)) == pytest.approx(0.25, abs=0.01)


def test_no_pixel_no_error():
    assert np.isnan(ece(reliability_counts(np.empty(0), np.empty(0))))


@pytest.mark.parametrize("wrong", [1.5, -0.1, np.nan])
def test_values_outside_0_to_1_are_refused(wrong):
    with pytest.raises(InputError, match="expected 0 to 1"):
        reliability_counts(np.array([0.5, wrong]), np.ones(2))
    with pytest.raises(InputError, match="expected the same"):
        reliability_counts(np.zeros(3), np.zeros(4))


def test_risk_and_its_area_by_hand():
    curve = risk_coverage(np.array([0.9, 0.8, 0.8, 0.6]), np.array([False, True, False, False]))
    assert curve.to_numpy().tolist() == [[0.9, 0.25, 0], [0.8, 0.75, 1 / 3], [0.6, 1, 0.25]]
    assert aurc(curve) == pytest.approx(0.5 / 3 + 0.25 * 0.25)
    # a confidence that says nothing leaves the risk what it is
    assert aurc(risk_coverage(np.full(4, 0.5), np.array([True, False, False, False]))) == pytest.approx(0.25)
    assert np.isnan(aurc(risk_coverage(np.empty(0), np.empty(0, dtype=bool))))


def test_the_brier_score_is_scikit_learns():
    rng = np.random.default_rng(0)
    probability, truth = rng.random(500), rng.random(500) < 0.3
    assert brier(probability, truth) == pytest.approx(brier_score_loss(truth, probability))
    assert brier(truth.astype(float), truth) == 0
    assert np.isnan(brier(np.empty(0), np.empty(0)))
