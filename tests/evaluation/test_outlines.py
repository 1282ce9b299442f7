"""Distances of outlines: of discs, whose distance is the difference of their radii."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from hrtem_lab.evaluation.outlines import outline_distances
from hrtem_lab.micrograph import InputError
from tests.strategies import instance_maps


def disc(radius, size=160):
    row, column = np.mgrid[:size, :size] - size / 2
    return np.hypot(row, column) < radius


@given(st.floats(15, 60), st.floats(15, 60))
def test_concentric_discs_are_apart_by_the_difference_of_their_radii(radius, other):
    found = outline_distances(disc(radius), disc(other), 0.05)
    assert found["boundary_signed_nm"] == pytest.approx(0.05 * (radius - other), abs=0.05 * 0.5)
    assert found["boundary_mean_nm"] == pytest.approx(0.05 * abs(radius - other), abs=0.05 * 0.5)
    assert found["boundary_p95_nm"] >= found["boundary_mean_nm"] - 0.05 * 0.5  # below it where few pixels differ


def test_a_straight_outline_that_moves_by_a_pixel():
    truth = np.zeros((40, 60), dtype=bool)
    truth[:, :20] = True
    grown = binary_dilation(truth)
    assert outline_distances(grown, truth, 0.1) == pytest.approx(
        {"boundary_mean_nm": 0.1, "boundary_p95_nm": 0.1, "boundary_signed_nm": 0.1}
    )


def test_a_tenth_of_the_outline_far_away_is_seen_by_the_percentile_alone():
    truth = np.zeros((200, 200), dtype=bool)
    truth[:, :50] = True
    bulged = truth.copy()
    bulged[:20, :90] = True
    found = outline_distances(bulged, truth, 1.0)
    assert found["boundary_p95_nm"] > 30
    assert found["boundary_mean_nm"] < 10


@given(instance_maps(), instance_maps())
def test_exchanging_both_turns_the_sign(one, other):
    there, back = outline_distances(one, other, 0.02), outline_distances(other, one, 0.02)
    assert there["boundary_mean_nm"] == pytest.approx(back["boundary_mean_nm"], nan_ok=True)
    assert there["boundary_signed_nm"] == pytest.approx(-back["boundary_signed_nm"], nan_ok=True)


@given(instance_maps())
def test_a_mask_is_on_its_own_outline(mask):
    distance = outline_distances(mask, mask, 1.0)["boundary_mean_nm"]
    assert distance == pytest.approx(0) or np.isnan(distance)


@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 1), (1, 0), (2, 1)])
def test_without_an_outline_there_is_no_distance(one, other):
    maps = [np.zeros((9, 9)), np.pad(np.ones((3, 3)), 3), np.ones((9, 9))]
    assert all(np.isnan(value) for value in outline_distances(maps[one], maps[other], 0.1).values())


def test_two_shapes_are_refused():
    with pytest.raises(InputError, match="shape"):
        outline_distances(disc(5, 20), disc(5, 21), 0.1)
