"""Decahedra and icosahedra against ASE's clusters and against geometry."""

import numpy as np
import pytest
from ase.cluster import Decahedron, Icosahedron
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from hrtem_lab.physics import Crystal
from hrtem_lab.physics.multiply_twinned import atom_sites, orientations, tetrahedra, twin_planes
from tests.physics.scenes import AU
from tests.physics.test_crystal import smooth

SHAPES = pytest.mark.parametrize("shape", ["decahedron", "icosahedron"])
ROW_A = 4.0786 / np.sqrt(2)


def test_an_icosahedron_is_mackays():
    """ASE's has the bulk's distance along the radii; ours keeps the bulk's density."""
    theirs = Icosahedron("Au", 5, 4.0786).positions / ROW_A
    edge = 1 / np.sin(2 * np.pi / 5)  # of an icosahedron whose corners lie 1 from the centre
    volume = 5 * (3 + np.sqrt(5)) / 12 * edge**3
    squeezed = np.cbrt(20 / 6 / np.sqrt(2) / volume)  # to the volume 1 / sqrt(2) of a primitive cell
    ours = atom_sites("icosahedron", 5.0)
    faces = np.array([e.sum(0) for e in tetrahedra("icosahedron")])
    shells = (ours @ faces.T).max(1) / (faces[0] @ tetrahedra("icosahedron")[0, 0])
    ours = ours[shells < 4.01]
    assert len(ours) == len(theirs) == 309
    np.testing.assert_allclose(np.sort(pdist(ours)), np.sort(pdist(theirs)) * squeezed, rtol=1e-6)


def test_a_decahedron_is_that_of_ase():
    """ASE's is thicker across the axis by what the gap between five tetrahedra opens; ours keeps the density."""
    theirs = Decahedron("Au", 4, 4, 0, 4.0786).positions / ROW_A
    tetrahedron = np.degrees(np.arccos(1 / 3))
    squeezed = np.sqrt(np.sin(np.radians(tetrahedron)) / np.sin(np.radians(72)))
    theirs = np.column_stack([theirs[:, 2], theirs[:, 1] * squeezed, theirs[:, 0] * squeezed])
    ours = atom_sites("decahedron", 8.0)
    assert cKDTree(ours).query(theirs)[0].max() < 1e-9
    inner = ours[np.linalg.norm(ours, axis=1) < 2.5]
    assert len(inner) > 60
    assert cKDTree(theirs).query(inner)[0].max() < 1e-9


@SHAPES
def test_sites_are_all_there_and_none_twice(shape):
    points = atom_sites(shape, 6.0)
    assert len(points) == pytest.approx(np.sqrt(2) * 4 / 3 * np.pi * 6.0**3, rel=0.015)
    distances = cKDTree(points).query(points[np.linalg.norm(points, axis=1) < 4.5], 14)[0]
    assert distances[:, 1].min() > 0.95
    assert distances[:, 1:13].max() < 1.05  # twelve neighbours, strained by up to 3 %
    assert distances[:, 13].min() > 1.3


@SHAPES
def test_each_tetrahedron_is_a_lattice_and_its_orientation_says_which(shape):
    crystal = Crystal(AU, 5.0, shape)
    points, _ = smooth(crystal)
    centre = points[cKDTree(points).query([0, 0, 0])[1]]
    if shape == "icosahedron":  # the atom in the very centre belongs to all: it has neighbours at 12 corners
        near = cKDTree(points).query(points, 13)[0]
        inner = np.linalg.norm(points, axis=1) < 0.4
        centre = points[inner][near[inner][:, 1:].std(1).argmin()]
    assert len(crystal.variants) == {"decahedron": 5, "icosahedron": 20}[shape]
    counted = 0
    for number, edges in enumerate(tetrahedra(shape)):
        if shape == "decahedron":
            centre = centre * [1, 0, 0] + _axis(points)
        away = np.linalg.solve(edges.T * AU.row_spacing_nm, (points - centre).T).T
        inside = (away[:, 1:] > -1e-6).all(1) & ((away[:, 0] > -1e-6) | (shape == "decahedron"))
        counted += inside.sum()
        assert inside.sum() > 50
        np.testing.assert_allclose(np.abs(np.exp(2j * np.pi * points[inside] @ crystal.g_vectors(number).T).mean(0)), 1)
    assert counted >= len(points)


def _axis(points):
    """Where the axis of a decahedron stands: all atoms on it have the same two coordinates and ten more round them."""
    columns = np.unique(np.round(points[:, 1:], 6), axis=0)
    near = cKDTree(columns).query(columns, 6)[0]
    inner = np.hypot(*columns.T) < 0.4
    return np.array([0, *columns[inner][near[inner][:, 1:].std(1).argmin()]])


@SHAPES
def test_orientations_are_nearly_rotations(shape):
    for matrix in orientations(shape):
        stretches = np.linalg.svd(matrix)[1]
        assert np.linalg.det(matrix) == pytest.approx(1)
        assert 0.01 < np.ptp(stretches) < 0.12


@SHAPES
def test_neighbours_are_mirror_images_in_their_twin_plane(shape):
    """What a plane does not change is shared by both of the lattices that it bounds, and nothing else is."""
    crystal = Crystal(AU, 4.0, shape)
    normals, bounds = twin_planes(shape)
    assert len(normals) == len(crystal.plane_normals) == {"decahedron": 5, "icosahedron": 30}[shape]
    np.testing.assert_array_equal(bounds.sum(0), 2)
    np.testing.assert_array_equal(bounds.sum(1), {"decahedron": 2, "icosahedron": 3}[shape])
    for plane, normal in enumerate(normals):
        one, other = np.flatnonzero(bounds[:, plane])
        g, across = crystal.g_vectors(one), crystal.g_vectors(other)
        both = np.concatenate([across, -across])
        mirrored = g - 2 * np.outer(g @ normal, normal)
        assert cKDTree(both).query(mirrored)[0].max() < 1e-9
        shared = cKDTree(both).query(g)[0] < 0.8  # nm^-1, where the strain turns what would be one
        np.testing.assert_array_equal(crystal.reflections_affected(one)[plane], ~shared)
        assert shared.sum() == 4  # {111} along the normal, {220} in the plane
    for variant in range(len(bounds)):
        assert not crystal.reflections_affected(variant)[~bounds[variant]].any()


@SHAPES
def test_along_x_five_twin_planes_stand_edge_on(shape):
    normals = Crystal(AU, 4.0, shape).plane_normals
    edge_on = normals[np.abs(normals[:, 0]) < 1e-9]
    planes = np.unique(np.round(np.degrees(np.arctan2(edge_on[:, 2], edge_on[:, 1])) % 180, 3))
    np.testing.assert_allclose(np.diff(planes), 36, atol=0.01)
    assert len(planes) == 5
    assert np.abs(normals[:, 2]).max() == pytest.approx(1)  # one of them is z
