"""Scores counted by hand, and by scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from hrtem_lab.defects.curves import choose_confidence_threshold, risk_coverage
from hrtem_lab.defects.scores import SCORE_METRICS, confusion, score
from hrtem_lab.evaluation import wilson_interval
from hrtem_lab.micrograph import CLASSES
from tests.defects.scenes import certain


def test_costs_change_predicted_classes_and_no_threshold_curve():
    truth = pd.Series(["fault", "no_fault"])
    given = pd.DataFrame([[0.4, 0.6, 0, 0, 0], [0.1, 0.9, 0, 0, 0]], columns=list(CLASSES))
    plain, costly = score(truth, given), score(truth, given, costs={"fault": 2.0})
    assert (plain["fault_recall"], costly["fault_recall"]) == (0, 1)
    assert (plain["accuracy"], costly["accuracy"]) == (0.5, 1)
    assert plain["fault_roc_auc"] == costly["fault_roc_auc"] == 1
    assert plain["ece"] == pytest.approx((0.6 + 0.1) / 2)
    assert costly["ece"] == pytest.approx((0.6 + 0.1) / 2)  # named at 0.4, and right
    assert risk_coverage(truth, given, {"fault": 2.0})["confidence"].tolist() == [0.9, 0.4]
    assert choose_confidence_threshold(truth, given, 1.0, {"fault": 2.0}) == 0


TRUTH = ["fault", "fault", "fault", "no_fault", "no_fault", "no_fringe", "no_fringe", "empty"]
GUESS = ["fault", "no_fault", "fault", "fault", "no_fault", "no_fringe", "empty", "empty"]


def test_the_score_is_what_is_counted_by_hand():
    found = score(pd.Series(TRUTH), certain(GUESS))
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


def test_more_views_of_the_same_specimens_do_not_narrow_an_interval():
    def interval(views):
        found = score(pd.Series(TRUTH * views), certain(GUESS * views), pd.Series(list(range(8)) * views))
        return [found[f"{name}_{end}"] for name in ("accuracy", "macro_f1") for end in ("low", "high")]

    assert interval(3) == interval(1)
    assert interval(1)[0] < 5 / 8 < interval(1)[1]


@given(st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1, max_size=40))
def test_the_score_is_scikit_learns(pairs):
    truth, guesses = zip(*pairs, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(pd.Series(truth), certain(guesses))
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
        found = score(pd.Series([], dtype=object), certain([]))
    assert found.pop("particles") == 0
    assert all(np.isnan(value) for value in found.values()), found


def test_confusion_counts_true_by_predicted():
    found = confusion(pd.Series(TRUTH), certain(GUESS))
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
    found = confusion(pd.Series(truth, dtype=object), certain(guesses))
    for one in CLASSES:
        for other in CLASSES:
            assert found.loc[one, other] == pairs.count((one, other))


def test_every_class_has_precision_and_recall_with_wilson_intervals():
    found = score(pd.Series(TRUTH), certain(GUESS))
    assert found["no_fringe_recall"] == 1 / 2
    assert found["no_fringe_precision"] == 1
    assert (found["empty_precision_low"], found["empty_precision_high"]) == wilson_interval(1, 2)
    assert np.isnan(found["agglomerate_recall"])


def test_intervals_over_specimens_contain_the_value():
    rng = np.random.default_rng(0)
    truth = pd.Series(rng.choice(["fault", "no_fault", "no_fringe"], 120))
    guesses = truth.where(rng.random(120) < 0.8, "no_fault")
    found = score(truth, certain(guesses), pd.Series(rng.integers(0, 12, 120)))
    for name in ("balanced_accuracy", "macro_f1", "fault_f1"):
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"]
    none = score(truth.iloc[:0], certain([]), pd.Series([], dtype=object))
    assert np.isnan(none["fault_f1_low"])
    one = score(truth, certain(guesses), pd.Series(np.zeros(120)))
    assert np.isnan(one["fault_f1_low"])


def test_the_metrics_are_those_that_are_declared():
    empty = score(pd.Series(dtype=str), pd.DataFrame(columns=list(CLASSES), dtype=float))
    assert set(empty) == set(SCORE_METRICS)
