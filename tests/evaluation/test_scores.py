"""Scores of micrographs drawn with known mistakes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torchmetrics.classification import BinaryF1Score, BinaryJaccardIndex
from torchmetrics.segmentation import DiceScore

from hrtem_lab.evaluation.scores import SUMMARY_METRICS, paired_dice_difference, score_masks, summarise
from hrtem_lab.micrograph import InputError, LabelledMicrograph


def drawn(*squares):
    """Instances, (20, 20), with one 4 x 4 square per (row, column)."""
    instances = np.zeros((20, 20), dtype=np.int32)
    for number, (row, column) in enumerate(squares, start=1):
        instances[row : row + 4, column : column + 4] = number
    return instances


def labelled(instances, name, group):
    image = np.zeros(instances.shape, dtype=np.float32)
    return LabelledMicrograph(image=image, pixel_size_nm=0.05, name=name, instances=instances, group=group)


@pytest.fixture
def truth():
    maps = [drawn((0, 0), (10, 10)), drawn((0, 0)), drawn()]
    return [labelled(m, name, group) for m, name, group in zip(maps, "abc", "xyy", strict=True)]


@pytest.fixture
def predicted():
    return [drawn((0, 0), (10, 12), (16, 0)), drawn((0, 0)), drawn()]


def test_a_row_per_micrograph(predicted, truth):
    scores = score_masks(predicted, truth)
    assert list(scores["name"]) == ["a", "b", "c"]
    assert list(scores["group"]) == ["x", "y", "y"]
    first = scores.iloc[0]
    assert tuple(first[["tp", "fp", "fn", "tn"]]) == (24, 24, 8, 344)
    assert tuple(first[["object_tp", "object_fp", "object_fn"]]) == (1, 2, 1)
    assert first["dice"] == pytest.approx(48 / 80)
    assert first["object_f1"] == pytest.approx(2 / 5)
    assert first["count_difference"] == 1
    assert scores.loc[1, ["dice", "iou", "object_f1"]].tolist() == [1, 1, 1]
    assert scores.loc[2, ["dice", "iou", "recall", "object_f1"]].isna().all()
    assert scores.loc[2, "accuracy"] == 1


def test_a_rest_too_small_to_be_reported_is_missed_by_its_pixels_alone(truth):
    """Squares of 4 pixels of 0.05 nm have the area of a disc of 0.226 nm."""
    nothing = [drawn(), drawn(), drawn()]
    whole, smaller = (score_masks(nothing, truth, min_diameter_nm=nm).iloc[0] for nm in (0.22, 0.23))
    assert (whole["object_fn"], smaller["object_fn"]) == (2, 0)
    assert (whole["count_difference"], smaller["count_difference"]) == (-2, 0)
    assert whole["fn"] == smaller["fn"] == 32


def test_summary(predicted, truth):
    summary = summarise(score_masks(predicted, truth))
    assert summary["dice"] == pytest.approx((48 / 80 + 1) / 2)  # the empty micrograph has no Dice
    assert summary["dice_pooled"] == pytest.approx(80 / 112)
    assert summary["iou_pooled"] == pytest.approx(40 / 72)
    assert summary["object_f1"] == pytest.approx(4 / 7)
    assert summary["count_relative_error"] == pytest.approx(1 / 3)
    assert summary["false_positive_rate"] == pytest.approx(24 / (24 + 344 + 384 + 400))
    copies = [replace(m, group=f"{m.group}_{copy}") for copy in range(3) for m in truth]
    many = summarise(score_masks(3 * predicted, copies))
    for name in ("dice", "iou", "precision", "recall", "object_f1"):
        assert many[name] == pytest.approx(summary[name])
        assert many[f"{name}_low"] <= many[name] <= many[f"{name}_high"]
        assert np.isnan([summary[f"{name}_low"], summary[f"{name}_high"]]).all()  # three micrographs
    assert all(type(value) is float for value in summary.values())


def test_tiles_of_one_group_have_no_interval(predicted, truth):
    scores = score_masks(predicted, truth).assign(group="x")
    summary = summarise(scores)
    assert np.isnan([summary["dice_low"], summary["dice_high"]]).all()
    assert not np.isnan(summary["dice"])


def test_tiles_of_few_groups_are_less_sure_than_as_many_micrographs():
    rng = np.random.default_rng(0)
    shift = np.repeat([0, 1, 2, 0, 1, 0], 6)
    maps = [drawn((0, 0), (8, 8 + int(s)), (12, int(rng.integers(0, 3)))) for s in shift]
    truth = [labelled(drawn((0, 0), (8, 8), (12, 0)), str(n), str(n // 6)) for n in range(36)]
    tiles = score_masks(maps, truth)
    groups, alone = summarise(tiles), summarise(tiles.assign(group=tiles["name"]))
    assert groups["dice"] == alone["dice"]
    assert groups["dice_high"] - groups["dice_low"] > alone["dice_high"] - alone["dice_low"]


def test_a_bare_field_counts_in_a_difference_where_one_of_two_methods_leaves_it_bare(predicted, truth):
    ours = score_masks(predicted, truth)
    inventive = score_masks([*predicted[:2], drawn((5, 5))], truth)
    assert paired_dice_difference(ours, ours)["difference"] == 0
    assert paired_dice_difference(ours, inventive)["difference"] == pytest.approx(1 / 3)
    assert paired_dice_difference(inventive, ours)["difference"] == pytest.approx(-1 / 3)
    worse = ours.assign(dice=[0.5, 1.0, np.nan])
    both_bare = paired_dice_difference(ours, worse)  # in the last one
    assert both_bare["difference"] == pytest.approx((48 / 80 - 0.5) / 2)


def test_nothing_to_score_is_nan():
    scores = score_masks([], [])
    assert isinstance(scores, pd.DataFrame)
    assert all(np.isnan(value) for value in summarise(scores).values())


def test_one_line_errors(predicted, truth):
    with pytest.raises(InputError, match="2 predicted maps for 3"):
        score_masks(predicted[:2], truth)
    with pytest.raises(InputError, match=r"^a: .*\(19, 20\)"):
        score_masks([m[1:] for m in predicted], truth)


def test_the_metrics_are_those_that_are_declared():
    assert set(summarise(score_masks([], []))) == set(SUMMARY_METRICS)


EMPTY, SQUARE = drawn(), drawn((5, 5))


@pytest.mark.parametrize(
    ("mask", "true", "expected"),
    [
        (EMPTY, EMPTY, {"dice": np.nan, "precision": np.nan, "recall": np.nan, "object_f1": np.nan}),
        (SQUARE, EMPTY, {"dice": 0, "precision": 0, "recall": np.nan, "object_f1": 0, "panoptic_quality": 0}),
        (EMPTY, SQUARE, {"dice": 0, "precision": np.nan, "recall": 0, "object_f1": 0, "count_bias": -1}),
        (SQUARE, SQUARE, {"dice": 1, "precision": 1, "recall": 1, "object_f1_mean": 1, "size_bias_nm": 0}),
    ],
    ids=["nothing there", "invented", "missed", "found"],
)
def test_what_is_empty_has_the_answer_of_the_rules(mask, true, expected):
    row = score_masks([mask], [labelled(true, "a", "a")]).iloc[0]
    assert row[list(expected)].to_dict() == pytest.approx(expected, nan_ok=True)
    assert np.isnan(row["boundary_mean_nm"]) == (not (mask.any() and true.any()))


def test_torchmetrics_has_three_answers_where_nothing_is_there():
    """The documentation says so, and which of them is ours."""
    nothing = torch.zeros(1, 4, 4, dtype=torch.long)
    answers = {
        "f1": BinaryF1Score(),
        "jaccard": BinaryJaccardIndex(),
        "f1, zero_division=1": BinaryF1Score(zero_division=1),
        "dice": DiceScore(num_classes=2, include_background=False, input_format="index"),
    }
    values = {name: float(metric(nothing, nothing)) for name, metric in answers.items()}
    expected = {"f1": 0, "jaccard": 0, "f1, zero_division=1": 1, "dice": np.nan}
    assert values == pytest.approx(expected, nan_ok=True)


def test_what_is_found_where_a_label_is_ignored_is_not_wrong():
    truth = labelled(drawn((0, 0)), "a", "x")
    ignored = np.zeros((20, 20), dtype=bool)
    ignored[8:, 8:] = True
    found = [drawn((0, 0), (10, 10))]
    plain, spared = (score_masks(found, [each]).iloc[0] for each in (truth, replace(truth, ignored=ignored)))
    assert (plain["fp"], plain["object_fp"]) == (16, 1)
    assert (spared["fp"], spared["object_fp"], spared["dice"]) == (0, 0, 1)
