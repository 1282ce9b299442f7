from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_lab.files.units import is_reciprocal, to_nm

SPELLINGS = {
    "m": 1e9,
    "meters": 1e9,
    "µm": 1e3,  # the micro sign
    "μm": 1e3,  # the Greek letter
    "\\u00B5m": 1e3,  # as ImageJ escapes it
    "um": 1e3,
    "[u_m]": 1e3,
    "\\u00b5m": 1e3,
    "\\u03BCm": 1e3,
    "&micro;m": 1e3,
    "Âµm": 1e3,  # UTF-8 read as Windows-1252
    b"\xb5m": 1e3,  # Windows-1252
    "micron": 1e3,
    "nm": 1.0,
    "n_m": 1.0,
    "[n_m]": 1.0,
    " NM ": 1.0,
    b"nm": 1.0,
    "nanometer": 1.0,
    "(nm)": 1.0,
    "{nm}": 1.0,
    "nm/pixel": 1.0,
    "nm per px": 1.0,
    "Å": 0.1,  # the letter
    "\N{ANGSTROM SIGN}": 0.1,
    "A\N{COMBINING RING ABOVE}": 0.1,
    "A": 0.1,
    "[A]": 0.1,
    "Angstrom": 0.1,
    "ÅNGSTRÖM": 0.1,
    "\\u00C5": 0.1,
    "\\u00c5": 0.1,
    "\\u212B": 0.1,
    "( Å )": 0.1,
    "Å/pixel": 0.1,
    b"\xc5": 0.1,
    "pm": 1e-3,
    "mm": 1e6,
    "nm\x00": 1.0,
}


@pytest.mark.parametrize(("unit", "factor"), SPELLINGS.items())
def test_spellings(unit: str | bytes, factor: float) -> None:
    assert to_nm(2.5, unit) == pytest.approx(2.5 * factor)
    assert not is_reciprocal(unit)


@given(st.sampled_from(list(SPELLINGS)), st.floats(1e-6, 1e6))
def test_is_proportional_and_without_sign(unit: str | bytes, value: float) -> None:
    assert to_nm(value, unit) == to_nm(-value, unit) == pytest.approx(value * SPELLINGS[unit])


@pytest.mark.parametrize("unit", ["", None, "px", "pixel", "inch", "cm", "s", "eV", "<undefined>", "[]", "n", 3])
def test_unknown_units_are_no_calibration(unit: object) -> None:
    assert to_nm(0.02, unit) is None
    assert not is_reciprocal(unit)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf, -math.inf])
def test_impossible_lengths_are_no_calibration(value: float) -> None:
    assert to_nm(value, "nm") is None


@pytest.mark.parametrize(
    "unit",
    [
        "1/nm",
        "1 / nm",
        "1/Å",
        "nm^-1",
        "nm-1",
        "nm⁻¹",
        "Å**-1",
        "[n_m^-1]",
        "1.0/m",
        "mrad",
        "rad",
        "nm^(-1)",
        "(1/nm)",
        "1/(nm)",
        "[1/nm]",
        "nm^{-1}",
        "NM^-1",
        "/nm",
        "1/\\u00C5",
        "1/\\u212b",
        "\\u00B5m^-1",
        "(\\u00b5m-1)",
        "1/Âµm",
        b"1/\xb5m",
        "nm−1",
        "per nm",
        "inverse Å",
        "reciprocal nm",
        "1/nm/pixel",
        "1/pixel",
        "µrad",
        "\\u00b5rad",
        "milliradians",
        "deg",
        "°",
    ],
)
def test_reciprocal_units(unit: str) -> None:
    assert is_reciprocal(unit)
    assert to_nm(0.02, unit) is None


@given(st.text())
def test_any_text_is_understood_or_not_but_never_fails(unit: str) -> None:
    assert to_nm(1.0, unit) is None or not is_reciprocal(unit)
