"""Angles and symmetry of the peaks of drawn twins and single crystals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_lab.particles.peak_arrangement import line_angle_deg, mirror_symmetry, same_ring, twin_misfit_deg
from hrtem_lab.particles.peaks import Peak
from tests.particles.scenes import drawn_spectrum, significant_peaks, single, twinned


def test_a_twin_has_three_peaks_on_one_ring_and_a_mirror():
    spectrum = drawn_spectrum(*twinned())
    peaks = significant_peaks(spectrum)
    assert len(same_ring(peaks)) == 3
    assert twin_misfit_deg(peaks) < 2
    twin = mirror_symmetry(spectrum, same_ring(peaks))
    crystal = drawn_spectrum(*single())
    assert twin > mirror_symmetry(crystal, same_ring(significant_peaks(crystal))) + 0.3


def test_three_peaks_at_sixty_degrees_are_no_twin():
    hexagonal = [Peak(4 * np.sin(a), 4 * np.cos(a), 50.0, (0, 0)) for a in np.deg2rad([10, 70, 130])]
    assert twin_misfit_deg(hexagonal) == pytest.approx(10.53)


@given(st.floats(-720, 720), st.floats(-720, 720))
def test_line_angle_ignores_the_sense_of_a_direction(a, b):
    angle = line_angle_deg(a, b)
    assert 0 <= angle <= 90
    assert line_angle_deg(b, a + 180) == pytest.approx(angle, abs=1e-9)
    assert np.sin(np.deg2rad(angle)) == pytest.approx(abs(np.sin(np.deg2rad(a - b))), abs=1e-9)
