"""Operations on images: laws, and second opinions of scikit-image and NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.exposure import rescale_intensity as rescaled_by_skimage

from hrtem_lab.image import quadratic_surface, resample_nearest, rescale_intensity, ring_noise
from tests.physics.scenes import periodic_disc


@pytest.mark.parametrize("size", [1, 10, 19, 20, 60])
def test_another_grid_shows_the_same_field(size):
    disc = periodic_disc(60, 30, 30, 20).astype(np.int32) * 7
    there = resample_nearest(disc, (size, size))
    assert there.shape == (size, size)
    assert set(np.unique(there)) <= {0, 7}
    if size >= 10:
        assert np.mean(there > 0) == pytest.approx(np.mean(disc > 0), abs=0.05)
        np.testing.assert_array_equal(resample_nearest(disc.T, (size, size)), there.T)
        assert np.abs(np.argwhere(there > 0).mean(0) + 0.5 - size / 2).max() < size / 100 + 0.5


def test_every_new_pixel_holds_the_value_below_its_centre():
    instances = np.arange(12, dtype=np.int32).reshape(2, 6)
    np.testing.assert_array_equal(resample_nearest(instances, (1, 3)), [[7, 9, 11]])
    np.testing.assert_array_equal(resample_nearest(instances, (4, 6)), np.repeat(instances, 2, axis=0))
    assert resample_nearest(instances, (2, 6)) is not instances


@given(st.lists(st.floats(-10, 10), min_size=6, max_size=6), st.booleans())
def test_a_quadratic_surface_is_fitted_exactly(coefficients, cut):
    row, column = np.mgrid[-1:1:20j, -1:1:13j]
    terms = np.stack([np.ones_like(row), row, column, row**2, row * column, column**2])
    surface = np.tensordot(coefficients, terms, 1)
    mask = row**2 + column**2 < 0.8 if cut else None
    image = surface if mask is None else np.where(mask, surface, 0)
    np.testing.assert_allclose(quadratic_surface(image, mask), surface, atol=1e-8)


def test_the_surface_is_numpys():
    image = np.random.default_rng(0).normal(size=(20, 13))
    row, column = np.mgrid[:20, :13]
    terms = np.stack([np.ones_like(row), row, column, row**2, row * column, column**2]).reshape(6, -1).T
    judge = terms @ np.linalg.lstsq(terms, image.ravel(), rcond=None)[0]
    np.testing.assert_allclose(quadratic_surface(image).ravel(), judge, atol=1e-12)
    np.testing.assert_allclose(quadratic_surface(image, np.ones(image.shape, dtype=bool)).ravel(), judge, atol=1e-12)


@pytest.mark.parametrize("saturated", [0.0, 0.001, 0.02])
def test_the_stretch_is_that_of_scikit_image(saturated):
    image = np.random.default_rng(0).normal(100, 5, (50, 40)).astype(np.float32)
    limits = tuple(np.percentile(image, [100 * saturated, 100 * (1 - saturated)]))
    judge = rescaled_by_skimage(image, in_range=limits, out_range=(0.0, 1.0))
    np.testing.assert_allclose(rescale_intensity(image, saturated), judge, atol=1e-6)


def test_an_image_without_contrast_is_stretched_to_zero():
    assert not rescale_intensity(np.full((5, 5), 7.0, dtype=np.float32), 0.01).any()


def test_the_noise_of_a_ring_is_the_mean_power_of_white_noise():
    rng = np.random.default_rng(0)
    power = np.abs(np.fft.fft2(rng.normal(0, 3, (200, 200)))) ** 2 / 200**2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(200), np.fft.fftfreq(200)))
    rings = {centre: np.flatnonzero(np.abs(radius - centre) < 0.05) for centre in (0.1, 0.2, 0.4)}
    noise = ring_noise(power, radius, rings, lambda ring: np.ones(len(ring), dtype=bool))
    np.testing.assert_allclose(noise, 9.0, rtol=0.05)


def test_noise_is_interpolated_between_rings_from_the_samples_that_are_allowed():
    power = np.array([[1.0, 1.0, 1.0], [50.0, 60.0, 70.0]])
    rings = {1.0: np.arange(6), 2.0: np.arange(3, 6)}
    noise = ring_noise(power, np.array([0.5, 1.0, 1.5, 2.0, 9.0]), rings, lambda ring: power.ravel()[ring] < 65)
    np.testing.assert_allclose(noise * np.log(2), [1.0, 1.0, 28.0, 55.0, 55.0])
