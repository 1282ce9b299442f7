"""Kinds of shape of analytic outlines in every direction and position between the pixels."""

import numpy as np
import pytest

from hrtem_lab.particles.outline import OUTLINE_SHAPES, ellipse_deviation, mask_curves, measure_outline
from tests.particles.scenes import ellipse, rectangle, turned


def polygon(sides, diameter_px, angle_deg=0.0, offset=(0.0, 0.0)):
    """Mask of a regular polygon in a circle of this diameter."""
    along, across = turned(int(diameter_px) + 16, angle_deg, offset)
    normals = 2 * np.pi * np.arange(sides) / sides
    depth = diameter_px / 2 * np.cos(np.pi / sides)
    return np.all([along * np.cos(n) + across * np.sin(n) < depth for n in normals], axis=0)


def star(arms, diameter_px, angle_deg=0.0, offset=(0.0, 0.0)):
    """Mask of a star with round arms a third of its radius long."""
    along, across = turned(int(diameter_px) + 16, angle_deg, offset)
    return np.hypot(along, across) < diameter_px / 2 * (0.8 + 0.2 * np.cos(arms * np.arctan2(across, along)))


def dumbbell(length_px, angle_deg=0.0, offset=(0.0, 0.0)):
    """Mask of two discs that overlap a little."""
    along, across = turned(int(length_px) + 16, angle_deg, offset)
    return np.hypot(np.abs(along) - length_px / 4, across) < 1.1 * length_px / 4


def shape(mask):
    """Kind of shape of a mask."""
    return measure_outline(mask_curves(mask.astype(bool)), np.count_nonzero(mask)).shape


def kinds(draw, *sizes):
    """Kinds of shape of an outline in 24 directions and positions."""
    rng = np.random.default_rng(0)
    masks = [draw(*sizes, rng.uniform(0, 180), rng.uniform(-0.5, 0.5, 2)) for _ in range(24)]
    return {shape(mask) for mask in masks}


@pytest.mark.parametrize("diameter_px", [20, 30, 80])
def test_every_kind_is_recognised_from_20_px_on(diameter_px):
    d = diameter_px
    for stretch in (1.0, 1.1, 1.2):
        assert kinds(ellipse, d * stretch, d / stretch) == {"round"}, stretch
    for sides in (3, 4, 5):
        assert kinds(polygon, sides, d) == {"faceted"}, sides
    assert "irregular" not in kinds(polygon, 6, d) | kinds(polygon, 8, d)
    assert kinds(ellipse, 1.8 * d, d) == kinds(rectangle, 2 * d, d) == {"elongated"}
    assert kinds(star, 4, 1.3 * d) == kinds(dumbbell, 2 * d) == {"irregular"}


def test_a_hexagon_is_faceted_and_an_octagon_round():
    assert kinds(polygon, 6, 30) == {"faceted"}
    assert kinds(polygon, 8, 30) == {"round"}
    assert set(OUTLINE_SHAPES) == {"round", "faceted", "elongated", "irregular"}


@pytest.mark.parametrize("sides", [3, 4, 5, 6])
def test_descriptors_of_a_polygon_equal_theory(sides):
    """Over both ways round: 1 / (1 + m n)^2 for every whole m but 0."""
    turn = 2 * np.pi * np.arange(sides + 1) / sides
    found = ellipse_deviation(np.column_stack([np.sin(turn), np.cos(turn)]))
    orders = [1 + m * sides for m in (-3, -2, -1, 1, 2, 3)]
    theory = np.sqrt(sum(order**-4.0 for order in orders if abs(order) <= 8))
    assert found == pytest.approx(theory, rel=0.03)


def test_an_ellipse_has_none_however_it_lies():
    turn = np.linspace(0, 2 * np.pi, 400)
    assert ellipse_deviation(np.column_stack([7 * np.sin(turn), 4 * np.cos(turn)])) < 0.01


def test_a_particle_of_a_few_pixels_has_no_shape():
    assert shape(np.ones((8, 8))) is None
    assert shape(np.ones((1, 3))) is None
    assert shape(np.ones((2, 200))) == "elongated"
