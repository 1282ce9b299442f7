"""Fringes drawn with a known spacing and azimuth, and what noise alone may show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_lab.particles.peak_arrangement import line_angle_deg, same_ring, twin_misfit_deg
from hrtem_lab.particles.peaks import (
    HARMONIC_TOLERANCE,
    Peak,
    broadening,
    find_peaks,
    fundamental,
    spacing_error_nm,
)
from hrtem_lab.particles.spectrum import compute_spectrum
from tests.particles.scenes import drawn_spectrum, ellipse, faulted, fringes, significant_peaks, single
from tests.strategies import angles_deg


@settings(max_examples=25, deadline=None)
@given(st.floats(0.18, 0.45), angles_deg)
def test_spacing_and_azimuth_are_found(spacing_nm, azimuth_deg):
    peak = find_peaks(drawn_spectrum(fringes(spacing_nm, azimuth_deg)))[0]
    assert 1 / peak.frequency_per_nm == pytest.approx(spacing_nm, rel=0.01)
    assert line_angle_deg(peak.angle_deg, azimuth_deg) < 1


@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.05, 0.0776])
def test_one_crystal_has_its_three_peaks(pixel_size_nm):
    peaks = significant_peaks(drawn_spectrum(*single(), pixel_size_nm=pixel_size_nm))
    assert sorted(round(1 / peak.frequency_per_nm, 3) for peak in peaks) == pytest.approx(
        [0.204, 0.235, 0.235], abs=2e-3
    )
    assert len(same_ring(peaks)) == 2
    assert np.isnan(twin_misfit_deg(peaks))


def test_a_metal_along_111_shows_its_220():
    """Between its first reflections along other directions and 7.5 nm^-1 it has no others."""
    hexagonal = [fringes(0.1387, azimuth_deg) for azimuth_deg in (10, 70, 130)]
    peaks = significant_peaks(drawn_spectrum(*hexagonal, diameter_nm=3.0))
    assert [round(1 / peak.frequency_per_nm, 3) for peak in peaks] == pytest.approx([0.139] * 3, abs=2e-3)


def test_noise_has_no_peaks():
    found = [
        len(significant_peaks(drawn_spectrum(seed=seed, diameter_nm=size))) for seed in range(60) for size in (2.0, 4.0)
    ]
    assert np.mean(np.array(found) > 0) < 0.05


def test_a_perfect_lattice_is_as_sharp_as_its_outline_allows():
    row_like = ellipse(150, 50, 30)
    column, row = np.meshgrid(*[np.arange(len(row_like)) * 0.05] * 2)
    image = np.random.default_rng(0).normal(0, 0.2, row.shape) + fringes(0.2355, 80.0)(row, column)
    spectrum = compute_spectrum(image, row_like, 0.05)
    _, wide, streak = broadening(spectrum, find_peaks(spectrum)[0])
    assert wide == pytest.approx(1, abs=0.1)
    assert streak == pytest.approx(1, abs=0.1)


def test_a_fault_streaks_its_peaks():
    spectrum = drawn_spectrum(*faulted())
    streaks = [broadening(spectrum, peak)[2] for peak in significant_peaks(spectrum)[:3]]
    assert max(streaks) > 1.5
    assert min(streaks) < 1.1


@pytest.mark.parametrize("azimuth_deg", [20.0, 200.0, 95.0])
def test_fundamental_of_a_harmonic(azimuth_deg):
    """Fringes of 0.49 nm whose harmonic is the stronger of the two."""
    found = significant_peaks(
        drawn_spectrum(fringes(0.49, azimuth_deg, 0.3), fringes(0.49 / 2, azimuth_deg, 0.6), noise=0.1)
    )
    assert 1 / found[0].frequency_per_nm == pytest.approx(0.49 / 2, rel=0.02)
    assert 1 / fundamental(found).frequency_per_nm == pytest.approx(0.49, rel=0.02)


def test_fundamental_needs_the_same_direction_and_a_whole_ratio():
    for other in (fringes(0.47, 60.0, 0.3), fringes(0.38, 20.0, 0.3)):
        found = significant_peaks(drawn_spectrum(fringes(0.2355, 20.0, 0.6), other, noise=0.1))
        assert len(found) > 1
        assert fundamental(found) is found[0]
    assert fundamental(found[:1]) is found[0]


@pytest.mark.parametrize(
    ("amplitude", "diameter_nm"), [(0.1, 4.0), (0.3, 4.0), (0.3, 2.5), (0.1, 8.0), (0.3, 8.0), (0.3, 12.0)]
)
def test_spacing_error_is_the_scatter_of_the_spacing(amplitude, diameter_nm):
    rng, off = np.random.default_rng(0), []
    for seed in range(60):
        spacing_nm = rng.uniform(0.2, 0.4)
        spectrum = drawn_spectrum(
            fringes(spacing_nm, rng.uniform(0, 180), amplitude), diameter_nm=diameter_nm, seed=seed
        )
        peak = find_peaks(spectrum)[0]
        off.append((1 / peak.frequency_per_nm - spacing_nm) / spacing_error_nm(spectrum, peak))
    assert np.sqrt(np.mean(np.square(off))) == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize("spacing_nm", [0.12, 0.1225, 0.125, 0.1275, 0.13])
def test_the_flank_of_a_peak_outside_the_band_is_no_peak(spacing_nm):
    frequencies = [
        peak.frequency_per_nm for peak in significant_peaks(drawn_spectrum(fringes(spacing_nm, 30.0, 0.5), noise=0.05))
    ]
    assert all(abs(frequency - 1 / spacing_nm) > 0.8 for frequency in frequencies)


@pytest.mark.parametrize("order", [2, 3])
def test_harmonic_tolerance_of_direction_and_ratio(order):
    def at(frequency_per_nm, degrees):
        row, column = frequency_per_nm * np.sin(np.deg2rad(degrees)), frequency_per_nm * np.cos(np.deg2rad(degrees))
        return Peak(row, column, 10.0, (0, 0))

    first = at(order * 2.0, 20.0)
    for off, is_harmonic in ((0.9 * HARMONIC_TOLERANCE, True), (1.1 * HARMONIC_TOLERANCE, False)):
        for base in (at(2.0, 20.0 + np.rad2deg(off)), at(2.0, 200.0 - np.rad2deg(off)), at(2.0 / (1 + off), 20.0)):
            assert (fundamental([first, base]) is base) == is_harmonic
