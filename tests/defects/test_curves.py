"""Curves of a classification, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.defects.curves import choose_confidence_threshold, fault_curves, reliability, risk_coverage
from hrtem_lab.defects.scores import score
from tests.defects.scenes import given_to_fault


def test_faults_ranked_perfectly_have_an_area_of_one():
    truth = pd.Series(["fault", "fault", "no_fault", "empty"])
    found = score(truth, given_to_fault(0.9, 0.6, 0.5, 0.1))
    assert found["fault_roc_auc"] == found["fault_average_precision"] == 1
    curves = fault_curves(truth, given_to_fault(0.9, 0.6, 0.5, 0.1))
    assert curves["roc"].iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert (curves["precision_recall"]["precision"].iloc[-1], curves["precision_recall"]["recall"].iloc[-1]) == (1, 0)


def test_without_a_fault_there_is_no_curve():
    curves = fault_curves(pd.Series(["no_fault"]), given_to_fault(0.3))
    assert all(table.empty for table in curves.values())


def test_a_calibrated_probability_has_no_error():
    truth = pd.Series(["fault"] * 7 + ["no_fault"] * 3)
    given = given_to_fault(*[0.7] * 10)
    assert score(truth, given)["ece"] == pytest.approx(0)
    assert score(truth, given_to_fault(*[0.9] * 10))["ece"] == pytest.approx(0.2)
    counts = reliability(truth, given)
    assert counts[["count", "positives"]].sum().tolist() == [10, 7]


def test_the_brier_score_of_classes_is_0_where_all_is_known_and_2_where_all_is_wrong():
    truth = pd.Series(["fault", "fault"])
    assert score(truth, given_to_fault(1.0, 1.0))["brier"] == 0
    assert score(pd.Series(["empty"]), given_to_fault(1.0))["brier"] == 2


def test_risk_is_counted_from_the_most_confident_on():
    truth = pd.Series(["fault", "no_fault", "fault", "fault"])
    curve = risk_coverage(truth, given_to_fault(0.9, 0.8, 0.8, 0.6))
    np.testing.assert_allclose(curve["confidence"], [0.9, 0.8, 0.6])
    np.testing.assert_allclose(curve["coverage"], [0.25, 0.75, 1])
    np.testing.assert_allclose(curve["risk"], [0, 1 / 3, 1 / 4])


@pytest.mark.parametrize(("accuracy", "threshold"), [(0.0, 0.0), (0.75, 0.0), (0.8, 0.9), (1.0, 0.9)])
def test_the_threshold_accepts_as_many_predictions_as_possible(accuracy, threshold):
    truth = pd.Series(["fault", "no_fault", "fault", "fault"])
    assert choose_confidence_threshold(truth, given_to_fault(0.9, 0.8, 0.8, 0.6), accuracy) == pytest.approx(threshold)


def test_a_poor_forest_keeps_its_most_confident_predictions_alone():
    truth = pd.Series(["no_fault", "no_fault"])
    assert choose_confidence_threshold(truth, given_to_fault(0.9, 0.8), 0.9) == pytest.approx(0.9)
    assert choose_confidence_threshold(truth.iloc[:0], given_to_fault(), 0.9) == 0
