"""Materials against powder diffraction cards, measured densities and ASE's crystals."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk
from ase.data import atomic_masses, atomic_numbers

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import Material
from hrtem_lab.physics.material import MAX_ORDER, MIN_STRUCTURE_FACTOR, STACK_AXES
from tests.physics.scenes import AU, WURTZITE, ZINC_BLENDE

CONF = Path(__file__).resolve().parents[2] / "conf" / "material"
# Spacings in nm of the powder diffraction cards (JCPDS 4-0784, 4-0783, 5-0681, 4-0802, 8-459, 19-191), density in g/cm3
CARDS = {
    "au": ({"111": 0.2355, "200": 0.2039, "220": 0.1442}, 19.3),
    "ag": ({"111": 0.2359, "200": 0.2044, "220": 0.1445}, 10.5),
    "pd": ({"111": 0.2246, "200": 0.1945, "220": 0.1376}, 12.0),
    "pt": ({"111": 0.2265, "200": 0.1962, "220": 0.1387}, 21.4),
    "cdse_wurtzite": (
        {"100": 0.372, "002": 0.351, "101": 0.329, "102": 0.2554, "110": 0.2151, "103": 0.1980, "112": 0.1834},
        5.66,
    ),
    "cdse_zinc_blende": ({"111": 0.351, "220": 0.2149, "311": 0.1833}, 5.67),
}


def shipped(name):
    settings = yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
    assert settings.pop("_target_") == "hrtem_lab.physics.Material"
    return Material(**settings)


def test_every_material_has_a_card():
    assert {file.stem for file in CONF.glob("*.yaml")} == set(CARDS)


@pytest.mark.parametrize("name", CARDS)
def test_spacings_and_density_are_measured_ones(name):
    material, (spacings, density) = shipped(name), CARDS[name]
    found = dict(
        zip(map(tuple, material.miller_indices()), 1 / np.linalg.norm(material.g_vectors(), axis=1), strict=True)
    )
    for hkl, spacing_nm in spacings.items():
        assert found[tuple(map(int, hkl))] == pytest.approx(spacing_nm, rel=0.003)
    grams = np.mean([atomic_masses[atomic_numbers[e]] for e in material.elements]) / 6.022e23
    assert grams / (material.atom_volume_nm3 * 1e-21) == pytest.approx(density, rel=0.01)
    assert 0.005 < material.rms_displacement_nm < 0.015


def of_ase(material):
    if material is AU:
        return bulk("Au", "fcc", 4.0786, cubic=True)
    if material is ZINC_BLENDE:
        return bulk("CdSe", "zincblende", 6.077, cubic=True)
    return bulk("CdSe", "wurtzite", 4.299, c=7.010, u=0.375)


@pytest.mark.parametrize("material", [AU, ZINC_BLENDE, WURTZITE], ids=lambda m: m.structure)
def test_reflections_are_those_of_the_unit_cell(material):
    cell = of_ase(material)
    hkl = np.mgrid[-5:6, -5:6, -5:6].reshape(3, -1).T
    factor = np.abs(np.exp(2j * np.pi * hkl @ cell.get_scaled_positions().T) @ cell.numbers)
    length = np.linalg.norm(hkl @ np.array(cell.cell.reciprocal()), axis=1) * 10
    kept = (
        (factor > MIN_STRUCTURE_FACTOR * cell.numbers.sum())
        & (length < min(MAX_ORDER / material.row_spacing_nm, 1 / 0.13))
        & (length > 0)
    )
    found = {tuple(g) for g in material.miller_indices()}
    assert found | {tuple(-np.array(g)) for g in found} == {tuple(g) for g in hkl[kept]}
    assert 2 * len(found) == kept.sum()
    expected = length[[np.flatnonzero((hkl == g).all(1))[0] for g in material.miller_indices()]]
    np.testing.assert_allclose(np.linalg.norm(material.g_vectors(), axis=1), expected, rtol=1e-6)
    np.testing.assert_allclose(material.g_vectors() @ material.cell_nm.T, material.miller_indices(), atol=1e-9)


def test_gold_shows_thirteen_reflections():
    assert sorted((AU.miller_indices() ** 2).sum(1)) == [3] * 4 + [4] * 3 + [8] * 6


@pytest.mark.parametrize(("material", "bond_nm"), [(AU, 0.2884), (ZINC_BLENDE, 0.2631), (WURTZITE, 0.2629)])
def test_distances_of_neighbours(material, bond_nm):
    assert material.bond_nm == pytest.approx(bond_nm, abs=1e-4)


def test_the_frame_of_the_stack():
    np.testing.assert_allclose(STACK_AXES @ STACK_AXES.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(STACK_AXES) == pytest.approx(1)
    np.testing.assert_allclose(STACK_AXES.T @ [0, 0, np.sqrt(3)], [1, 1, 1])
    np.testing.assert_allclose(STACK_AXES.T @ [np.sqrt(2), 0, 0], [-1, 1, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("material", "name", "indices", "count"),
    [
        (AU, "100", [1, 0, 0], 6),
        (AU, "110", [0, 1, -1], 12),
        (AU, "111", [-1, 1, 1], 8),
        (AU, "112", [2, -1, 1], 24),
        (WURTZITE, "0001", [0, 0, -1], 2),
        (WURTZITE, "11-20", [1, 1, 0], 6),  # u v w of the three axes
        (WURTZITE, "10-10", [2, 1, 0], 6),
        (WURTZITE, "11-23", [1, 1, 1], 12),
    ],
)
def test_zone_axes_are_directions_of_the_cell(material, name, indices, count):
    direction = np.array(indices) @ material.cell_nm
    axes = material.zone_axes()[name]
    np.testing.assert_allclose(np.linalg.norm(axes, axis=1), 1)
    assert (axes @ direction).max() == pytest.approx(np.linalg.norm(direction))
    assert len(np.unique(np.round(axes, 6), axis=0)) == count
    assert len({tuple(np.sort(np.round(np.abs(axes @ axes[0]), 6))) for _ in axes}) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"structure": "bcc"}, "structure of X is 'bcc', expected one of fcc, zinc_blende, wurtzite"),
        ({"elements": ["Cd", "Se"]}, "fcc takes 1 chemical symbol"),
        ({"elements": ["Xx"]}, "elements of X are"),
        ({"c_nm": 0.7}, "c_nm of X is 0.7; wurtzite needs it"),
        ({"structure": "wurtzite", "elements": ["Cd", "Se"]}, "c_nm of X is None"),
        ({"a_nm": -0.4}, "X has a negative length"),
    ],
)
def test_impossible_materials_are_refused(change, message):
    settings = {"name": "X", "structure": "fcc", "elements": ["Au"], "a_nm": 0.4, "rms_displacement_nm": 0.01}
    with pytest.raises(InputError, match=message):
        Material(**(settings | change))
