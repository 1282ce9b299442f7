"""Amorphous carbon against what it was ordered to be."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hrtem_lab.physics.support import amorphous_carbon

FIELD_NM = 5.0


def film(thickness_nm=3.0, seed=0, **settings):
    return amorphous_carbon(FIELD_NM, thickness_nm, np.random.default_rng(seed), **settings)


@pytest.mark.parametrize("density", [1.8, 2.2])
def test_density(density):
    grams = len(film(density_g_per_cm3=density)) * 12.011 / 6.02214076e23
    assert grams / (FIELD_NM**2 * 3.0 * 1e-21) == pytest.approx(density, rel=1e-3)


@pytest.mark.parametrize("distance_nm", [0.135, 0.142])
def test_no_two_atoms_are_nearer_than_a_bond_even_across_the_edge_of_the_field(distance_nm):
    points = film(distance_nm=distance_nm)
    assert cKDTree(points, boxsize=[FIELD_NM, FIELD_NM, 0]).query(points, 2)[0][:, 1].min() >= distance_nm


@pytest.mark.parametrize("thickness_nm", [0.5, 3.0])
def test_the_film_fills_its_thickness_evenly(thickness_nm):
    points = film(thickness_nm)
    assert points.min() >= 0
    assert (points.max(0) <= [FIELD_NM, FIELD_NM, thickness_nm]).all()
    for axis, edge in enumerate((FIELD_NM, FIELD_NM, thickness_nm)):
        counts = np.histogram(points[:, axis], 5, (0, edge))[0]
        assert np.abs(counts - counts.mean()).max() < 4 * np.sqrt(counts.mean())


def test_the_same_seed_gives_the_same_film():
    np.testing.assert_array_equal(film(1.0), film(1.0))
    assert not np.array_equal(film(1.0), film(1.0, seed=1))


def test_no_film():
    assert film(0.0).shape == (0, 3)
