"""Particles drawn with a known overlap, and the assignment against a search of all permutations."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import contingency_table

from hrtem_lab.evaluation.objects import match, object_ratios, overlaps
from hrtem_lab.micrograph import InputError
from tests.strategies import instance_maps


def strips(*ends):
    """A one-row map with one particle per (start, stop)."""
    row = np.zeros((1, 40), dtype=np.int32)
    for number, (start, stop) in enumerate(ends, start=1):
        row[0, start:stop] = number
    return row


@given(instance_maps(), instance_maps())
def test_overlaps_agree_with_skimage(predicted, truth):
    table = contingency_table(predicted, truth, ignore_labels=[0], sparse_type="array").toarray()
    table[0], table[:, 0] = 0, 0
    found = overlaps(predicted, truth)
    assert (found["pixels"] > 0).all()
    again = np.zeros_like(table)
    again[found["predicted"], found["truth"]] = found["pixels"]
    np.testing.assert_array_equal(again, table)


def test_match_by_hand():
    found = match(strips((0, 10), (20, 30)), strips((2, 10), (26, 36)))
    assert found.to_dict("records") == [{"predicted": 1, "truth": 1, "iou": 0.8}]


def test_the_threshold_itself_is_a_match():
    assert len(match(strips((0, 5)), strips((0, 10)), iou=0.5)) == 1
    assert len(match(strips((0, 4)), strips((0, 10)), iou=0.5)) == 0


def test_a_greedy_choice_would_lose_a_pair():
    predicted, truth = strips((0, 20), (20, 28)), strips((4, 24), (0, 4))
    # predicted 1 fits true 1 best (16/24), but only predicted 1 can have true 2 (4/20) and predicted 2 true 1 (4/24)
    assert set(zip(*match(predicted, truth, iou=0.15)[["predicted", "truth"]].to_numpy().T, strict=True)) == {
        (1, 2),
        (2, 1),
    }


@given(instance_maps((6, 6), 3), instance_maps((6, 6), 3), st.sampled_from([0.05, 0.2, 0.5]))
def test_match_is_as_good_as_the_best_permutation(predicted, truth, least):
    iou = np.zeros((3, 3))
    for i, j in np.ndindex(3, 3):
        a, b = predicted == i + 1, truth == j + 1
        iou[i, j] = (a & b).sum() / max((a | b).sum(), 1)
    iou[iou < least] = 0
    best = max(((np.array([iou[i, j] for i, j in enumerate(p)])) for p in permutations(range(3))),
               key=lambda pairs: (np.count_nonzero(pairs), pairs.sum()))  # fmt: skip
    found = match(predicted, truth, least)
    assert len(found) == np.count_nonzero(best)
    assert found["iou"].sum() == pytest.approx(best.sum())
    assert found["predicted"].is_unique
    assert found["truth"].is_unique


def test_ratios():
    assert object_ratios(3, 1, 2) == {"f1": pytest.approx(6 / 9), "precision": 0.75, "recall": 0.6}
    assert all(np.isnan(value) for value in object_ratios(0, 0, 0).values())


def test_one_line_errors():
    with pytest.raises(InputError, match="shape"):
        overlaps(strips(), strips()[:, 1:])
    with pytest.raises(InputError, match="negative"):
        overlaps(-strips((0, 2)), strips())
    with pytest.raises(InputError, match="iou is 0"):
        match(strips(), strips(), iou=0)
