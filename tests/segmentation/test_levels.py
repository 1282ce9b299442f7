"""Several scales: large bodies come from where the image is coarse, everything else stays as it was seen."""

import numpy as np
import pytest

from hrtem_lab.segmentation.levels import SMALLEST_SIDE_PX, add_coarser_levels, coarser_shapes, score_regions
from hrtem_lab.segmentation.targets import CORE, DISTANCE, DISTANCE_RANGE_PX, PARTICLE

SIDE = 800
ROW, COLUMN = np.mgrid[:SIDE, :SIDE].astype(float)


def disc(row: float, column: float, radius: float, size: int = SIDE) -> np.ndarray:
    """Depth in pixels below the outline of a disc whose place is given on the finest grid."""
    scale = SIDE / size
    grid = (np.arange(size) + 0.5) * scale - 0.5
    return (radius - np.hypot(grid[:, None] - row, grid[None, :] - column)) / scale


def maps_of(depth: np.ndarray) -> np.ndarray:
    """Maps of a network that sees bodies of these depths."""
    mask = depth > 0
    return np.stack([mask, mask, np.clip(depth, -DISTANCE_RANGE_PX, DISTANCE_RANGE_PX)]).astype(np.float32)


def hollow(depth: np.ndarray) -> np.ndarray:
    """What a network says that sees no further than 60 pixels: the rim of a large body."""
    return maps_of(np.minimum(depth, 60 - depth))


def test_a_large_body_that_is_hollow_on_the_finest_level_is_filled_and_keeps_its_outline():
    depth = disc(400, 380, 300)
    maps = add_coarser_levels(hollow(depth), depth, lambda coarse: maps_of(disc(400, 380, 300, len(coarse))), 0.5)
    np.testing.assert_array_equal(maps[DISTANCE] > 0, depth > 0)
    near = np.abs(depth) < 5
    np.testing.assert_allclose(maps[DISTANCE][near], depth[near], atol=1e-3)
    assert maps[PARTICLE][depth > 60].min() > 0.99
    assert maps[CORE][depth > 60].min() > 0.99


@pytest.mark.parametrize("radius", [20.0, 60.0])
def test_what_only_a_coarser_level_sees_and_is_not_large_does_not_count(radius):
    nothing = maps_of(np.full((SIDE, SIDE), -99.0))
    maps = add_coarser_levels(nothing, ROW, lambda coarse: maps_of(disc(300, 300, radius, len(coarse))), 0.5)
    np.testing.assert_array_equal(maps, nothing)


def test_a_large_body_that_is_hardly_probable_does_not_count():
    nothing = maps_of(np.full((SIDE, SIDE), -99.0))
    doubtful = np.array([0.3, 0.3, 1.0])[:, None, None]
    maps = add_coarser_levels(nothing, ROW, lambda c: doubtful * maps_of(disc(400, 400, 300, len(c))), 0.5)
    np.testing.assert_array_equal(maps, nothing)


def test_levels_halve_until_the_image_is_small():
    assert list(coarser_shapes((1638, 800))) == [(819, 400), (409, 200), (204, 100)]
    assert list(coarser_shapes((2 * SMALLEST_SIDE_PX - 1, 900))) == []


def test_regions_are_scored_by_their_mean():
    mask = np.zeros((6, 9), bool)
    mask[1:3, 1:4], mask[4:, 6:] = True, True
    probability = np.where(mask, COLUMN[:6, :9] / 10, 0.9)
    regions, scores = score_regions(probability, mask)
    assert scores[0] == 0
    np.testing.assert_allclose(scores[regions[1, 1]], np.mean([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(scores[regions[5, 8]], np.mean([0.6, 0.7, 0.8]))
