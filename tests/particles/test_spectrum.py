"""White noise, coloured noise, and the window's own laws."""

import numpy as np
import pytest
from hypothesis import given
from scipy.fft import fft2, fftshift
from scipy.ndimage import distance_transform_edt, gaussian_filter

from hrtem_lab.particles.spectrum import bins_per_nm, depth, detrend, radial_profile, soften, spectrum
from tests.particles.scenes import AU_111_NM, ellipse, fringes, particle, single
from tests.strategies import masks


def test_white_noise_has_a_power_of_its_variance():
    values = []
    for seed in range(20):
        image, instances = particle(noise=3.0, seed=seed)
        values.append(radial_profile(spectrum(image, instances > 0, 0.05)))
    np.testing.assert_allclose(np.mean(values, axis=0), 9.0, rtol=0.1)


def test_the_background_follows_coloured_noise():
    ratio = []
    for seed in range(10):
        image, instances = particle(noise=3.0, seed=seed)
        own = spectrum(gaussian_filter(image, 1.0), instances > 0, 0.05)
        ratio.append(
            radial_profile(own)[[0, 7, 15]]
            / own.background[
                own.middle, own.middle + np.rint((bins_per_nm()[[0, 7, 15]] + 0.125) / own.step_per_nm).astype(int)
            ]
        )
    np.testing.assert_allclose(np.mean(ratio, axis=0), 1.0, rtol=0.25)


@pytest.mark.parametrize("diameter_nm", [2.0, 3.0])
def test_the_spots_of_a_small_particle_are_no_noise(diameter_nm):
    def level(*waves):
        images = (particle(*waves, diameter_nm=diameter_nm, seed=seed) for seed in range(20))
        spectra = [spectrum(image, instances > 0, 0.05) for image, instances in images]
        at_nm = round(1 / AU_111_NM / spectra[0].step_per_nm)
        return np.median([own.background[own.middle, own.middle + at_nm] for own in spectra])

    assert level(*single()) == pytest.approx(level(), rel=0.25)  # a median of the whole ring is twice as much


def test_energy_is_kept():
    """Parseval: a spectrum that is not cut holds the energy of the windowed image."""
    image, instances = particle(pixel_size_nm=0.1)
    mask = instances > 0
    own = spectrum(image, mask, 0.1)
    inside = (soften(mask, 5) * detrend(image, mask)) ** 2
    assert own.power.mean() * own.energy == pytest.approx(inside.sum(), rel=0.02)


def test_a_quadratic_surface_leaves_nothing():
    mask = ellipse(40, 30, 20)
    row, column = np.mgrid[: len(mask), : len(mask)]
    surface = 1e4 + 3 * row - column + 0.1 * row * column - 0.02 * column**2
    assert np.abs(detrend(surface, mask)).max() < 1e-6


def test_no_digit_is_lost_to_the_kind_of_number():
    """Counts of a few electrons on many: float32 holds the image, but not its deviations from the surface."""
    mask = ellipse(300, 300)
    counts = np.random.default_rng(0).poisson(4, mask.shape).astype(np.float32) + 2**20
    np.testing.assert_allclose(detrend(counts, mask), detrend(counts.astype(np.float64), mask), atol=1e-9)


def test_the_window_is_soft_and_inside():
    mask = ellipse(60, 60)
    window = soften(mask, 10)
    assert (window[~mask] == 0).all()
    assert window.max() == 1
    assert window[mask].min() < 0.05
    assert soften(np.ones((1, 1), dtype=bool), 10).shape == (1, 1)


@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.05, 0.0776])
@pytest.mark.parametrize("spacing_nm", [0.1854, 0.2355, 0.351])
def test_power_is_in_the_bin_of_the_spacing(pixel_size_nm, spacing_nm):
    image, instances = particle(fringes(spacing_nm, 33.0), pixel_size_nm=pixel_size_nm, noise=0.05, diameter_nm=4)
    profile = radial_profile(spectrum(image, instances > 0, pixel_size_nm))
    assert abs(bins_per_nm()[np.nanargmax(profile)] + 0.125 - 1 / spacing_nm) < 0.2


def test_bins_end_at_the_nyquist_frequency():
    assert bins_per_nm(0.1)[-1] + 0.25 == 5.0
    assert len(bins_per_nm(0.3)) == 0
    image, instances = particle(pixel_size_nm=0.1)
    profile = radial_profile(spectrum(image, instances > 0, 0.1))
    np.testing.assert_array_equal(np.isnan(profile), bins_per_nm() >= 5.0)


@given(masks())
def test_depth_is_scipys(mask):
    mask = np.pad(mask, 1)
    np.testing.assert_array_equal(depth(mask), distance_transform_edt(mask))


@pytest.mark.parametrize("size_px", [90, 91, 150])
def test_the_transform_is_scipys(size_px):
    """Of the window, up to a shift of the origin, which the power does not know."""
    mask = ellipse(60, 40, 20.0)
    mask = np.pad(mask, (0, size_px - len(mask)))
    found = spectrum(np.random.default_rng(0).normal(size=mask.shape), mask, 0.08)
    size = round(1 / found.step_per_nm / 0.08)
    whole = fftshift(np.abs(fft2(soften(mask, 0.5 / 0.08), (size, size))) ** 2)
    at = slice(size // 2 - found.middle, size // 2 + found.middle + 1)
    np.testing.assert_allclose(np.abs(found.window) ** 2, whole[at, at], rtol=1e-6, atol=1e-6 * whole.max())
