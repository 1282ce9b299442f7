"""The window and the detrending of a particle."""

import numpy as np
from hypothesis import given
from scipy.ndimage import distance_transform_edt

from hrtem_lab.particles.window import detrend, distance_to_edge_px, tapered_window
from tests.particles.scenes import ellipse
from tests.strategies import masks


def test_detrend_removes_a_quadratic_surface():
    mask = ellipse(40, 30, 20)
    row, column = np.mgrid[: len(mask), : len(mask)]
    surface = 1e4 + 3 * row - column + 0.1 * row * column - 0.02 * column**2
    assert np.abs(detrend(surface, mask)).max() < 1e-6


def test_detrend_of_float32_is_as_exact_as_of_float64():
    """Counts of a few electrons on many: float32 holds the image, but not its deviations from the surface."""
    mask = ellipse(300, 300)
    counts = np.random.default_rng(0).poisson(4, mask.shape).astype(np.float32) + 2**20
    np.testing.assert_allclose(detrend(counts, mask), detrend(counts.astype(np.float64), mask), atol=1e-9)


def test_the_window_has_soft_edges_inside_the_mask():
    mask = ellipse(60, 60)
    window = tapered_window(mask, 10)
    assert (window[~mask] == 0).all()
    assert window.max() == 1
    assert window[mask].min() < 0.05
    assert tapered_window(np.ones((1, 1), dtype=bool), 10).shape == (1, 1)


@given(masks())
def test_distance_to_edge_equals_scipys(mask):
    mask = np.pad(mask, 1)
    np.testing.assert_array_equal(distance_to_edge_px(mask), distance_transform_edt(mask))
