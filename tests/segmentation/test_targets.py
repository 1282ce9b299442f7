"""Targets of a network: masks, cores and the distance from the outline."""

import numpy as np
import pytest

from hrtem_lab.segmentation.targets import CORE, DISTANCE, DISTANCE_RANGE_PX, PARTICLE, target_masks

ROW, COLUMN = np.mgrid[-40:41, -40:41]


def test_the_distance_of_discs_is_that_of_their_circles():
    means = []
    for row, column, radius in np.random.default_rng(0).uniform([-2, -2, 6], [2, 2, 28], (40, 3)):
        depth = radius - np.hypot(ROW - row, COLUMN - column)
        targets = target_masks((depth > 0).astype(np.int32))
        difference = (DISTANCE_RANGE_PX * targets[..., DISTANCE] - depth)[np.abs(depth) < DISTANCE_RANGE_PX - 1]
        assert np.abs(difference).max() < 0.8  # a circle of pixels is a staircase
        means.append(difference.mean())
        assert set(np.unique(targets[..., PARTICLE])) == {0, 1}
        assert targets[..., CORE].sum() < targets[..., PARTICLE].sum()
    assert abs(np.mean(means)) < 0.05


@pytest.mark.parametrize(("value", "expected"), [(0, -1), (1, 1)])
def test_nothing_and_everything_have_no_outline(value, expected):
    assert (target_masks(np.full((5, 7), value, np.int32))[..., DISTANCE] == expected).all()


def test_two_that_touch_share_one_outline():
    instances = np.where(np.hypot(ROW, COLUMN) < 20, np.where(COLUMN < 0, 1, 2), 0)
    np.testing.assert_array_equal(
        target_masks(instances)[..., DISTANCE], target_masks((instances > 0).astype(int))[..., DISTANCE]
    )
