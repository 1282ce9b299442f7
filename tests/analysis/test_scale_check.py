"""Lattice spacings that were drawn, of a scale that is right or off."""

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.analysis.scale_check import SPACING, SPACING_ERROR, check_scale, reflections
from hrtem_lab.physics import Material

GOLD = Material("Au", "fcc", ("Au",), a_nm=0.40786, rms_displacement_nm=0.009)
CADMIUM_SELENIDE = Material("CdSe", "wurtzite", ("Cd", "Se"), a_nm=0.4299, rms_displacement_nm=0.011, c_nm=0.7010)


def resolved(spacings_nm: list[float], factor: float, number: int = 20, seed: int = 0) -> pd.DataFrame:
    """Particles that show these spacings, scattered by 1 %, in an image whose pixel size is too large by a factor."""
    rng = np.random.default_rng(seed)
    spacing = factor * rng.choice(spacings_nm, number) * rng.normal(1, 0.01, number)
    return pd.DataFrame({SPACING: spacing, SPACING_ERROR: 0.003})


def test_gold_has_the_spacings_of_its_table():
    spacings, shares = reflections([GOLD])
    assert spacings == pytest.approx([0.1442, 0.2039, 0.2355], abs=1e-4)  # JCPDS 4-0784
    assert shares.sum() == pytest.approx(1)
    assert shares.argmax() == 2


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.05, 2.0])
def test_the_factor_of_a_scale_is_found(factor: float):
    check = check_scale(resolved([0.2355, 0.2355, 0.2039], factor), [GOLD])
    assert abs(np.log(check.factor / factor)) < 4 * check.error
    assert check.error < 0.01
    assert check.is_off == (factor != 1)
    assert bool(check.reason) == check.is_off
    assert check.pixel_error >= abs(np.log(check.factor)) / np.sqrt(3)


def test_the_error_covers_the_deviation_of_the_factor():
    checks = [check_scale(resolved([0.2355, 0.2355, 0.2039], 1.0, number=8, seed=seed), [GOLD]) for seed in range(40)]
    deviations = np.array([abs(np.log(check.factor)) / check.error for check in checks])
    assert (deviations < 2).mean() > 0.9
    assert not any(check.is_off for check in checks)


def test_a_few_other_spacings_do_not_move_the_factor():
    table = pd.concat([resolved([0.2355], 1.0), resolved([0.31], 1.0, number=2)], ignore_index=True)
    assert check_scale(table, [GOLD]).factor == pytest.approx(1, abs=0.01)


def test_any_material_serves():
    check = check_scale(resolved([0.372, 0.351, 0.329], 1.0), [CADMIUM_SELENIDE])
    assert check.factor == pytest.approx(1, abs=0.02)


def test_too_few_lattices_say_nothing():
    check = check_scale(resolved([0.2355], 2.0, number=3), [GOLD])
    assert np.isnan(check.factor)
    assert not check.is_off
    assert check.columns()["scale_particles"] == 3
