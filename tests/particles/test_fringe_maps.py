"""Maps of reflections drawn with a ramp or a missing half."""

import numpy as np
import pytest

from hrtem_lab.particles.fringe_maps import (
    amplitude_spread,
    dark_field_asymmetry,
    fringe_maps,
    opposition,
    phase_std_deg,
)
from hrtem_lab.particles.peaks import find_peaks
from tests.particles.scenes import AU_111_NM, beyond, drawn_spectrum, fringes, mapped, single, twinned


@pytest.mark.parametrize("spacing_nm", [AU_111_NM, 0.34, 0.2399])
def test_a_perfect_lattice_has_one_phase_and_one_amplitude(spacing_nm):
    found = mapped(spacing_nm=spacing_nm)
    assert phase_std_deg(found) < 8
    assert dark_field_asymmetry(found) < 0.06
    assert amplitude_spread(found)[0] < 0.1


def test_a_half_that_does_not_diffract():
    found = mapped(where=beyond(0.0))
    assert dark_field_asymmetry(found) > 0.7
    spread, bimodality = amplitude_spread(found)
    assert spread > 0.5
    assert bimodality > 5 / 9


def test_the_amplitude_equals_the_drawn_one():
    assert np.abs(mapped(noise=0.01).wave).mean() == pytest.approx(0.15, rel=0.05)  # half of 0.3: one side of a cosine


def test_a_bent_lattice_has_a_phase_spread():
    bent = mapped(lambda r, c: 0.25 * c**2)
    assert phase_std_deg(bent) > 3 * phase_std_deg(mapped())


def test_too_small_to_map():
    spectrum = drawn_spectrum(fringes(AU_111_NM, 90.0), diameter_nm=0.6)
    assert fringe_maps(spectrum, find_peaks(spectrum)[:1]) == []


def three_maps(*waves):
    """Maps of the three strongest peaks."""
    spectrum = drawn_spectrum(*waves)
    return fringe_maps(spectrum, find_peaks(spectrum)[:3])


def test_the_variants_of_a_twin_oppose_each_other():
    assert opposition(three_maps(*twinned())) > 0.8
    assert opposition(three_maps(*single())) < 0.5
    assert np.isnan(opposition(three_maps(*single())[:1]))
