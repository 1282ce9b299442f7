"""Shapes against formulas for their volume, facets against the angles of the lattice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, HalfspaceIntersection

from hrtem_lab.physics import shapes
from hrtem_lab.physics.material import STACK_AXES
from hrtem_lab.physics.shapes import make_body

NAMES = ["sphere", "faceted", "ellipsoid", "rod", "irregular", "decahedron", "icosahedron"]
BOX = (np.random.default_rng(0).random((200_000, 3)) - 0.5) * 2


def volume(normals, distances):
    """Return the volume of a polyhedron by SciPy."""
    units = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    return ConvexHull(HalfspaceIntersection(np.column_stack([units, -distances]), np.zeros(3)).intersections).volume


@pytest.mark.parametrize("cubic", [True, False])
@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=3)
@given(seed=st.integers(0, 2**31))
def test_every_shape_holds_the_volume_of_its_sphere(name, cubic, seed):
    found = make_body(name, cubic, seed)
    inside = found.depth(BOX) > 0
    assert 8 * inside.mean() == pytest.approx(np.pi / 6, rel=0.02)
    assert np.linalg.norm(BOX[inside], axis=1).max() == pytest.approx(found.max_radius, abs=0.03)
    assert np.abs(BOX[inside].mean(0)).max() < (0.15 if name == "irregular" else 0.01)


def test_sizes_are_those_of_the_formulas():
    """The scale is the diameter of the sphere with the volume of the shape before it is scaled."""
    assert make_body("sphere", True, 0).scale == pytest.approx(1, rel=1e-3)
    assert make_body("ellipsoid", True, 0).scale == pytest.approx(np.cbrt(0.8 * 1.2), rel=1e-3)
    # the octahedron |x| + |y| + |z| < h, less the six pyramids that the cube |x| < c cuts off
    h, c = shapes.FACET_111 * np.sqrt(3), shapes.FACET_100
    assert make_body("faceted", True, 0).scale == pytest.approx(
        np.cbrt((4 / 3 * h**3 - 4 * (h - c) ** 3) * 6 / np.pi), rel=2e-3
    )
    assert make_body("faceted", False, 0).scale == pytest.approx(
        np.cbrt(volume(*shapes._hexagonal_prism()) * 6 / np.pi), rel=2e-3
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_rod_is_a_cylinder_with_round_ends(seed):
    found = make_body("rod", True, seed)
    long, wide = (_extent(found, axis) for axis in ([0, 0, 1.0], [1.0, 0, 0]))
    assert shapes.ROD_ASPECTS[0] <= long / wide <= shapes.ROD_ASPECTS[1]
    assert np.pi / 4 * wide**2 * (long - wide) + np.pi / 6 * wide**3 == pytest.approx(np.pi / 6, rel=0.01)
    assert found.max_radius == pytest.approx(long / 2, rel=0.01)


def _extent(found, axis):
    steps = np.linspace(0, 2, 20001)
    return 2 * steps[found.depth(steps[:, None] * axis) > 0].max()


def test_random_shapes_depend_on_the_seed_alone():
    one, same, other = (make_body("irregular", True, seed).depth(BOX[:100]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.02
    spread = [np.std([_extent(make_body("irregular", True, s), a) for a in np.eye(3)]) for s in range(10)]
    assert 0.03 < np.mean(spread) < 0.25


@pytest.mark.parametrize("name", NAMES)
@given(st.floats(0.05, 0.95))
@settings(deadline=None, max_examples=10)
def test_depth_grows_towards_the_centre(name, share):
    found = make_body(name, True, 3)
    assert (found.depth(BOX[:200] * share) > found.depth(BOX[:200]) - 1e-9).all()
    # no deeper than the way to the surface: steps of that length stay inside
    inside = BOX[:2000][found.depth(BOX[:2000]) > 0.02]
    steps = BOX[2000 : 2000 + len(inside)]
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    if name in ("sphere", "faceted", "rod", "decahedron", "icosahedron"):
        assert (found.depth(inside + 0.99 * found.depth(inside)[:, None] * steps) > 0).all()


def facets(found, normals):
    """Distances of the surface along some normals."""
    return np.array([_extent(found, n / np.linalg.norm(n)) / 2 for n in normals])


def test_facets_of_metals_are_111_and_100():
    found = make_body("faceted", True, 0)
    near, far = (
        facets(found, np.array([[1, 1, 1], [1, -1, 1]]) @ STACK_AXES.T),
        facets(found, [[1, 0, 0]] @ STACK_AXES.T),
    )
    np.testing.assert_allclose(near, near[0], rtol=1e-3)
    assert far[0] / near[0] == pytest.approx(1.15, rel=0.01)  # of the surface energies


def test_facets_of_wurtzite_are_those_of_its_cell():
    """{10-10} stands at right angles to a row; {10-11} at 62 degrees to {0001}, as c / a = 1.63 has it."""
    normals, _ = shapes._hexagonal_prism()
    assert np.abs(normals[:6] @ [1, 0, 0]).min() < 1e-9
    np.testing.assert_allclose(normals[6:8], [[0, 0, 1], [0, 0, -1]])
    angles = np.degrees(np.arccos(np.abs(normals[8:, 2]) / np.linalg.norm(normals[8:], axis=1)))
    np.testing.assert_allclose(angles, 62.06, atol=0.05)
