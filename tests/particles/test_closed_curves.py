"""Closed curves against polygons of scikit-image, and the circle."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree
from skimage.draw import polygon2mask
from skimage.measure import find_contours

from hrtem_lab.particles.closed_curves import area, contours, draw, length, normals, resample, smooth_along

TRACERS = contours, find_contours


def ring(row, column, radius, hole, size=64):
    """Curves around a disc with a hole."""
    distance = np.hypot(*(np.mgrid[:size, :size] - np.array([row, column])[:, None, None]))
    return find_contours(np.minimum(radius - distance, distance - hole), 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_contours_are_those_of_scikit_image(seed):
    values = gaussian_filter(np.random.default_rng(seed).normal(size=(40, 50)), 3.0)
    ours, theirs = contours(values, 0.01), find_contours(values, 0.01)
    points, others = (np.concatenate([curve[1:] for curve in curves]) for curves in (ours, theirs))
    assert KDTree(points).query(others)[0].max() < 1e-9
    assert KDTree(others).query(points)[0].max() < 1e-9


def test_contours_run_the_same_way_as_those_of_scikit_image():
    mask = np.hypot(*(np.mgrid[:20, :20] - 9.5)) < 6
    mask[9:11, 9:11] = False
    signed = ([np.sum(c[:-1, 0] * c[1:, 1] - c[1:, 0] * c[:-1, 1]) for c in trace(mask, 0.5)] for trace in TRACERS)
    np.testing.assert_allclose(*map(sorted, signed))


@pytest.mark.parametrize("seed", range(5))
def test_drawn_pixels_are_those_inside_by_scikit_image(seed):
    row, column, radius, hole = np.random.default_rng(seed).uniform([27, 27, 8, 2], [36, 36, 24, 5])
    curves = ring(row, column, radius, hole)
    inside = np.logical_xor.reduce([polygon2mask((64, 64), curve) for curve in curves])
    np.testing.assert_array_equal(draw({7: curves}, (64, 64)), 7 * inside)
    assert area(curves) == pytest.approx(np.pi * (radius**2 - hole**2), rel=0.01)
    assert length(curves) == pytest.approx(2 * np.pi * (radius + hole), rel=0.01)


def test_what_is_beyond_the_image_is_cut():
    curves = [curve + np.array([-40, 30]) for curve in ring(32, 32, 20, 3)]
    whole = draw({1: [curve + np.array([60, 60]) for curve in curves]}, (200, 200))
    np.testing.assert_array_equal(draw({1: curves}, (64, 64)), whole[60:124, 60:124])


def test_points_are_even_and_normals_point_out_of_particle_and_into_hole():
    outer, hole = sorted(ring(32, 32, 20, 5), key=len, reverse=True)
    for curve, sign in ((outer, 1), (hole, -1)):
        points = resample(curve, 0.7)
        steps = np.hypot(*np.diff(points, axis=0).T)
        assert steps.std() < 0.02 * steps.mean()
        away = (points - 32) / np.hypot(*(points - 32).T)[:, None]
        np.testing.assert_allclose(np.sum(normals(points) * away, axis=1), sign, atol=0.01)


def test_a_gaussian_wider_than_the_curve_gives_the_mean():
    values = np.random.default_rng(0).normal(size=(50, 2))
    np.testing.assert_allclose(smooth_along(values, 40), np.broadcast_to(values.mean(axis=0), (50, 2)))
    np.testing.assert_allclose(smooth_along(values, 5).mean(axis=0), values.mean(axis=0), atol=1e-9)
