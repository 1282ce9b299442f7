"""Masks drawn with a known number of particles, and properties of their separation."""

import numpy as np
import pytest
from hypothesis import given
from scipy.ndimage import gaussian_filter
from skimage.measure import label

from hrtem_lab.micrograph import InputError
from hrtem_lab.particles.cores import cores
from hrtem_lab.particles.separate import separate
from tests.particles.scenes import discs, ellipse, instances_of, rectangle, square
from tests.strategies import masks, pixel_sizes_nm

PIXEL_NM = 0.1


def number(mask, pixel_size_nm=PIXEL_NM, **settings):
    return int(separate(mask, 0.5, pixel_size_nm, **settings).max())


@pytest.mark.parametrize("radius", [12, 25, 40])
@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.25])
def test_touching_discs_are_cut_at_the_neck(radius, overlap):
    step = radius * (1 - overlap)
    mask = discs((80, 120 - step, radius), (80, 120 + step, radius))
    instances = separate(mask, 0.5, PIXEL_NM)
    assert instances.max() == 2
    left, right = np.bincount(instances.ravel())[1:]
    assert left == pytest.approx(right, rel=0.05)
    assert set(np.unique(instances[:, :118])) == {0, 1} or set(np.unique(instances[:, :118])) == {0, 2}


def test_a_small_disc_at_a_large_one():
    assert number(discs((80, 80, 40), (80, 132, 15))) == 2


def test_a_cluster_of_seven():
    ring = [(80 + 40 * np.sin(t), 120 + 40 * np.cos(t), 20) for t in np.arange(6) * np.pi / 3]
    assert number(discs((80, 120, 20), *ring)) == 7


@pytest.mark.parametrize("angle", [0, 20, 45])
@pytest.mark.parametrize("elongation", [1, 2, 4, 8])
def test_one_convex_particle_is_not_cut(angle, elongation):
    assert number(rectangle(25 * elongation, 25, angle)) == 1
    assert number(ellipse(25 * elongation, 25, angle)) == 1


def test_a_rough_edge_does_not_cut_a_disc():
    row, column = np.mgrid[:120, :120] - 60
    angle = np.arctan2(row, column)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        wobble = sum(rng.normal(0, 0.02) * np.cos(k * angle + rng.uniform(0, 6)) for k in range(3, 20))
        mask = np.hypot(row, column) < 40 * (1 + wobble)
        assert number(mask) == 1
        assert number(mask & (rng.random(mask.shape) > 0.05)) == 1


def test_holes_of_a_ring():
    row, column = np.mgrid[:80, :80] - 40
    radius = np.hypot(row, column)
    small = separate((radius < 30) & (radius > 3), 0.5, PIXEL_NM)
    assert small[40, 40] == 1
    large = separate((radius < 30) & (radius > 8), 0.5, PIXEL_NM)
    assert large[40, 40] == 0


def test_specks_are_dropped_and_numbers_have_no_gap():
    mask = discs((20, 20, 2), (60, 60, 12), (100, 100, 3), (120, 200, 15))
    instances = separate(mask, 0.5, PIXEL_NM)
    assert set(np.unique(instances)) == {0, 1, 2}
    assert instances.dtype == np.int32
    assert number(mask, min_diameter_nm=0) == 4


def test_a_particle_cut_by_the_border_is_one():
    assert number(discs((0, 120, 30))) == 1
    assert number(discs((159, 0, 40))) == 1


def test_the_threshold_is_applied_to_a_probability():
    probability = 0.3 + 0.4 * discs((80, 80, 30))
    assert [int(separate(probability, t, PIXEL_NM).max()) for t in (0.5, 0.8)] == [1, 0]


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (7, 5)])
@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.5, 40.0])
def test_constant_maps(value, shape, pixel_size_nm):
    instances = separate(np.full(shape, value), 0.5, pixel_size_nm)
    large_enough = shape[0] * shape[1] * pixel_size_nm**2 >= np.pi / 4 * 0.8**2
    assert instances.shape == shape
    assert (instances == (value == 1 and large_enough)).all()


@given(masks(), pixel_sizes_nm)
def test_particles_are_connected_parts_of_the_mask(mask, pixel_size_nm):
    instances = separate(mask, 0.5, pixel_size_nm, min_diameter_nm=0)
    np.testing.assert_array_equal(instances > 0, mask)
    for particle in range(1, int(instances.max()) + 1):
        assert label(instances == particle, connectivity=1).max() == 1


@given(masks(), pixel_sizes_nm)
def test_every_particle_has_the_least_size(mask, pixel_size_nm):
    areas = np.bincount(separate(mask, 0.5, pixel_size_nm).ravel())[1:] * pixel_size_nm**2
    assert (areas >= np.pi / 4 * 0.8**2).all()


def test_turning_the_mask_turns_the_particles():
    mask = discs((50, 60, 30), (50, 112, 28), (110, 80, 25))
    turned = separate(np.rot90(mask), 0.5, PIXEL_NM)
    sizes = (np.sort(np.bincount(separate(mask, 0.5, PIXEL_NM).ravel())[1:]), np.sort(np.bincount(turned.ravel())[1:]))
    np.testing.assert_allclose(*sizes, rtol=0.03)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"neck": 1.0}, "neck"), ({"h_nm": -1.0}, "h_nm"), ({"pixel_size_nm": 0.0}, "pixel_size_nm")],
)
def test_one_line_errors(settings, message):
    with pytest.raises(InputError, match=message):
        separate(np.zeros((4, 4)), 0.5, **{"pixel_size_nm": 0.1, **settings})


@pytest.mark.parametrize("shape", [(4,), (2, 4, 4), (0, 4)])
def test_only_an_image_is_taken(shape):
    with pytest.raises(InputError, match="expected"):
        separate(np.zeros(shape), 0.5, PIXEL_NM)


def test_cores_separate_particles_without_a_neck():
    """Two squares side by side are one rectangle to the outline."""
    truth = instances_of(square(60, 60), square(60, 100))
    assert number(truth > 0) == 1
    found = separate(truth > 0, 0.5, PIXEL_NM, core=gaussian_filter(cores(truth).astype(float), 2))
    assert found.max() == 2
    left, right = found[80, 80], found[80, 120]
    assert np.mean(np.where(truth == 1, left, right)[truth > 0] == found[truth > 0]) > 0.95


def test_a_particle_without_a_core_stays_whole_and_a_core_without_a_particle_is_none():
    mask = discs((50, 60, 20), (110, 180, 20))
    assert separate(mask, 0.5, PIXEL_NM, core=np.zeros(mask.shape)).max() == 2
    assert separate(np.zeros(mask.shape), 0.5, PIXEL_NM, core=mask).max() == 0


def test_a_speck_is_no_core():
    mask, core = discs((80, 120, 40)), discs((80, 110, 12), (80, 145, 1))
    assert separate(mask, 0.5, PIXEL_NM, core=core).max() == 1
    assert separate(mask, 0.5, PIXEL_NM, core=discs((80, 105, 12), (80, 140, 12))).max() == 2


def test_cores_of_another_shape_are_refused():
    with pytest.raises(InputError, match="cores have shape"):
        separate(np.zeros((4, 4)), 0.5, PIXEL_NM, core=np.zeros((4, 5)))
