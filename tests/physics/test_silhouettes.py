"""Outlines against analytic shapes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from skimage.measure import label as connected_components

from hrtem_lab.physics import Crystal
from hrtem_lab.physics.silhouettes import overlap_fractions, project_instances, silhouettes, surface_margin_nm
from tests.physics.scenes import AU, WURTZITE, ZINC_BLENDE, in_vacuum, placed, specimen_of

GPTS = 160


def ball(radius_nm, centre, seed=0):
    """Atoms far closer than any real ones, so that their outermost lie on the sphere."""
    points = np.random.default_rng(seed).normal(size=(4000, 3))
    return np.array(centre) + radius_nm * points / np.linalg.norm(points, axis=1, keepdims=True)


def area_nm2(instances, field_nm, number=1):
    return np.count_nonzero(instances == number) * (field_nm / len(instances)) ** 2


@pytest.mark.parametrize("gpts", [100, 200, 400])
@pytest.mark.parametrize("radius_nm", [1.0, 2.0])
def test_area_of_a_sphere(radius_nm, gpts):
    specimen = specimen_of([ball(radius_nm, [2.4, 2.6, 3.0])], field_nm=6.0)
    expected = np.pi * (radius_nm + surface_margin_nm(AU)) ** 2
    assert area_nm2(project_instances(specimen, gpts), 6.0) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("material", "diameter_nm"), [(AU, 2.5), (AU, 8.0), (ZINC_BLENDE, 4.0), (WURTZITE, 4.0), (WURTZITE, 8.0)]
)
def test_area_of_a_crystal_seen_from_anywhere(seed, material, diameter_nm):
    rotation = Rotation.random(rng=np.random.default_rng(seed))
    specimen = in_vacuum(placed(Crystal(material, diameter_nm), rotation, centre=(5.0, 5.0)), field_nm=10.0)
    assert area_nm2(project_instances(specimen, 400), 10.0) == pytest.approx(np.pi / 4 * diameter_nm**2, rel=0.03)


@settings(deadline=None, max_examples=20)
@given(st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_the_field_is_periodic(steps):
    """Moving the atoms moves the outline, and what leaves at one edge comes back at the other."""
    clouds = [ball(0.9, [2.0, 2.0, 2.0]), ball(0.7, [3.2, 3.2, 2.0])]
    whole = specimen_of(clouds, field_nm=5.0)
    # half a pixel off the grid of pixels, lest rounding decides where an atom belongs
    moved = specimen_of([c + np.array([*steps, 0]) * 0.05 for c in clouds], field_nm=5.0)
    rolled = np.roll(project_instances(whole, 100), steps, (0, 1))
    assert set(np.unique(rolled)) == {0, 1, 2}
    assert np.count_nonzero(project_instances(moved, 100) != rolled) <= 4


def test_two_balls_that_overlap_are_cut_through_the_middle_of_what_they_share():
    clouds = [ball(1.0, [2.5, 1.9, 2.0], 0), ball(1.0, [2.5, 3.1, 4.0], 1)]
    first, second = project_instances(specimen_of(clouds), GPTS), project_instances(specimen_of(clouds[::-1]), GPTS)
    assert first.dtype == np.int32
    np.testing.assert_array_equal(first > 0, second > 0)
    other = np.where(second > 0, 3 - second, 0)
    assert np.count_nonzero(first != other) < 0.01 * np.count_nonzero(first)  # whatever their numbers are
    rows, columns = np.nonzero(first)
    left = (columns + 0.5) * 5.0 / GPTS < 2.5
    assert np.mean(first[rows, columns] == np.where(left, 1, 2)) > 0.98


@pytest.mark.parametrize("order", [1, -1])
def test_a_small_ball_on_a_large_one_keeps_all_but_a_rim(order):
    clouds = [ball(1.5, [2.5, 2.5, 2.0], 0), ball(0.5, [2.5, 3.0, 4.0], 1)][::order]
    large, small = [1, 2][::order]
    found = project_instances(specimen_of(clouds), GPTS)
    assert found[GPTS // 2, int(3.0 / 5.0 * GPTS)] == small
    areas = [area_nm2(found, 5.0, number) for number in (small, large)]
    whole = np.pi * (np.array([0.5, 1.5]) + surface_margin_nm(AU)) ** 2
    assert 0.5 < areas[0] / whole[0] < 0.9
    assert sum(areas) == pytest.approx(whole[1], rel=0.02)


@pytest.mark.parametrize("apart_nm", [0.0, 0.7, 1.5, 2.5])
def test_two_balls_overlap_by_the_lens_between_them(apart_nm):
    """Two circles of radius r share the area 2 r^2 acos(d / 2r) - d / 2 sqrt(4 r^2 - d^2)."""
    clouds = [ball(1.0, [2.0, 1.2, 2.0], 0), ball(1.0, [2.0, 1.2 + apart_nm, 4.0], 1), ball(0.5, [4.0, 4.3, 2.0], 2)]
    shares = overlap_fractions(silhouettes(specimen_of(clouds), GPTS))
    radius = 1.0 + surface_margin_nm(AU)
    half = min(apart_nm / 2 / radius, 1)
    lens = 2 * radius**2 * (np.arccos(half) - half * np.sqrt(1 - half**2))
    assert shares[:2] == [pytest.approx(lens / (np.pi * radius**2), abs=0.02)] * 2
    assert shares[2] == 0


def test_no_silhouettes_no_overlap():
    assert overlap_fractions([]) == []


@pytest.mark.parametrize(("gap_nm", "closed"), [(0.5, True), (0.65, False)])
def test_gaps_between_columns_are_closed(gap_nm, closed):
    rows = np.arange(1.0, 4.0, 0.05)
    walls = [
        np.column_stack([rows, np.full_like(rows, 2.5 + side * gap_nm / 2), np.ones_like(rows)]) for side in (-1, 1)
    ]
    assert (project_instances(specimen_of([np.concatenate(walls)]), 250)[125, 125] == 1) == closed


@pytest.mark.parametrize("material", [AU, ZINC_BLENDE, WURTZITE], ids=lambda m: m.structure)
def test_an_outline_has_no_holes_even_along_a_zone_axis(material):
    """The channels between columns are closed."""
    for axes in material.zone_axes().values():
        onto_beam = Rotation.align_vectors([[0, 0, 1]], [axes[0]])[0]
        inside = project_instances(in_vacuum(placed(Crystal(material, 3.0), onto_beam)), 250) == 1
        assert connected_components(~inside, connectivity=1).max() == 1
        assert connected_components(inside).max() == 1
