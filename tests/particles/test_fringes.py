"""Reflections with a jump, a ramp or a missing half drawn into them."""

import numpy as np
import pytest

from hrtem_lab.particles.fringes import (
    amplitude_spread,
    dark_field_asymmetry,
    fringe_maps,
    opposition,
    phase_std_deg,
    phase_step,
)
from hrtem_lab.particles.peaks import between_deg, find_peaks
from hrtem_lab.particles.spectrum import spectrum
from tests.particles.scenes import AU_111_NM, beyond, fringes, particle, single, twinned


def mapped(phase=None, where=None, spacing_nm=AU_111_NM, **settings):
    image, instances = particle(fringes(spacing_nm, 90.0, phase=phase, where=where), **settings)
    own = spectrum(image, instances > 0, settings.get("pixel_size_nm", 0.05))
    return fringe_maps(own, find_peaks(own)[:1])[0]


@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.05, 0.0776])
@pytest.mark.parametrize("turn", [2 * np.pi / 3, -2 * np.pi / 3])
@pytest.mark.parametrize("at_nm", [-0.8, 0.0, 0.5])
def test_the_jump_of_a_stacking_fault(pixel_size_nm, turn, at_nm):
    far = beyond(20.0, at_nm)
    step = phase_step(mapped(lambda r, c: far(r, c) * turn, pixel_size_nm=pixel_size_nm))
    assert step.jump_deg == pytest.approx(120, abs=20)
    assert step.gain > 0.15
    assert between_deg(step.normal_deg, 20) < 12


@pytest.mark.parametrize("spacing_nm", [AU_111_NM, 0.34, 0.2399])
def test_a_perfect_lattice_has_no_jump_and_one_amplitude(spacing_nm):
    found = mapped(spacing_nm=spacing_nm)
    step = phase_step(found)
    assert step.gain < 0.02
    assert phase_std_deg(found) < 8
    assert dark_field_asymmetry(found) < 0.06
    assert amplitude_spread(found)[0] < 0.1


def test_a_half_that_does_not_diffract():
    found = mapped(where=beyond(0.0))
    assert dark_field_asymmetry(found) > 0.7
    spread, bimodality = amplitude_spread(found)
    assert spread > 0.5
    assert bimodality > 5 / 9


def test_the_amplitude_is_that_drawn():
    assert np.abs(mapped(noise=0.01).wave).mean() == pytest.approx(0.15, rel=0.05)  # half of 0.3: one side of a cosine


def test_a_bent_lattice_has_a_phase_spread_but_little_jump():
    bent = mapped(lambda r, c: 0.25 * c**2)
    assert phase_std_deg(bent) > 3 * phase_std_deg(mapped())
    assert phase_step(bent).gain < 0.1


def test_too_small_to_map():
    image, instances = particle(fringes(AU_111_NM, 90.0), diameter_nm=0.6)
    own = spectrum(image, instances > 0, 0.05)
    assert fringe_maps(own, find_peaks(own)[:1]) == []


def of_all(*waves):
    """The maps of the three strongest peaks."""
    image, instances = particle(*waves)
    own = spectrum(image, instances > 0, 0.05)
    return fringe_maps(own, find_peaks(own)[:3])


def test_the_variants_of_a_twin_oppose_each_other():
    assert opposition(of_all(*twinned())) > 0.8
    assert opposition(of_all(*single())) < 0.5
    assert np.isnan(opposition(of_all(*single())[:1]))
