"""Scores counted by hand, and by scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from hrtem_lab.defects.scores import (
    confusion,
    decide,
    fault_curves,
    least_confidence,
    reliability,
    risk_coverage,
    score,
)
from hrtem_lab.evaluation import wilson_interval
from hrtem_lab.micrograph import CLASSES


def probabilities(guesses, index=None):
    """A certain guess for every particle."""
    return pd.DataFrame([[float(name == c) for c in CLASSES] for name in guesses], columns=list(CLASSES), index=index)


def test_what_is_costly_to_miss_is_named_sooner():
    given = pd.DataFrame([[0.3, 0.5, 0.2, 0, 0], [0.2, 0.5, 0.3, 0, 0]], columns=list(CLASSES), index=[7, 9])
    assert decide(given)["class"].tolist() == ["no_fault", "no_fault"]
    costly = decide(given, {"fault": 2.0})
    assert costly["class"].tolist() == ["fault", "no_fault"]
    assert costly["confidence"].tolist() == [0.3, 0.5]
    assert costly.index.tolist() == [7, 9]
    assert decide(given.iloc[:0], {"fault": 2.0}).empty


def test_costs_change_what_is_named_and_no_curve():
    truth = pd.Series(["fault", "no_fault"])
    given = pd.DataFrame([[0.4, 0.6, 0, 0, 0], [0.1, 0.9, 0, 0, 0]], columns=list(CLASSES))
    plain, costly = score(truth, given), score(truth, given, costs={"fault": 2.0})
    assert (plain["fault_recall"], costly["fault_recall"]) == (0, 1)
    assert (plain["accuracy"], costly["accuracy"]) == (0.5, 1)
    assert plain["fault_roc_auc"] == costly["fault_roc_auc"] == 1
    assert plain["ece"] == pytest.approx((0.6 + 0.1) / 2)
    assert costly["ece"] == pytest.approx((0.6 + 0.1) / 2)  # named at 0.4, and right
    assert risk_coverage(truth, given, {"fault": 2.0})["confidence"].tolist() == [0.9, 0.4]
    assert least_confidence(truth, given, 1.0, {"fault": 2.0}) == 0


TRUTH = ["fault", "fault", "fault", "no_fault", "no_fault", "no_fringe", "no_fringe", "empty"]
GUESS = ["fault", "no_fault", "fault", "fault", "no_fault", "no_fringe", "empty", "empty"]


def test_the_score_is_what_is_counted_by_hand():
    found = score(pd.Series(TRUTH), probabilities(GUESS))
    assert found["particles"] == 8
    assert found["accuracy"] == 5 / 8
    assert found["majority_accuracy"] == 3 / 8
    assert (found["accuracy_low"], found["accuracy_high"]) == wilson_interval(5, 8)
    # two of three faults found, and one that was none
    assert found["fault_precision"] == pytest.approx(2 / 3)
    assert found["fault_recall"] == pytest.approx(2 / 3)
    assert found["fault_f1"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] == pytest.approx(np.mean([2 / 3, 1 / 2, 1 / 2, 1]))
    f1 = [2 * tp / (2 * tp + fp + fn) for tp, fp, fn in ((2, 1, 1), (1, 1, 1), (1, 0, 1), (1, 1, 0))]
    assert found["macro_f1"] == pytest.approx(np.mean(f1))


def test_another_view_of_the_same_specimens_makes_an_interval_no_narrower():
    def interval(views):
        found = score(pd.Series(TRUTH * views), probabilities(GUESS * views), pd.Series(list(range(8)) * views))
        return [found[f"{name}_{end}"] for name in ("accuracy", "macro_f1") for end in ("low", "high")]

    assert interval(3) == interval(1)
    assert interval(1)[0] < 5 / 8 < interval(1)[1]


@given(st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1, max_size=40))
def test_the_score_is_scikit_learns(pairs):
    truth, guesses = zip(*pairs, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(pd.Series(truth), probabilities(guesses))
    present = sorted(set(truth))
    assert found["accuracy"] == accuracy_score(truth, guesses)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's function speaks of guesses that are no true class
        assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, guesses))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, guesses, labels=present, average="macro"))
    assert found["accuracy_low"] <= found["accuracy"] <= found["accuracy_high"]
    assert np.isnan(found["fault_recall"]) == ("fault" not in truth)
    assert np.isnan(found["fault_precision"]) == ("fault" not in guesses)


def test_without_particles_every_ratio_is_undefined():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(pd.Series([], dtype=object), probabilities([]))
    assert found.pop("particles") == 0
    assert all(np.isnan(value) for value in found.values()), found


def test_confusion_counts_true_by_predicted():
    found = confusion(pd.Series(TRUTH), probabilities(GUESS))
    assert list(found.index) == list(found.columns) == list(CLASSES)
    assert (found.index.name, found.columns.name) == ("true", "predicted")
    assert found.loc["fault", "no_fault"] == 1
    assert found.loc["no_fault", "fault"] == 1
    assert found.loc["no_fringe", "empty"] == 1
    assert found.to_numpy().sum() == len(TRUTH)
    assert np.trace(found) == 5


@given(st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), max_size=30))
def test_confusion_counts_every_pair(pairs):
    truth, guesses = zip(*pairs, strict=True) if pairs else ((), ())
    found = confusion(pd.Series(truth, dtype=object), probabilities(guesses))
    for one in CLASSES:
        for other in CLASSES:
            assert found.loc[one, other] == pairs.count((one, other))


def given_to_fault(*probabilities):
    """Rows that give a probability to fault and the rest to no_fault."""
    rows = pd.DataFrame(0.0, index=range(len(probabilities)), columns=list(CLASSES))
    return rows.assign(fault=probabilities, no_fault=1 - np.array(probabilities))


def test_every_class_has_precision_and_recall_with_wilson_intervals():
    found = score(pd.Series(TRUTH), probabilities(GUESS))
    assert found["no_fringe_recall"] == 1 / 2
    assert found["no_fringe_precision"] == 1
    assert (found["empty_precision_low"], found["empty_precision_high"]) == wilson_interval(1, 2)
    assert np.isnan(found["agglomerate_recall"])


def test_intervals_over_specimens_hold_the_value():
    rng = np.random.default_rng(0)
    truth = pd.Series(rng.choice(["fault", "no_fault", "no_fringe"], 120))
    guesses = truth.where(rng.random(120) < 0.8, "no_fault")
    found = score(truth, probabilities(guesses), pd.Series(rng.integers(0, 12, 120)))
    for name in ("balanced_accuracy", "macro_f1", "fault_f1"):
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"]
    none = score(truth.iloc[:0], probabilities([]), pd.Series([], dtype=object))
    assert np.isnan(none["fault_f1_low"])
    one = score(truth, probabilities(guesses), pd.Series(np.zeros(120)))
    assert np.isnan(one["fault_f1_low"])


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


def test_a_probability_that_keeps_its_word_has_no_error():
    truth = pd.Series(["fault"] * 7 + ["no_fault"] * 3)
    given = given_to_fault(*[0.7] * 10)
    assert score(truth, given)["ece"] == pytest.approx(0)
    assert score(truth, given_to_fault(*[0.9] * 10))["ece"] == pytest.approx(0.2)
    counts = reliability(truth, given)
    assert counts[["particles", "right"]].sum().tolist() == [10, 7]


def test_risk_is_counted_from_the_surest_on():
    truth = pd.Series(["fault", "no_fault", "fault", "fault"])
    curve = risk_coverage(truth, given_to_fault(0.9, 0.8, 0.8, 0.6))
    np.testing.assert_allclose(curve["confidence"], [0.9, 0.8, 0.6])
    np.testing.assert_allclose(curve["coverage"], [0.25, 0.75, 1])
    np.testing.assert_allclose(curve["risk"], [0, 1 / 3, 1 / 4])


@pytest.mark.parametrize(("accuracy", "least"), [(0.0, 0.0), (0.75, 0.0), (0.8, 0.9), (1.0, 0.9)])
def test_the_least_confidence_answers_as_many_as_it_may(accuracy, least):
    truth = pd.Series(["fault", "no_fault", "fault", "fault"])
    assert least_confidence(truth, given_to_fault(0.9, 0.8, 0.8, 0.6), accuracy) == pytest.approx(least)


def test_a_hopeless_forest_answers_only_where_it_is_surest():
    truth = pd.Series(["no_fault", "no_fault"])
    assert least_confidence(truth, given_to_fault(0.9, 0.8), 0.9) == pytest.approx(0.9)
    assert least_confidence(truth.iloc[:0], given_to_fault(), 0.9) == 0
