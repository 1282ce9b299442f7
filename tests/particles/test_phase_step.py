"""Phase jumps drawn into reflections."""

import numpy as np
import pytest

from hrtem_lab.particles.peak_arrangement import line_angle_deg
from hrtem_lab.particles.phase_step import phase_step
from tests.particles.scenes import AU_111_NM, beyond, mapped


@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.05, 0.0776])
@pytest.mark.parametrize("turn", [2 * np.pi / 3, -2 * np.pi / 3])
@pytest.mark.parametrize("at_nm", [-0.8, 0.0, 0.5])
def test_the_jump_of_a_stacking_fault(pixel_size_nm, turn, at_nm):
    far = beyond(20.0, at_nm)
    step = phase_step(mapped(lambda r, c: far(r, c) * turn, pixel_size_nm=pixel_size_nm))
    assert step.jump_deg == pytest.approx(120, abs=20)
    assert step.gain > 0.15
    assert line_angle_deg(step.normal_deg, 20) < 12


@pytest.mark.parametrize("spacing_nm", [AU_111_NM, 0.34, 0.2399])
def test_a_perfect_lattice_has_no_jump(spacing_nm):
    assert phase_step(mapped(spacing_nm=spacing_nm)).gain < 0.02


def test_a_bent_lattice_has_little_jump():
    assert phase_step(mapped(lambda r, c: 0.25 * c**2)).gain < 0.1
