"""Polygons that hold a mask exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.draw import polygon2mask

from hrtem_lab.particles.pixel_borders import trace_borders


def filled(curves: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels inside an odd number of curves."""
    return np.logical_xor.reduce([polygon2mask(shape, curve) for curve in curves])


@given(arrays(np.int32, (7, 9), elements=st.integers(0, 2)))
def test_filling_the_border_gives_the_mask_back(instances: np.ndarray):
    borders = trace_borders(instances)
    assert sorted(borders) == sorted(set(instances.ravel().tolist()) - {0})
    for number, curves in borders.items():
        np.testing.assert_array_equal(filled(curves, instances.shape), instances == number)


def test_a_square_has_four_corners_at_the_sides_of_its_pixels():
    instances = np.zeros((9, 9), np.int32)
    instances[2:5, 3:7] = 5
    (curve,) = trace_borders(instances)[5]
    assert len(curve) == 5
    assert curve[0].tolist() == curve[-1].tolist()
    assert {tuple(corner) for corner in curve.tolist()} == {(1.5, 2.5), (1.5, 6.5), (4.5, 2.5), (4.5, 6.5)}


def test_curves_around_holes_run_the_other_way():
    instances = np.ones((5, 5), np.int32)
    instances[2, 2] = 0
    areas = [np.sum(c[1:, 0] * c[:-1, 1] - c[:-1, 0] * c[1:, 1]) / 2 for c in trace_borders(instances)[1]]
    assert sum(areas) == pytest.approx(np.count_nonzero(instances))
    assert sorted(map(abs, areas)) == [1, 25]


def test_particles_that_touch_have_a_border_each():
    instances = np.array([[1, 1, 2], [1, 2, 2]], np.int32)
    borders = trace_borders(instances)
    assert [len(borders[number]) for number in (1, 2)] == [1, 1]
    assert filled(borders[2], instances.shape).tolist() == [[False, False, True], [False, True, True]]
