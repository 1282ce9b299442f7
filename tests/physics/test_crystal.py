"""Crystals against the textbook: stacking, neighbours, volumes, and what each defect does to a lattice."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import Crystal, Plane
from hrtem_lab.physics.crystal import sample_planes
from tests.physics.scenes import AU, WURTZITE, ZINC_BLENDE, with_planes

MATERIALS = pytest.mark.parametrize("material", [AU, ZINC_BLENDE, WURTZITE], ids=lambda m: m.structure)
KINDS = ["twin", "intrinsic", "extrinsic"]
STACKED = ["sphere", "faceted", "ellipsoid", "rod", "irregular"]


def smooth(crystal, seed=0):
    return replace(crystal, roughness_nm=0.0).sample_atoms(np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("material", "defects", "letters"),
    [
        # Hirth and Lothe, Theory of Dislocations, ch. 10; read upwards from the seventh plane under the defect's place
        (AU, {}, "ABCABCABCABCA"),
        (AU, {"twin": 0.1}, "ABCABCACBACBA"),
        (AU, {"intrinsic": 0.1}, "ABCABCACABCAB"),  # ABCABC(A)|CABCAB: a plane of B is missing
        (AU, {"extrinsic": 0.1}, "ABCABCACBCABC"),  # a plane of C more
        (WURTZITE, {}, "ABABABABABABA"),
        (WURTZITE, {"twin": 0.1}, "ABABABACACACA"),  # I1
        (WURTZITE, {"intrinsic": 0.1}, "ABABABACBCBCB"),  # I2
        (WURTZITE, {"extrinsic": 0.1}, "ABABABACBABAB"),  # E
    ],
)
def test_stacking_is_that_of_the_textbook(material, defects, letters):
    heights, numbers = with_planes(Crystal(material, 5.0), **defects).stacking_sequence()
    middle = len(numbers) // 2
    assert heights[middle] == 0
    np.testing.assert_allclose(np.diff(heights), material.d_spacing_nm)
    assert "".join("ABC"[n] for n in numbers[middle - 6 : middle + 7]) == letters


def hexagonal(crystal):
    """Planes with the same letter below and above them."""
    _, letters = crystal.stacking_sequence()
    return np.flatnonzero(letters[:-2] == letters[2:]) + 1


@pytest.mark.parametrize(("kind", "count"), [("twin", 1), ("intrinsic", 2), ("extrinsic", 2)])
def test_hexagonal_planes_of_a_defect_in_fcc(kind, count):
    """One at a twin plane; two that touch at an intrinsic fault; two with a cubic one between at an extrinsic one."""
    assert len(hexagonal(Crystal(AU, 4.0))) == 0
    found = hexagonal(with_planes(Crystal(AU, 4.0), **{kind: 0.3}))
    assert len(found) == count
    assert list(np.diff(found)) == {"twin": [], "intrinsic": [1], "extrinsic": [2]}[kind]


@MATERIALS
@pytest.mark.parametrize("kind", [None, *KINDS])
@pytest.mark.parametrize("shape", STACKED)
def test_every_inner_atom_has_all_its_neighbours(shape, kind, material):
    """Twelve in a metal, four in a tetrahedral compound, on both sides of any defect, too."""
    crystal = with_planes(Crystal(material, 3.0, shape), **({kind: 0.1} if kind else {}))
    points, numbers = smooth(crystal)
    inner = (
        crystal.depth_nm(points) > 1.25 * material.bond_nm
    )  # an ellipsoid's short axis is 0.8 of what the depth says
    assert np.count_nonzero(inner) > 50
    near = cKDTree(points).query_ball_point(points, 1.1 * material.bond_nm)
    assert {len(found) - 1 for found in np.array(near, dtype=object)[inner]} == {12 if material is AU else 4}
    assert cKDTree(points).query(points, 2)[0][:, 1].min() == pytest.approx(material.bond_nm, rel=0.002)
    if material is not AU:
        assert all(numbers[other] != numbers[i] for i, found in enumerate(near) for other in found if other != i)


@MATERIALS
def test_neighbours_are_those_of_ase(material):
    """The distances of a whole cell's atoms in ASE's own crystals."""
    theirs = {
        "fcc": lambda: bulk("Au", "fcc", 4.0786),
        "zinc_blende": lambda: bulk("CdSe", "zincblende", 6.077),
        "wurtzite": lambda: bulk("CdSe", "wurtzite", 4.299, c=7.010, u=0.375),
    }[material.structure]()
    reach_nm = 2.2 * material.bond_nm
    expected = neighbor_list("d", theirs, 10 * reach_nm)[neighbor_list("i", theirs, 10 * reach_nm) == 0] / 10
    points, numbers = smooth(Crystal(material, 3.0))
    middle = np.flatnonzero(numbers == theirs.numbers[0])
    middle = middle[np.linalg.norm(points[middle], axis=1).argmin()]
    distances = np.linalg.norm(points - points[middle], axis=1)
    np.testing.assert_allclose(
        np.sort(distances[(distances > 0) & (distances < reach_nm)]), np.sort(expected), rtol=1e-6
    )


@MATERIALS
@pytest.mark.parametrize("shape", [*STACKED, "decahedron", "icosahedron"])
def test_a_particle_has_the_volume_of_its_sphere(shape, material):
    if shape in ("decahedron", "icosahedron"):
        material = AU
    # atoms of a cell over its volume, without the code's own planes and rows
    density = {"fcc": 4, "zinc_blende": 8, "wurtzite": 4}[material.structure] / abs(np.linalg.det(material.cell_nm))
    counts = [len(smooth(Crystal(material, 5.0, shape), seed)[0]) for seed in range(3)]
    assert np.mean(counts) == pytest.approx(density * np.pi / 6 * 5.0**3, rel=0.03)
    counts = [len(smooth(Crystal(material, 2.0, shape), seed)[0]) for seed in range(6)]
    np.testing.assert_allclose(np.cbrt(np.array(counts) / (density * np.pi / 6 * 2.0**3)), 1, atol=0.055)


def test_facets_of_a_twin_are_those_of_its_lattice():
    """Twelve of the {111} and {100} normals of the two lattices differ; each half ends where its own lattice's do."""
    crystal = with_planes(Crystal(AU, 6.0, "faceted"), twin=0.0)
    steps = np.linspace(0, 6, 6001)[:, None]
    hkl = (AU.miller_indices() ** 2).sum(1)
    for variant, side in ((0, -1), (1, 1)):
        for index, family in ((3, "111"), (4, "100")):
            normals = crystal.g_vectors(variant)[hkl == index]
            normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
            normals *= np.where(normals[:, [2]] * side < 0, -1, 1)
            lengths = [steps[crystal.depth_nm(steps * n) > 0].max() for n in normals]
            np.testing.assert_allclose(lengths, lengths[0], atol=0.003, err_msg=family)
    perfect, _ = smooth(Crystal(AU, 6.0, "faceted"))
    assert len(smooth(crystal)[0]) == pytest.approx(len(perfect), rel=0.03)


@MATERIALS
def test_as_many_anions_as_cations(material):
    _, numbers = smooth(Crystal(material, 5.0))
    count = Counter(numbers.tolist())
    if material is AU:
        assert set(count) == {79}
    else:
        assert set(count) == {48, 34}
        assert count[48] == pytest.approx(count[34], rel=0.02)


@MATERIALS
def test_a_perfect_crystal_diffracts_where_its_cell_says(material):
    points, numbers = smooth(Crystal(material, 3.0))
    cations = points[numbers == numbers[0]]
    factor = np.abs(np.exp(2j * np.pi * cations @ material.g_vectors().T).mean(0))
    if material is WURTZITE:  # its planes of one letter scatter between the reflections of the other's
        assert factor.min() > 0.4
    else:
        np.testing.assert_allclose(factor, 1, rtol=1e-6)


def halves(crystal, seed=0):
    """Cations below and above the crystal's only plane."""
    points, numbers = smooth(crystal, seed)
    points = points[numbers == numbers.max()]
    levels = np.unique(np.round(points[:, 2], 6))
    # an extrinsic fault takes two steps: its plane of atoms is left out
    first, apart = (levels[0] % crystal.material.d_spacing_nm, crystal.material.d_spacing_nm)
    gap = np.floor(crystal.planes[0].height_nm / apart) * apart + first + 1e-3
    gap -= apart * (first > apart / 2)
    wide = 1.5 if crystal.planes[0].kind == "extrinsic" else 0.5
    return points[points[:, 2] < gap], points[points[:, 2] > gap + wide * apart]


def amplitudes(points, g):
    return np.exp(2j * np.pi * points @ g.T).mean(0)


def turns(points, others, g):
    """How far the waves scattered by some atoms run ahead of those scattered by others, in turns from -0.5 to 0.5."""
    return np.angle(amplitudes(points, g) * amplitudes(others, g).conj()) / (2 * np.pi)


def apart(one, other):
    return np.abs((one - other + 0.5) % 1 - 0.5).max()


# How far the crystal above is moved, from the lattice constants: Hirth and Lothe, ch. 10 (fcc) and 11 (hexagonal).
# Across an intrinsic fault A becomes B, by 1/6 [11-2] (y is along [-1-12]); across an extrinsic one it becomes C.
CUBIC_MOVES = {"intrinsic": [0, -1 / np.sqrt(6), 0], "extrinsic": [0, 1 / np.sqrt(6), 0]}
WURTZITE_MOVES = {
    "twin": [0, 1 / np.sqrt(3), 0.5],  # 1/6 <2-203>
    "intrinsic": [0, 1 / np.sqrt(3), 0],  # 1/3 <1-100>
    "extrinsic": [0, 0, 0.5],  # 1/2 [0001]
}


@pytest.mark.parametrize("material", [AU, ZINC_BLENDE], ids=lambda m: m.structure)
@pytest.mark.parametrize("height", [-0.5, 0.05, 0.6])
@pytest.mark.parametrize("kind", ["intrinsic", "extrinsic"])
def test_a_fault_moves_the_upper_half_by_a_sixth_of_112(kind, height, material):
    below, above = halves(with_planes(Crystal(material, 4.0), **{kind: height}))
    g = material.g_vectors()
    vector = material.a_nm * np.array(CUBIC_MOVES[kind])
    assert np.abs(amplitudes(below, g)).min() == pytest.approx(1)
    assert apart(turns(above, below, g), g @ vector) < 1e-6
    assert apart(turns(above, below, g), g @ -vector) > 0.3
    assert apart(material.displacement_nm(kind) @ g.T, g @ vector) < 1e-6


@pytest.mark.parametrize("height", [-0.5, 0.05, 0.6])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_moves_the_upper_half_of_wurtzite(kind, height):
    """Which way it slips depends on the plane of atoms that it slips on: of one letter or of the other."""
    below, above = halves(with_planes(Crystal(WURTZITE, 6.0), **{kind: height}))
    g = WURTZITE.g_vectors()
    found = turns(above, below, g)
    away = {}
    for name, move in WURTZITE_MOVES.items():
        vector = np.array(move) * [WURTZITE.a_nm, WURTZITE.a_nm, WURTZITE.c_nm]
        away[name] = min(apart(found, g @ (vector * sense)) for sense in ([1, 1, 1], [-1, -1, 1]))
    away["none"] = apart(found, 0)
    assert away.pop(kind) < 0.12  # the halves do not end with whole cells
    assert min(away.values()) > 0.2
    vector = np.array(WURTZITE_MOVES[kind]) * [WURTZITE.a_nm, WURTZITE.a_nm, WURTZITE.c_nm]
    assert min(apart(WURTZITE.displacement_nm(kind) @ g.T, g @ (vector * s)) for s in ([1, 1, 1], [-1, -1, 1])) < 1e-6


@pytest.mark.parametrize("height", [-0.4, 0.05, 0.37])
@pytest.mark.parametrize("material", [AU, ZINC_BLENDE], ids=lambda m: m.structure)
def test_above_a_twin_plane_lies_the_mirror_image(material, height):
    crystal = with_planes(Crystal(material, 5.0), twin=height)
    below, above = halves(crystal)
    parent, twin = crystal.g_vectors(0), crystal.g_vectors(1)
    np.testing.assert_allclose(twin, parent * [-1, -1, 1], atol=1e-9)  # with inversion, a mirror in z
    np.testing.assert_allclose(np.abs(amplitudes(below, parent)), 1)
    np.testing.assert_allclose(np.abs(amplitudes(above, twin)), 1)
    changed = crystal.reflections_affected(0)[0]
    np.testing.assert_allclose(np.abs(amplitudes(above, parent[~changed])), 1)
    assert np.abs(amplitudes(above, parent[changed])).max() < 0.3
    assert changed.any()
    assert not changed.all()


@MATERIALS
@pytest.mark.parametrize("kind", KINDS)
def test_reflections_affected_are_those_whose_waves_the_fault_shifts(kind, material):
    """The two halves of a perfect crystal scatter in step; where the defect spoils that, the reflection is changed."""
    crystal = with_planes(Crystal(material, 6.0), **{kind: 0.1})
    below, above = halves(crystal)
    g, changed = crystal.g_vectors(0), crystal.reflections_affected(0)
    spoilt = np.abs(turns(above, below, g)) > 0.15
    if len(crystal.variants) == 2:
        spoilt = np.abs(amplitudes(above, g)) < 0.5
    assert changed.shape == (1, len(g))
    np.testing.assert_array_equal(changed[0], spoilt)
    assert Crystal(material, 6.0).reflections_affected(0).shape == (0, len(g))


def test_reflections_affected_by_a_fault_in_fcc():
    """Those with h + k + l no multiple of three where the plane is (111); {111} of the plane itself never shows it."""
    crystal = with_planes(Crystal(AU, 4.0), intrinsic=0.1)
    np.testing.assert_array_equal(crystal.reflections_affected(0)[0], AU.miller_indices().sum(1) % 3 != 0)


def test_an_extrinsic_fault_in_wurtzite_affects_other_reflections_than_an_intrinsic_one():
    """Half of c is whole for even l; 1/3 <1-100> is whole for h - k = 3n."""
    h, k, upwards = WURTZITE.miller_indices().T
    for kind, expected in {
        "extrinsic": upwards % 2 == 1,
        "intrinsic": (h - k) % 3 != 0,
        "twin": (h - k) % 3 != 0,
    }.items():
        np.testing.assert_array_equal(
            with_planes(Crystal(WURTZITE, 4.0), **{kind: 0.1}).reflections_affected(0)[0], expected
        )


def test_vacancies_are_the_fraction_of_missing_atoms():
    whole, _ = smooth(Crystal(AU, 5.0))
    holed, numbers = smooth(Crystal(AU, 5.0, vacancies=0.1))
    assert len(holed) == len(numbers)
    assert 1 - len(holed) / len(whole) == pytest.approx(0.1, abs=0.02)
    assert cKDTree(whole).query(holed)[0].max() == 0  # the others stay where they were


def test_the_surface_is_rough_and_depends_on_the_random_state():
    crystal = Crystal(AU, 4.0)
    rough, again, other = (crystal.sample_atoms(np.random.default_rng(seed))[0] for seed in (0, 0, 1))
    assert crystal.depth_nm(smooth(crystal)[0]).min() > 0
    assert -0.15 < crystal.depth_nm(rough).min() < 0
    np.testing.assert_array_equal(rough, again)
    assert rough.shape != other.shape or not np.allclose(rough, other)


@given(st.sampled_from(STACKED), st.floats(1.0, 12.0), st.lists(st.sampled_from(KINDS), max_size=3), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_sampled_planes_are_apart_and_inside(shape, diameter_nm, kinds, seed):
    crystal = sample_planes(Crystal(AU, diameter_nm, shape, seed=seed), kinds, np.random.default_rng(seed))
    assert [p.kind for p in crystal.planes] == kinds[: len(crystal.planes)]
    if diameter_nm >= 6:  # eleven steps or more are free, of which two planes take ten at most
        assert len(crystal.planes) == len(kinds)
    places = sorted(p.height_nm / AU.d_spacing_nm for p in crystal.planes)
    assert all(np.diff(places) > 2.9)
    hexagonal_planes = {"twin": 1, "intrinsic": 2, "extrinsic": 2}
    assert len(hexagonal(crystal)) == sum(hexagonal_planes[p.kind] for p in crystal.planes)


def test_planes_are_sampled_at_random():
    heights = [
        sample_planes(Crystal(AU, 5.0), ["twin"], np.random.default_rng(s)).planes[0].height_nm for s in range(60)
    ]
    assert len(set(heights)) > 8
    assert abs(np.mean(heights)) < 0.3
    assert 0.9 < np.ptp(heights) < 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"diameter_nm": 0.0}, "diameter_nm is 0.0"),
        ({"diameter_nm": float("nan")}, "diameter_nm is nan"),
        ({"vacancies": 1.0}, "vacancies are 1.0"),
        ({"roughness_nm": -0.1}, "roughness_nm is -0.1"),
        ({"shape": "cube"}, "shape is 'cube', expected one of sphere"),
        ({"planes": (Plane("twin", 0.1), Plane("intrinsic", 0.4))}, "planes at 0.10, 0.40 nm are nearer"),
        ({"planes": (Plane("twin", 1.9),)}, "planes at 1.90 nm do not all lie within a sphere of 4.00 nm"),
        ({"shape": "decahedron", "planes": (Plane("twin", 0.1),)}, "only fcc twins that way"),
        ({"shape": "icosahedron", "material": WURTZITE}, "only fcc twins that way"),
    ],
)
def test_impossible_crystals_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Crystal(**({"material": AU, "diameter_nm": 4.0} | settings))


def test_planes_of_an_unknown_kind_are_refused():
    with pytest.raises(InputError, match="kind of a plane is 'kink', expected one of twin, intrinsic, extrinsic"):
        Plane("kink", 0.0)
