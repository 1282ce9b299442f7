"""Spectra of white noise, of coloured noise and of drawn fringes."""

import numpy as np
import pytest
from scipy.fft import fft2, fftshift
from scipy.ndimage import gaussian_filter

from hrtem_lab.particles.spectrum import bins_per_nm, compute_spectrum, radial_profile
from hrtem_lab.particles.window import detrend, tapered_window
from tests.particles.scenes import AU_111_NM, ellipse, fringes, particle, single


def test_white_noise_has_a_power_of_its_variance():
    values = []
    for seed in range(20):
        image, instances = particle(noise=3.0, seed=seed)
        values.append(radial_profile(compute_spectrum(image, instances > 0, 0.05)))
    np.testing.assert_allclose(np.mean(values, axis=0), 9.0, rtol=0.1)


def test_the_background_follows_coloured_noise():
    ratio = []
    for seed in range(10):
        image, instances = particle(noise=3.0, seed=seed)
        spectrum = compute_spectrum(gaussian_filter(image, 1.0), instances > 0, 0.05)
        bins = [0, 7, 15]
        samples = spectrum.middle + np.rint((bins_per_nm()[bins] + 0.125) / spectrum.step_per_nm).astype(int)
        ratio.append(radial_profile(spectrum)[bins] / spectrum.background[spectrum.middle, samples])
    np.testing.assert_allclose(np.mean(ratio, axis=0), 1.0, rtol=0.25)


@pytest.mark.parametrize("diameter_nm", [2.0, 3.0])
def test_spots_of_a_small_particle_do_not_raise_the_background(diameter_nm):
    def level(*waves):
        images = (particle(*waves, diameter_nm=diameter_nm, seed=seed) for seed in range(20))
        spectra = [compute_spectrum(image, instances > 0, 0.05) for image, instances in images]
        at_nm = round(1 / AU_111_NM / spectra[0].step_per_nm)
        return np.median([spectrum.background[spectrum.middle, spectrum.middle + at_nm] for spectrum in spectra])

    assert level(*single()) == pytest.approx(level(), rel=0.25)  # a median of the whole ring is twice as much


def test_energy_is_conserved():
    """Parseval: a spectrum that is not cut holds the energy of the windowed image."""
    image, instances = particle(pixel_size_nm=0.1)
    mask = instances > 0
    spectrum = compute_spectrum(image, mask, 0.1)
    inside = (tapered_window(mask, 5) * detrend(image, mask)) ** 2
    assert spectrum.power.mean() * spectrum.energy == pytest.approx(inside.sum(), rel=0.02)


@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.05, 0.0776])
@pytest.mark.parametrize("spacing_nm", [0.1854, 0.2355, 0.351])
def test_power_is_in_the_bin_of_the_spacing(pixel_size_nm, spacing_nm):
    image, instances = particle(fringes(spacing_nm, 33.0), pixel_size_nm=pixel_size_nm, noise=0.05, diameter_nm=4)
    profile = radial_profile(compute_spectrum(image, instances > 0, pixel_size_nm))
    assert abs(bins_per_nm()[np.nanargmax(profile)] + 0.125 - 1 / spacing_nm) < 0.2


def test_bins_end_at_the_nyquist_frequency():
    assert bins_per_nm(0.1)[-1] + 0.25 == 5.0
    assert len(bins_per_nm(0.3)) == 0
    image, instances = particle(pixel_size_nm=0.1)
    profile = radial_profile(compute_spectrum(image, instances > 0, 0.1))
    np.testing.assert_array_equal(np.isnan(profile), bins_per_nm() >= 5.0)


@pytest.mark.parametrize("size_px", [90, 91, 150])
def test_the_transform_equals_scipys(size_px):
    """The window's transform, but for a shift of the origin, which does not change the power."""
    mask = ellipse(60, 40, 20.0)
    mask = np.pad(mask, (0, size_px - len(mask)))
    found = compute_spectrum(np.random.default_rng(0).normal(size=mask.shape), mask, 0.08)
    size = round(1 / found.step_per_nm / 0.08)
    whole = fftshift(np.abs(fft2(tapered_window(mask, 0.5 / 0.08), (size, size))) ** 2)
    at = slice(size // 2 - found.middle, size // 2 + found.middle + 1)
    np.testing.assert_allclose(np.abs(found.window_transform) ** 2, whole[at, at], rtol=1e-6, atol=1e-6 * whole.max())
