"""Tiles of large images cover everything, begin on the network's grid and leave no trace."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.tiling import Tiling
from tests.segmentation.scenes import Pointwise, unet


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 3), st.integers(0, 31))
def test_windows_cover_everything_with_the_given_overlap(rows, columns, tile, overlap):
    tiling = Tiling(tile=32 * tile, overlap=overlap, stride=32)
    covered = np.zeros((rows, columns), dtype=int)
    starts = ({w[axis].start for w in tiling.windows(rows, columns)} for axis in (0, 1))
    for window in tiling.windows(rows, columns):
        for side, length in zip(covered[window].shape, (rows, columns), strict=True):
            assert side == length if length <= 32 * tile else side <= 32 * tile and side % 32 == 0
        covered[window] += 1
    assert covered.min() >= 1
    for begun, length in zip(starts, (rows, columns), strict=True):
        steps = np.diff(sorted(begun))
        assert (steps <= tiling.side(length) - overlap).all()


def test_tiles_are_no_larger_than_their_number_takes():
    tiling = Tiling(tile=1024, overlap=256, stride=32)
    assert (tiling.side(1664), tiling.starts(1664)) == (960, [0, 704])
    assert (tiling.side(1024), tiling.side(1056), tiling.side(1792)) == (1024, 672, 1024)


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 96))
def test_tiles_begin_on_the_networks_grid_where_their_overlap_leaves_room(length, tile, overlap):
    tiling = Tiling(tile=32 * tile, overlap=min(overlap, 32 * tile - 32), stride=32)
    assert all(start % 32 == 0 for start in tiling.starts(32 * length))


@pytest.mark.parametrize("settings", [{"tile": 64, "overlap": 64}, {"tile": 100}, {"overlap": -1}, {"tile": 0}])
def test_impossible_tiles_are_refused(settings):
    with pytest.raises(InputError, match="tile"):
        unet(Pointwise(), **settings)
