"""Pixels counted by hand, and ratios against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from hrtem_lab.evaluation.counts import pixel_counts, ratios
from hrtem_lab.micrograph import InputError
from tests.strategies import instance_maps, pixel_totals


def test_counts_by_hand():
    mask = np.array([[1, 1, 0], [0, 0, 0]])
    truth = np.array([[1, 0, 0], [1, 0, 0]])
    assert pixel_counts(mask, truth) == {"tp": 1, "fp": 1, "fn": 1, "tn": 3}


@given(instance_maps(), instance_maps())
def test_counts_sum_to_the_pixels_and_swap_with_the_arguments(mask, truth):
    counts, swapped = pixel_counts(mask, truth), pixel_counts(truth, mask)
    assert sum(counts.values()) == mask.size
    assert (counts["tp"], counts["fp"], counts["fn"]) == (swapped["tp"], swapped["fn"], swapped["fp"])


@given(instance_maps(most=1), instance_maps(most=1))
def test_ratios_agree_with_sklearn(mask, truth):
    found = ratios(**pixel_counts(mask, truth))
    flat = truth.ravel() > 0, mask.ravel() > 0
    undefined = {"zero_division": np.nan}
    assert found["dice"] == pytest.approx(f1_score(*flat, **undefined), nan_ok=True)
    assert found["precision"] == pytest.approx(precision_score(*flat, **undefined), nan_ok=True)
    assert found["recall"] == pytest.approx(recall_score(*flat, **undefined), nan_ok=True)
    assert found["accuracy"] == pytest.approx(accuracy_score(*flat))
    if mask.any() or truth.any():
        assert found["iou"] == pytest.approx(jaccard_score(*flat))


@given(pixel_totals, pixel_totals, pixel_totals, pixel_totals)
def test_dice_and_iou_are_one_number_in_two_forms(tp, fp, fn, tn):
    found = ratios(tp, fp, fn, tn)
    if tp + fp + fn:
        assert found["dice"] == pytest.approx(2 * found["iou"] / (1 + found["iou"]))


def test_undefined_ratios_are_nan_without_a_warning():
    found = ratios(tp=0, fp=0, fn=0, tn=9)
    assert {name for name, value in found.items() if np.isnan(value)} == {"dice", "iou", "precision", "recall"}
    assert np.isnan(ratios(4, 0, 0, 0)["false_positive_rate"])


def test_a_wholly_wrong_mask_scores_zero_not_nan():
    found = ratios(tp=0, fp=3, fn=0, tn=1)
    assert (found["dice"], found["iou"], found["precision"], found["false_positive_rate"]) == (0, 0, 0, 0.75)
    assert np.isnan(found["recall"])


@given(st.lists(st.tuples(*[pixel_totals] * 4), min_size=1, max_size=5))
def test_arrays_give_what_scalars_give(rows):
    together = ratios(*np.array(rows).T)
    for n, row in enumerate(rows):
        for name, value in ratios(*row).items():
            assert together[name][n] == pytest.approx(value, nan_ok=True)


def test_shapes_must_agree():
    with pytest.raises(InputError, match=r"\(2, 3\).*\(3, 2\)"):
        pixel_counts(np.zeros((2, 3)), np.zeros((3, 2)))
