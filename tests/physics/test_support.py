"""Films, their relief and graphite against what they were ordered to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from hrtem_lab.physics import support
from hrtem_lab.physics.support import LAYER_SPACING_NM, Film, Relief, sample_soot

FIELD_NM = 5.0
NITRIDE = {"Si": 3, "N": 4}


def film(thickness_nm=3.0, seed=0, **settings):
    return Film(**settings).sample(FIELD_NM, thickness_nm, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("elements", "grams_per_mol", "density"), [({"C": 1}, 12.011, 1.8), ({"C": 1}, 12.011, 2.2), (NITRIDE, 140.28, 3.1)]
)
def test_density(elements, grams_per_mol, density):
    points, numbers = film(elements=elements, density_g_per_cm3=(density, density))
    assert len(points) == len(numbers)
    grams = len(points) / sum(elements.values()) * grams_per_mol / 6.02214076e23
    assert grams / (FIELD_NM**2 * 3.0 * 1e-21) == pytest.approx(density, rel=1e-3)


def test_densities_are_sampled_from_their_range():
    atoms = np.array([len(film(1.0, seed, density_g_per_cm3=(1.5, 2.5))[0]) for seed in range(40)])
    grams_per_cm3 = atoms * 12.011 / 6.02214076e23 / (FIELD_NM**2 * 1e-21)
    assert 1.499 < grams_per_cm3.min() < 1.6
    assert 2.4 < grams_per_cm3.max() < 2.501


def test_a_compound_holds_its_elements_in_their_fractions():
    numbers = film(elements=NITRIDE, density_g_per_cm3=(3.1, 3.1), distance_nm=0.15)[1]
    assert set(numbers) == {7, 14}
    assert np.mean(numbers == 14) == pytest.approx(3 / 7, abs=4 * np.sqrt(12 / 49 / len(numbers)))


@pytest.mark.parametrize("distance_nm", [0.135, 0.142])
def test_no_two_atoms_are_nearer_than_a_bond_even_across_the_edge_of_the_field(distance_nm):
    points = film(distance_nm=distance_nm)[0]
    assert cKDTree(points, boxsize=[FIELD_NM, FIELD_NM, 0]).query(points, 2)[0][:, 1].min() >= distance_nm


@pytest.mark.parametrize("thickness_nm", [0.5, 3.0])
def test_the_film_fills_its_thickness_evenly(thickness_nm):
    points = film(thickness_nm)[0]
    assert points.min() >= 0
    assert (points.max(0) <= [FIELD_NM, FIELD_NM, thickness_nm]).all()
    for axis, edge in enumerate((FIELD_NM, FIELD_NM, thickness_nm)):
        counts = np.histogram(points[:, axis], 5, (0, edge))[0]
        assert np.abs(counts - counts.mean()).max() < 4 * np.sqrt(counts.mean())


def test_the_same_seed_gives_the_same_film():
    np.testing.assert_array_equal(film(1.0)[0], film(1.0)[0])
    assert not np.array_equal(film(1.0)[0], film(1.0, seed=1)[0])


def test_no_film():
    points, numbers = film(0.0)
    assert (points.shape, numbers.shape) == ((0, 3), (0,))


def places(n=50):
    row, column = np.mgrid[:n, :n] * FIELD_NM / n
    return np.column_stack([row.ravel(), column.ravel()])


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(-2, 2), st.integers(-2, 2))
def test_a_relief_is_a_fraction_and_periodic(seed, deepest, up, right):
    relief = Relief.sample(FIELD_NM, deepest, 0.5, np.random.default_rng(seed))
    share = relief(places())
    assert (share >= 0).all()
    assert (share <= 1).all()
    if relief.hole is None:
        assert share.min() >= 1 - deepest - 1e-9
    moved = relief(places() + FIELD_NM * np.array([up, right]))
    assert np.mean(np.abs(moved - share) > 1e-6) < 0.01  # but for places on the rim


def test_a_relief_is_as_deep_as_its_attribute():
    share = Relief(FIELD_NM, (1, -1), 1.0, 0.6)(places())
    assert (share.min(), share.max()) == (pytest.approx(0.4, abs=0.01), pytest.approx(1, abs=0.01))
    assert share.mean() == pytest.approx(0.7)


@pytest.mark.parametrize("centre", [(2.5, 2.5), (0.1, 4.9)])
def test_a_hole_is_empty_and_of_its_size_wherever_it_lies(centre):
    share = Relief(FIELD_NM, hole=(*centre, 1.2))(places(200))
    # the wavy rim, radius r (1 + 0.1 cos), encloses pi r^2 (1 + 0.1^2 / 2)
    assert np.mean(share == 0) * FIELD_NM**2 == pytest.approx(np.pi * 1.2**2 * 1.005, rel=0.02)
    assert set(np.unique(share)) == {0.0, 1.0}


def test_holes_are_as_frequent_as_wanted():
    drawn = [Relief.sample(FIELD_NM, 0.3, 0.25, np.random.default_rng(seed)) for seed in range(200)]
    assert 30 < sum(relief.hole is not None for relief in drawn) < 70
    assert 0 <= min(relief.depth for relief in drawn) < max(relief.depth for relief in drawn) <= 0.3


@pytest.mark.parametrize("seed", range(4))
def test_shells_of_graphite_are_a_layer_apart(seed):
    """Along any direction the atoms come in steps of the layers' distance, bent by at most a quarter."""
    points = sample_soot(4.0, 8.0, np.random.default_rng(seed))
    axis = np.random.default_rng(seed).normal(size=3)
    axis /= np.linalg.norm(axis)
    radius = np.linalg.norm(points, axis=1)
    along = np.sort(radius[points @ axis > np.cos(0.08) * radius])
    gaps = np.diff(along)
    steps = gaps[gaps > 0.15]
    assert len(steps) > 3
    assert np.median(steps) == pytest.approx(LAYER_SPACING_NM, rel=0.4)
    assert radius.max() < 4.0 * 1.3


def test_domains_break_the_rings_of_soot_and_keep_its_layers():
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(40000, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    radius = LAYER_SPACING_NM * rng.integers(6, 14, len(unit))
    torn = support._break_into_domains(unit * radius[:, None], 1.5, 0.2, rng)
    assert len(torn) == len(unit)
    assert np.median(np.linalg.norm(torn - unit * radius[:, None], axis=1)) < LAYER_SPACING_NM

    def order(points):
        return abs(np.exp(2j * np.pi * np.linalg.norm(points, axis=1) / LAYER_SPACING_NM).mean())

    near = np.linalg.norm(torn - torn[0], axis=1) < 0.4  # within one domain its layers are what they were
    assert order(unit * radius[:, None]) > 0.99
    assert order(torn) < 0.3
    assert order(torn[near]) > 0.5


def test_graphite_is_no_denser_than_graphite():
    whole = [len(sample_soot(4.0, 8.0, np.random.default_rng(seed))) for seed in range(10)]
    graphite = 38.2 / LAYER_SPACING_NM * 4 / 3 * np.pi * 4.0**3
    assert 0.2 * graphite < min(whole) < max(whole) < 1.1 * graphite
    assert len(set(whole)) == 10
