"""Fringes drawn with a known spacing and azimuth, and what noise alone may show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_lab.particles.peaks import (
    HARMONIC,
    Peak,
    between_deg,
    broadening,
    find_peaks,
    fundamental,
    mirror_symmetry,
    same_ring,
    significance,
    spacing_error_nm,
    twin_misfit_deg,
)
from hrtem_lab.particles.spectrum import spectrum
from tests.particles.scenes import ellipse, faulted, fringes, particle, single, twinned
from tests.strategies import angles_deg


def seen(*waves, **settings_):
    image, instances = particle(*waves, **settings_)
    return spectrum(image, instances > 0, settings_.get("pixel_size_nm", 0.05))


def strong(own):
    return [peak for peak in find_peaks(own) if peak.contrast > significance(own)]


@settings(max_examples=25, deadline=None)
@given(st.floats(0.18, 0.45), angles_deg)
def test_spacing_and_azimuth_are_found(spacing_nm, azimuth_deg):
    peak = find_peaks(seen(fringes(spacing_nm, azimuth_deg)))[0]
    assert 1 / peak.frequency_per_nm == pytest.approx(spacing_nm, rel=0.01)
    assert between_deg(peak.angle_deg, azimuth_deg) < 1


@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.05, 0.0776])
def test_one_crystal_has_its_three_peaks(pixel_size_nm):
    peaks = strong(seen(*single(), pixel_size_nm=pixel_size_nm))
    assert sorted(round(1 / peak.frequency_per_nm, 3) for peak in peaks) == pytest.approx(
        [0.204, 0.235, 0.235], abs=2e-3
    )
    assert len(same_ring(peaks)) == 2
    assert np.isnan(twin_misfit_deg(peaks))


def test_a_metal_along_111_shows_its_220():
    """Nothing else of it lies between its first reflections along other directions and 7.5 nm^-1."""
    hexagonal = [fringes(0.1387, azimuth_deg) for azimuth_deg in (10, 70, 130)]
    peaks = strong(seen(*hexagonal, diameter_nm=3.0))
    assert [round(1 / peak.frequency_per_nm, 3) for peak in peaks] == pytest.approx([0.139] * 3, abs=2e-3)


def test_noise_has_no_peaks():
    found = [len(strong(seen(seed=seed, diameter_nm=size))) for seed in range(60) for size in (2.0, 4.0)]
    assert np.mean(np.array(found) > 0) < 0.05


def test_a_twin_has_three_peaks_on_one_ring_and_a_mirror():
    own = seen(*twinned())
    peaks = strong(own)
    assert len(same_ring(peaks)) == 3
    assert twin_misfit_deg(peaks) < 2
    twin = mirror_symmetry(own, same_ring(peaks))
    crystal = seen(*single())
    assert twin > mirror_symmetry(crystal, same_ring(strong(crystal))) + 0.3


def test_three_peaks_at_sixty_degrees_are_no_twin():
    hexagonal = [Peak(4 * np.sin(a), 4 * np.cos(a), 50.0, (0, 0)) for a in np.deg2rad([10, 70, 130])]
    assert twin_misfit_deg(hexagonal) == pytest.approx(10.53)


def test_a_perfect_lattice_is_as_sharp_as_its_outline_allows():
    row_like = ellipse(150, 50, 30)
    column, row = np.meshgrid(*[np.arange(len(row_like)) * 0.05] * 2)
    image = np.random.default_rng(0).normal(0, 0.2, row.shape) + fringes(0.2355, 80.0)(row, column)
    own = spectrum(image, row_like, 0.05)
    _, wide, streak = broadening(own, find_peaks(own)[0])
    assert wide == pytest.approx(1, abs=0.1)
    assert streak == pytest.approx(1, abs=0.1)


def test_a_fault_streaks_its_peaks():
    own = seen(*faulted())
    streaks = [broadening(own, peak)[2] for peak in strong(own)[:3]]
    assert max(streaks) > 1.5
    assert min(streaks) < 1.1


@given(st.floats(-720, 720), st.floats(-720, 720))
def test_lines_have_no_sense(a, b):
    angle = between_deg(a, b)
    assert 0 <= angle <= 90
    assert between_deg(b, a + 180) == pytest.approx(angle, abs=1e-9)
    assert np.sin(np.deg2rad(angle)) == pytest.approx(abs(np.sin(np.deg2rad(a - b))), abs=1e-9)


@pytest.mark.parametrize("azimuth_deg", [20.0, 200.0, 95.0])
def test_a_harmonic_is_led_back_to_its_lattice(azimuth_deg):
    """Fringes of 0.49 nm whose harmonic is the stronger of the two."""
    found = strong(seen(fringes(0.49, azimuth_deg, 0.3), fringes(0.49 / 2, azimuth_deg, 0.6), noise=0.1))
    assert 1 / found[0].frequency_per_nm == pytest.approx(0.49 / 2, rel=0.02)
    assert 1 / fundamental(found).frequency_per_nm == pytest.approx(0.49, rel=0.02)


def test_a_peak_of_another_direction_or_ratio_is_no_fundamental():
    for other in (fringes(0.47, 60.0, 0.3), fringes(0.38, 20.0, 0.3)):
        found = strong(seen(fringes(0.2355, 20.0, 0.6), other, noise=0.1))
        assert len(found) > 1
        assert fundamental(found) is found[0]
    assert fundamental(found[:1]) is found[0]


@pytest.mark.parametrize(
    ("amplitude", "diameter_nm"), [(0.1, 4.0), (0.3, 4.0), (0.3, 2.5), (0.1, 8.0), (0.3, 8.0), (0.3, 12.0)]
)
def test_the_error_of_a_spacing_is_what_it_is_off_by(amplitude, diameter_nm):
    rng, off = np.random.default_rng(0), []
    for seed in range(60):
        spacing_nm = rng.uniform(0.2, 0.4)
        own = seen(fringes(spacing_nm, rng.uniform(0, 180), amplitude), diameter_nm=diameter_nm, seed=seed)
        peak = find_peaks(own)[0]
        off.append((1 / peak.frequency_per_nm - spacing_nm) / spacing_error_nm(own, peak))
    assert np.sqrt(np.mean(np.square(off))) == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize("spacing_nm", [0.12, 0.1225, 0.125, 0.1275, 0.13])
def test_a_flank_of_a_peak_outside_the_band_is_none(spacing_nm):
    frequencies = [peak.frequency_per_nm for peak in strong(seen(fringes(spacing_nm, 30.0, 0.5), noise=0.05))]
    assert all(abs(frequency - 1 / spacing_nm) > 0.8 for frequency in frequencies)


@pytest.mark.parametrize("order", [2, 3])
def test_a_harmonic_is_off_by_its_direction_and_ratio_at_most_as_much_as_stated(order):
    def at(frequency_per_nm, degrees):
        row, column = frequency_per_nm * np.sin(np.deg2rad(degrees)), frequency_per_nm * np.cos(np.deg2rad(degrees))
        return Peak(row, column, 10.0, (0, 0))

    first = at(order * 2.0, 20.0)
    for off, led_back in ((0.9 * HARMONIC, True), (1.1 * HARMONIC, False)):
        for base in (at(2.0, 20.0 + np.rad2deg(off)), at(2.0, 200.0 - np.rad2deg(off)), at(2.0 / (1 + off), 20.0)):
            assert (fundamental([first, base]) is base) == led_back
