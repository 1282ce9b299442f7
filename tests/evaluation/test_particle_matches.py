"""Particles with their partners: drawn ones, and the counts that have to add up."""

import numpy as np
import pytest
import torch
from hypothesis import given
from torchmetrics.detection import PanopticQuality

from hrtem_lab.evaluation.particle_matches import (
    match_counts,
    match_particles,
    scores_by_size,
    size_errors,
    split_and_merged,
)
from hrtem_lab.evaluation.scores import score_masks
from hrtem_lab.micrograph import LabelledMicrograph
from tests.strategies import instance_maps

PIXEL_NM = 0.1


def labelled(instances):
    return LabelledMicrograph(
        image=np.zeros(instances.shape, dtype=np.float32),
        pixel_size_nm=PIXEL_NM,
        name="m",
        instances=instances,
        group="g",
    )


def discs(*circles, size=120):
    """Instances of discs of (row, column, radius) in pixels."""
    row, column = np.mgrid[:size, :size]
    instances = np.zeros((size, size), dtype=np.int32)
    for number, (r, c, radius) in enumerate(circles, start=1):
        instances[np.hypot(row - r, column - c) < radius] = number
    return instances


@given(instance_maps(), instance_maps())
def test_every_particle_is_in_one_row(predicted, truth):
    table = match_particles(predicted, labelled(truth))
    assert sorted(table.loc[table["truth"] > 0, "truth"]) == [n for n in np.unique(truth) if n]
    assert sorted(table.loc[table["predicted"] > 0, "predicted"]) == [n for n in np.unique(predicted) if n]
    counts = match_counts(table)
    assert counts["object_tp"] + counts["object_fp"] == len(set(np.unique(predicted)) - {0})
    assert counts["object_tp"] + counts["object_fn"] == len(set(np.unique(truth)) - {0})


@given(instance_maps())
def test_a_map_matches_itself_whatever_its_numbers(truth):
    counts = match_counts(match_particles(truth * 7, labelled(truth)))
    assert (counts["object_fp"], counts["object_fn"]) == (0, 0)
    assert counts["object_tp_90"] == counts["object_tp"] == counts["iou_sum"]


def test_particles_below_the_least_diameter_do_not_count():
    truth = discs((20, 20, 10), (60, 60, 3), (100, 100, 6))
    with_two = np.where(truth == 3, 0, truth)

    def counts(predicted, min_diameter_nm):
        values = match_counts(match_particles(predicted, labelled(truth), min_diameter_nm))
        return [values[f"object_{name}"] for name in ("tp", "fp", "fn")]

    assert counts(with_two, 0.0) == [2, 0, 1]
    assert counts(with_two, 1.0) == [1, 0, 1]
    assert counts(with_two, 1.5) == [1, 0, 0]
    assert counts(np.roll(truth, 40, axis=1), 1.5) == [0, 3, 1]


def test_the_error_of_the_size_is_what_was_drawn():
    truth = discs((30, 30, 20.0), (30, 90, 15.0), (0, 60, 12.0))
    found = discs((30, 30, 22.0), (30, 90, 16.0), (0, 60, 14.0))  # the last one is cut by the edge
    table = match_particles(found, labelled(truth))
    assert table["whole"].tolist() == [True, True, False]
    counts = match_counts(table)
    bias, spread = size_errors(*(counts[f"size_{name}"] for name in ("pairs", "sum_nm", "square_sum_nm2")))
    assert bias == pytest.approx((0.4 + 0.2) / 2, abs=0.02)
    assert spread == pytest.approx(np.std([0.4, 0.2], ddof=1), abs=0.02)


def test_splits_and_merges():
    whole = discs((60, 30, 20), (60, 71, 20), (100, 100, 8))
    halved = whole.copy()
    halved[60:] += 10 * (whole[60:] > 0)
    assert split_and_merged(halved, whole) == {"splits": 2, "merges": 0}
    assert split_and_merged(whole, halved) == {"splits": 0, "merges": 2}
    joined = np.where(whole == 2, 1, whole)
    assert split_and_merged(joined, whole) == {"splits": 0, "merges": 1}
    assert split_and_merged(whole, whole) == {"splits": 0, "merges": 0}


@given(instance_maps(), instance_maps())
def test_the_panoptic_quality_is_that_of_torchmetrics(predicted, truth):
    """Here a match may have an IoU of 0.5, there it has more; micrographs in which that matters are left out."""
    table = match_particles(predicted, labelled(truth))
    if (table["iou"] == 0.5).any() or not (predicted.any() or truth.any()):
        return
    second = PanopticQuality(things={1}, stuffs={0})
    maps = [torch.from_numpy(np.stack([m > 0, m], axis=-1).astype(np.int64))[None] for m in (predicted, truth)]
    second.update(*maps)
    sums = [float(getattr(second, name)[0]) for name in ("iou_sum", "true_positives")]
    counts = match_counts(table)
    assert [counts["iou_sum"], counts["object_tp"]] == pytest.approx(sums)
    quality = score_masks([predicted], [labelled(truth)])["panoptic_quality"].iloc[0]
    wrong = float(second.false_positives[0] + second.false_negatives[0])
    assert quality == pytest.approx(sums[0] / (sums[1] + wrong / 2))


def test_every_size_has_its_own_scores():
    truth = discs((30, 30, 20.0), (90, 30, 7.0), (90, 90, 7.0))
    found = discs((30, 30, 20.0), (90, 30, 8.0), (30, 90, 7.0))
    table = scores_by_size(match_particles(found, labelled(truth)), (0, 2, 3, 5)).set_index("range_nm")
    assert list(table.index) == ["0 to 2", "3 to 5"]
    assert table.loc["0 to 2", ["particles", "found", "invented"]].tolist() == [2, 1, 1]
    assert table.loc["0 to 2", ["recall", "precision"]].tolist() == [0.5, 0.5]
    assert table.loc["0 to 2", "size_bias_nm"] == pytest.approx(0.2, abs=0.03)
    assert table.loc["3 to 5", ["recall", "mean_iou", "size_bias_nm"]].tolist() == [1, 1, 0]
