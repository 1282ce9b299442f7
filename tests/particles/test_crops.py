"""Crops hold their particle, whole, where it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_lab.micrograph import InputError
from hrtem_lab.particles.crops import crop, crops, densest_window
from tests.strategies import instance_maps


@given(instance_maps(), st.integers(0, 20))
def test_every_particle_is_cut_out_whole(instances, margin_px):
    image = np.arange(instances.size, dtype=np.float32).reshape(instances.shape)
    found = list(crops(image, instances, margin_px))
    assert [particle for particle, _, _ in found] == np.unique(instances[instances > 0]).tolist()
    for particle, part, mask in found:
        np.testing.assert_array_equal(part[mask], image[instances == particle])
        alone = crop(image, instances, particle, margin_px)
        np.testing.assert_array_equal(alone[0], part)
        np.testing.assert_array_equal(alone[1], mask)


def test_the_margin_ends_at_the_border():
    instances = np.zeros((20, 20), dtype=np.int32)
    instances[1:4, 10:12] = 5
    part, mask = crop(instances, instances, 5, margin_px=3)
    assert part.shape == mask.shape == (7, 8)
    assert mask.sum() == 6


@pytest.mark.parametrize("particle", [0, 2, -1])
def test_a_particle_that_is_not_there(particle):
    instances = np.array([[0, 1], [3, 3]], dtype=np.int32)
    with pytest.raises(InputError, match=f"no particle {particle}"):
        crop(instances, instances, particle)


def test_shapes_must_agree():
    with pytest.raises(InputError, match="shape"):
        next(crops(np.zeros((3, 3)), np.zeros((3, 4), dtype=np.int32)))


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_the_window_is_inside_and_no_larger_than_its_side(rows, columns, side_px, seed):
    weight = np.random.default_rng(seed).random((rows, columns))
    assert weight[densest_window(weight, side_px)].shape == (min(rows, side_px), min(columns, side_px))


@pytest.mark.parametrize("at", [(0, 0), (130, 70), (199, 299), (10, 299)])
def test_the_window_is_where_the_weight_is(at):
    row, column = np.mgrid[:200, :300]
    weight = np.maximum(40 - np.hypot(row - at[0], column - at[1]), 0)
    best = max(weight[i : i + 64, j : j + 64].sum() for i in range(0, 137, 4) for j in range(0, 237, 4))
    assert weight[densest_window(weight, 64)].sum() > 0.95 * best
