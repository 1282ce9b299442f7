"""Lines through drawn crystals with and without a planar fault."""

import numpy as np
import pytest

from hrtem_lab.particles.fringe_maps import fringe_maps
from hrtem_lab.particles.planar_break import planar_break
from tests.particles.scenes import drawn_spectrum, faulted, fringes, significant_peaks, single, twinned


def found(*waves, **scene):
    spectrum = drawn_spectrum(*waves, **scene)
    peaks = significant_peaks(spectrum)
    return planar_break(spectrum, peaks, fringe_maps(spectrum, peaks))


@pytest.mark.parametrize("noise", [0.1, 0.4])
def test_the_variants_of_a_twin_alternate(noise):
    twin, one = found(*twinned(), noise=noise), found(*single(), noise=noise)
    assert twin["turns"] > 5
    assert twin["turns_share"] > 0.6
    assert twin["turns"] > 2 * one["turns"]
    assert twin["turns_normal_deg"] < 10
    assert twin["mirror_turns"] > twin["turns"]  # both variants count together
    assert twin["mirror_share"] > 0.6
    assert twin["mirror_turns"] > 3 * one["mirror_turns"]
    assert twin["break_gain"] > 2 * one["break_gain"]
    assert twin["break_phase"] < 0.1


@pytest.mark.parametrize("at_nm", [-0.6, 0.0])
def test_a_stacking_fault_breaks_in_phase(at_nm):
    fault, one = found(*faulted(0.0, at_nm)), found(*single(0.0))
    assert fault["break_gain"] > 2 * one["break_gain"]
    assert 0.25 < fault["break_phase"] < 0.6  # two of the first three are shifted by a third of a turn
    assert fault["break_share"] > 10 * one["break_share"]
    assert fault["break_normal_deg"] < 10
    assert fault["break_weaker"] > 10
    assert fault["turns"] < 0.5 * fault["break_gain"]
    assert fault["fault_gain"] == pytest.approx(fault["break_gain"], rel=0.05)
    assert fault["fault_share"] > fault["break_share"]  # without the planes of the fault, which go on
    assert fault["fault_own_share"] < 0.02


def test_a_perfect_lattice_in_noise_does_not_break():
    one = found(*single(), noise=0.4)
    assert one["break_gain"] < 5
    assert one["turns"] < 3
    assert one["break_share"] < 0.05


@pytest.mark.parametrize("spacing_nm", [0.1665, 0.168, 0.172])
@pytest.mark.parametrize("pixel_size_nm", [0.0801, 0.083])
def test_reflections_at_the_border_of_the_band(spacing_nm, pixel_size_nm):
    """The mirror image of a reflection near the Nyquist frequency along the axes lies outside the spectrum."""
    waves = [fringes(spacing_nm, angle) for angle in (45.0, 1.0, 89.0)]
    assert np.isfinite(list(found(*waves, noise=0.1, pixel_size_nm=pixel_size_nm).values())).all()
