"""Crystals against the textbook: neighbours, volumes, diffraction, and what a twin and a fault do to a lattice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from hrtem_lab.physics import Crystal
from hrtem_lab.physics.crystal import STACK_AXES
from tests.physics.scenes import AU
from tests.strategies import plane_heights

A = AU.lattice_constant_nm
ROW = A / np.sqrt(2)
SPACING = A / np.sqrt(3)
PLANES = {
    "perfect": {},
    "twin": {"twins": (0.1,)},
    "fault": {"faults": (-0.3,)},
    "both": {"twins": (0.5,), "faults": (-0.5,)},
}


def atoms(crystal, seed=0, roughness_nm=0.0):
    return crystal.positions(np.random.default_rng(seed), roughness_nm)


def reciprocal():
    """The {111}, {200} and {220} reflections in the crystal's frame."""
    return AU.reflections() / A @ STACK_AXES.T


def on_lattice(points, origin):
    """Whether points lie on the parent's lattice through an atom: a lattice of points is where all phases are whole."""
    turns = (points - origin) @ reciprocal().T
    return np.abs(turns - np.round(turns)).max(axis=1) < 1e-6


def hexagonal(crystal):
    """How many planes have the same letter below and above them: none in fcc, one at a twin, two at a fault."""
    _, letters = crystal.stacking()
    return np.flatnonzero(letters[:-2] == letters[2:]) + 1


@pytest.mark.parametrize("planes", PLANES.values(), ids=PLANES)
@pytest.mark.parametrize("shape", ["sphere", "faceted", "ellipsoid"])
def test_every_inner_atom_has_twelve_neighbours(shape, planes):
    crystal = Crystal(AU, 4.0, shape, **planes)
    points = atoms(crystal)
    inner = crystal.depth(points) > 1.05 * ROW / 0.8  # an ellipsoid's short axis is 0.8 of what the depth is told in
    distances = cKDTree(points).query(points[inner], 14)[0]
    assert len(distances) > 100
    np.testing.assert_allclose(distances[:, 1:13], ROW, rtol=1e-9)
    assert (distances[:, 13] > 1.1 * ROW).all()


@pytest.mark.parametrize(
    ("shape", "volume"),
    [
        ("sphere", np.pi / 6),
        ("ellipsoid", 0.8 * 1.2 * np.pi / 6),
        # the octahedron |x| + |y| + |z| < h, less the six pyramids that the cube |x| < c cuts off
        ("faceted", 4 / 3 * (h := 0.93 * np.sqrt(3) / 2) ** 3 - 4 * (h - 1.07 / 2) ** 3),
    ],
)
def test_volume_and_density_of_the_shapes(shape, volume):
    crystal = Crystal(AU, 6.0, shape)
    grid = (np.mgrid[-40:41, -40:41, -40:41].reshape(3, -1).T + 0.5) * 0.1
    inside = np.count_nonzero(crystal.depth(grid) > 0) * 0.1**3
    assert inside == pytest.approx(volume * 6.0**3, rel=0.01)
    assert len(atoms(crystal)) == pytest.approx(4 * volume * (6.0 / A) ** 3, rel=0.02)  # four atoms in a cubic cell


def test_the_reflections_are_those_of_the_unit_cell():
    basis = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    indices = np.mgrid[-2:3, -2:3, -2:3].reshape(3, -1).T
    strong = np.abs(np.exp(2j * np.pi * indices @ basis.T).sum(1)) > 3.9
    near = (indices**2).sum(1) <= 8
    expected = {tuple(hkl) for hkl in indices[strong & near] if hkl.any()}
    found = {tuple(hkl) for hkl in AU.reflections()}
    assert found | {tuple(-np.array(hkl)) for hkl in found} == expected
    assert len(found) == 13 == len(AU.reflections())


def test_a_perfect_crystal_diffracts_where_its_axes_say():
    points = atoms(Crystal(AU, 3.0))
    np.testing.assert_allclose(np.abs(np.exp(2j * np.pi * points @ reciprocal().T).mean(0)), 1, rtol=1e-6)


def test_the_crystal_is_seen_along_its_axes():
    np.testing.assert_allclose(STACK_AXES @ STACK_AXES.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(STACK_AXES) == pytest.approx(1)
    points = atoms(Crystal(AU, 3.0))
    nearest = points[np.abs(points[:, 2]) < 0.01]
    steps = (nearest - nearest[np.hypot(*nearest[:, :2].T).argmin()]) / ROW
    assert (np.linalg.norm(steps - [1, 0, 0], axis=1) < 1e-6).any()  # x is a close-packed row
    heights = np.unique(np.round(points[:, 2] / SPACING, 6))
    np.testing.assert_allclose(heights, np.arange(heights[0], heights[-1] + 1))  # z is the normal of the planes


@pytest.mark.parametrize("height", [-0.4, 0.05, 0.37])
def test_above_a_twin_plane_lies_the_mirror_image(height):
    points = atoms(Crystal(AU, 5.0, twins=(height,)))
    below, above = points[points[:, 2] < height], points[points[:, 2] > height]
    origin = below[np.linalg.norm(below, axis=1).argmin()]
    mirror = below[:, 2].max()
    assert abs(mirror - height) < SPACING
    assert on_lattice(below, origin).all()
    # next to the mirror, the close-packed planes of both variants coincide every third time
    assert on_lattice(above, origin).mean() < 0.5
    reflected = above * [1, 1, -1] + [0, 0, 2 * mirror]
    assert on_lattice(reflected, origin).all()


@pytest.mark.parametrize("height", [-0.4, 0.05, 0.37])
def test_an_intrinsic_fault_moves_the_upper_half_by_a_sixth_of_112(height):
    points = atoms(Crystal(AU, 5.0, faults=(height,)))
    below, above = points[points[:, 2] < height], points[points[:, 2] > height]
    origin = below[np.linalg.norm(below, axis=1).argmin()]
    in_plane = np.array([[-1, -1, 2], [2, -1, -1], [-1, 2, -1]]) @ STACK_AXES.T * A / 6
    np.testing.assert_allclose(np.linalg.norm(in_plane, axis=1), A / np.sqrt(6))
    np.testing.assert_allclose(in_plane[:, 2], 0, atol=1e-12)
    assert on_lattice(below, origin).all()
    assert not on_lattice(above, origin).any()
    # the three are one translation apart, so all of one sign do it and none of the other
    moved = [[on_lattice(above - sign * vector, origin).all() for vector in in_plane] for sign in (1, -1)]
    assert sorted(map(tuple, moved)) == [(False,) * 3, (True,) * 3]


def test_letters_of_one_fault_and_one_twin():
    perfect, twin, fault = (Crystal(AU, 3.0, **p) for p in ({}, {"twins": (0.05,)}, {"faults": (0.05,)}))
    heights, letters = perfect.stacking()
    middle = len(letters) // 2
    assert heights[middle] == 0
    np.testing.assert_allclose(np.diff(heights), SPACING)
    np.testing.assert_array_equal(letters[middle - 3 : middle + 4], [0, 1, 2, 0, 1, 2, 0])
    np.testing.assert_array_equal(twin.stacking()[1][middle - 3 : middle + 4], [0, 1, 2, 0, 2, 1, 0])
    np.testing.assert_array_equal(fault.stacking()[1][middle - 3 : middle + 4], [0, 1, 2, 0, 2, 0, 1])
    assert [len(hexagonal(c)) for c in (perfect, twin, fault)] == [0, 1, 2]
    assert np.diff(hexagonal(fault)) == 1


@settings(deadline=None)
@given(plane_heights, plane_heights)
def test_a_crystal_with_planes_has_a_defect(twins, faults):
    assert bool(len(hexagonal(Crystal(AU, 3.0, twins=twins, faults=faults)))) == bool(twins or faults)


@given(st.floats(-0.9, 0.9))
def test_no_plane_repeats_its_neighbour(height):
    _, letters = Crystal(AU, 3.0, twins=(height,), faults=(-height,)).stacking()
    assert (np.diff(letters) % 3 != 0).all()


def test_the_surface_is_rough_and_drawn_from_the_given_chance():
    crystal = Crystal(AU, 4.0)
    smooth, rough, again, other = (atoms(crystal, *args) for args in ((0, 0.0), (0, 0.03), (0, 0.03), (1, 0.03)))
    assert crystal.depth(smooth).min() > 0
    assert -0.15 < crystal.depth(rough).min() < 0
    np.testing.assert_array_equal(rough, again)
    assert rough.shape != other.shape or not np.allclose(rough, other)
