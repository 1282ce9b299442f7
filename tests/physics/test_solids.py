"""Solids: their thickness against textbook formulas, and against points that are counted along the beam."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hrtem_lab.physics.solids import KINDS, ConvexPart, Solid, sample_solid

AXIS = np.linspace(-3, 3, 122)  # no point lies on a facet
ROW, COLUMN = AXIS[:, None], AXIS[None, :]
NO_PLANES = (np.empty((0, 3)), np.empty(0))


def counted_thickness(part: ConvexPart, row: float, column: float) -> float:
    """Thickness at one place: points along the beam that satisfy the definition, counted."""
    z = np.arange(-4, 4, 1e-3) + 5e-4
    points = np.stack(np.broadcast_arrays(row, column, z), axis=-1) - part.centre_nm * [1, 1, 0]
    inside = np.einsum("ni,ij,nj->n", points, part.quadric, points) <= 1
    for normal, distance in zip(part.normals, part.distances_nm, strict=True):
        inside &= points @ normal <= distance
    return 1e-3 * float(inside.sum())


def test_a_sphere_has_the_thickness_of_its_chords_and_half_of_the_greatest_at_087_of_its_radius():
    sphere = ConvexPart(np.eye(3) / 2.0**2, *NO_PLANES, np.zeros(3))
    radius = np.hypot(ROW, COLUMN)
    expected = 2 * np.sqrt(np.maximum(4 - radius**2, 0))
    np.testing.assert_allclose(sphere.thickness(ROW, COLUMN), expected, atol=1e-7)
    half = sphere.thickness(np.array([[2 * np.sqrt(0.75)]]), np.array([[0.0]]))
    np.testing.assert_allclose(half, 2.0)


def test_a_cube_seen_along_an_edge_is_a_square_and_along_a_diagonal_of_a_face_a_roof():
    normals = np.concatenate([np.eye(3), -np.eye(3)])
    cube = ConvexPart(np.eye(3) / 100, normals, np.ones(6), np.zeros(3))
    np.testing.assert_allclose(cube.thickness(ROW, COLUMN), 2.0 * ((abs(ROW) < 1) & (abs(COLUMN) < 1)), atol=1e-9)
    turn = Rotation.from_euler("x", 45, degrees=True).as_matrix()
    turned = ConvexPart(np.eye(3) / 100, normals @ turn.T, np.ones(6), np.zeros(3))
    roof = np.maximum(2 * (np.sqrt(2) - abs(COLUMN)), 0) * (abs(ROW) < 1)
    np.testing.assert_allclose(turned.thickness(ROW, COLUMN), roof, atol=1e-9)


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_closed_form_agrees_with_points_counted_along_the_beam(kind, seed):
    solid = sample_solid(3.0, np.eye(len(KINDS))[kind], np.random.default_rng(seed))
    for row, column in np.random.default_rng(seed).uniform(-1.5, 1.5, (5, 2)):
        for part in solid.parts:
            found = part.thickness(np.array([[row]]), np.array([[column]]))[0, 0]
            assert found == pytest.approx(counted_thickness(part, row, column), abs=5e-3)


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_no_solid_reaches_beyond_its_radius_and_its_volume_is_about_that_of_its_sphere(kind, seed):
    solid = sample_solid(2.0, np.eye(len(KINDS))[kind], np.random.default_rng(seed))
    axis = np.linspace(-6, 6, 601)
    thickness = solid.thickness(axis[:, None], axis[None, :])
    reach = np.hypot(axis[:, None], axis[None, :])[thickness > 0].max()
    assert reach <= solid.radius_nm + 1e-9
    assert solid.radius_nm < 6
    volume = thickness.sum() * (axis[1] - axis[0]) ** 2
    assert 0.2 < volume / (np.pi / 6 * 2.0**3) < 2.5


def test_where_parts_overlap_the_thickest_counts():
    parts = tuple(ConvexPart(np.eye(3) / r**2, *NO_PLANES, np.zeros(3)) for r in (1.0, 2.0))
    np.testing.assert_array_equal(Solid(parts, 2.0).thickness(ROW, COLUMN), parts[1].thickness(ROW, COLUMN))
