"""Outlines against analytic shapes, exit waves against abTEM and against the lattice that was put in."""

from dataclasses import replace

import abtem
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from skimage.measure import label as connected_components

from hrtem_lab.physics import Condition, Crystal
from hrtem_lab.physics.exit_wave import edge_nm, multislice, outlines, overlaps, propagated, silhouettes
from hrtem_lab.physics.microscope import expose, wavelength_nm
from hrtem_lab.physics.support import Film
from tests.physics.scenes import AU, EDGE_ON, WURTZITE, ZINC_BLENDE, in_vacuum, of_points, placed, small, with_planes

GPTS = 160


def ball(radius_nm, at, seed=0):
    """Atoms far closer than any real ones, so that their outermost lie on the sphere."""
    points = np.random.default_rng(seed).normal(size=(4000, 3))
    return np.array(at) + radius_nm * points / np.linalg.norm(points, axis=1, keepdims=True)


def area_nm2(instances, field_nm, number=1):
    return np.count_nonzero(instances == number) * (field_nm / len(instances)) ** 2


@pytest.mark.parametrize("gpts", [100, 200, 400])
@pytest.mark.parametrize("radius_nm", [1.0, 2.0])
def test_area_of_a_sphere(radius_nm, gpts):
    specimen = of_points([ball(radius_nm, [2.4, 2.6, 3.0])], field_nm=6.0)
    expected = np.pi * (radius_nm + edge_nm(AU)) ** 2
    assert area_nm2(outlines(specimen, gpts), 6.0) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("material", "diameter_nm"), [(AU, 2.5), (AU, 8.0), (ZINC_BLENDE, 4.0), (WURTZITE, 4.0), (WURTZITE, 8.0)]
)
def test_area_of_a_crystal_seen_from_anywhere(seed, material, diameter_nm):
    rotation = Rotation.random(rng=np.random.default_rng(seed))
    specimen = in_vacuum(placed(Crystal(material, diameter_nm), rotation, at=(5.0, 5.0)), field_nm=10.0)
    assert area_nm2(outlines(specimen, 400), 10.0) == pytest.approx(np.pi / 4 * diameter_nm**2, rel=0.03)


@settings(deadline=None, max_examples=20)
@given(st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_the_field_is_periodic(steps):
    """Moving the atoms moves the outline, and what leaves at one edge comes back at the other."""
    clouds = [ball(0.9, [2.0, 2.0, 2.0]), ball(0.7, [3.2, 3.2, 2.0])]
    whole = of_points(clouds, field_nm=5.0)
    # half a pixel off the grid of pixels, lest rounding decides where an atom belongs
    moved = of_points([c + np.array([*steps, 0]) * 0.05 for c in clouds], field_nm=5.0)
    rolled = np.roll(outlines(whole, 100), steps, (0, 1))
    assert set(np.unique(rolled)) == {0, 1, 2}
    assert np.count_nonzero(outlines(moved, 100) != rolled) <= 4


def test_two_balls_that_overlap_are_cut_through_the_middle_of_what_they_share():
    clouds = [ball(1.0, [2.5, 1.9, 2.0], 0), ball(1.0, [2.5, 3.1, 4.0], 1)]
    first, second = outlines(of_points(clouds), GPTS), outlines(of_points(clouds[::-1]), GPTS)
    assert first.dtype == np.int32
    np.testing.assert_array_equal(first > 0, second > 0)
    other = np.where(second > 0, 3 - second, 0)
    assert np.count_nonzero(first != other) < 0.01 * np.count_nonzero(first)  # whatever their numbers are
    rows, columns = np.nonzero(first)
    left = (columns + 0.5) * 5.0 / GPTS < 2.5
    assert np.mean(first[rows, columns] == np.where(left, 1, 2)) > 0.98


@pytest.mark.parametrize("order", [1, -1])
def test_a_small_ball_on_a_large_one_keeps_all_but_a_rim(order):
    clouds = [ball(1.5, [2.5, 2.5, 2.0], 0), ball(0.5, [2.5, 3.0, 4.0], 1)][::order]
    large, small = [1, 2][::order]
    found = outlines(of_points(clouds), GPTS)
    assert found[GPTS // 2, int(3.0 / 5.0 * GPTS)] == small
    areas = [area_nm2(found, 5.0, number) for number in (small, large)]
    whole = np.pi * (np.array([0.5, 1.5]) + edge_nm(AU)) ** 2
    assert 0.5 < areas[0] / whole[0] < 0.9
    assert sum(areas) == pytest.approx(whole[1], rel=0.02)


@pytest.mark.parametrize("apart_nm", [0.0, 0.7, 1.5, 2.5])
def test_two_balls_overlap_by_the_lens_between_them(apart_nm):
    """The area that two circles of radius r share is 2 r^2 acos(d / 2r) - d / 2 sqrt(4 r^2 - d^2)."""
    clouds = [ball(1.0, [2.0, 1.2, 2.0], 0), ball(1.0, [2.0, 1.2 + apart_nm, 4.0], 1), ball(0.5, [4.0, 4.3, 2.0], 2)]
    shares = overlaps(silhouettes(of_points(clouds), GPTS))
    radius = 1.0 + edge_nm(AU)
    half = min(apart_nm / 2 / radius, 1)
    lens = 2 * radius**2 * (np.arccos(half) - half * np.sqrt(1 - half**2))
    assert shares[:2] == [pytest.approx(lens / (np.pi * radius**2), abs=0.02)] * 2
    assert shares[2] == 0


def test_no_silhouettes_no_overlap():
    assert overlaps([]) == []


@pytest.mark.parametrize(("gap_nm", "closed"), [(0.5, True), (0.65, False)])
def test_gaps_between_columns_are_closed(gap_nm, closed):
    rows = np.arange(1.0, 4.0, 0.05)
    walls = [
        np.column_stack([rows, np.full_like(rows, 2.5 + side * gap_nm / 2), np.ones_like(rows)]) for side in (-1, 1)
    ]
    assert (outlines(of_points([np.concatenate(walls)]), 250)[125, 125] == 1) == closed


def test_a_field_without_particles():
    specimen = small(empty=1.0).draw(np.random.default_rng(0))
    assert not outlines(specimen, 64).any()
    wave = multislice(replace(specimen, absorption=0.0), 128)
    assert wave.shape == (128, 128)
    assert wave.dtype == np.complex64
    assert np.mean(np.abs(wave) ** 2) == pytest.approx(1, abs=0.02)
    assert np.abs(np.angle(wave)).std() > 0.01  # carbon does something


def test_slower_electrons_are_turned_more():
    """The phase of a thin film grows as the interaction constant, m times lambda (Kirkland eq. 5.6)."""
    specimen = small(empty=1.0, film_nm=(0.3, 0.3)).draw(np.random.default_rng(0))
    phases, constants = [], []
    for voltage_kV in (100.0, 300.0):
        phases.append(np.angle(multislice(specimen, 128, voltage_kV)).std())
        constants.append((1 + voltage_kV / 511.0) * wavelength_nm(voltage_kV))
    assert phases[0] / phases[1] == pytest.approx(constants[0] / constants[1], rel=0.02)


def test_electrons_are_neither_made_nor_lost():
    specimen = small(absorption=(0.0, 0.0)).draw(np.random.default_rng(1))
    assert np.mean(np.abs(multislice(specimen, GPTS)) ** 2) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("film_nm", [1.0, 4.0])
def test_a_film_absorbs_with_its_thickness(film_nm):
    """Free carbon atoms scatter by 2.51 A forwards: at 2 g/cm3 their mean inner potential is 12.05 V."""
    film = Film(density_g_per_cm3=(2.0, 2.0))
    drawn = small(empty=1.0, film_nm=(film_nm, film_nm), supports={"carbon": film}).draw(np.random.default_rng(0))
    sharp, dim = (np.abs(multislice(replace(drawn, absorption=a), 128)) ** 2 for a in (0.0, 0.1))
    radians = 6.526e-3 * 12.05 * film_nm
    assert -np.log(dim.mean() / sharp.mean()) == pytest.approx(2 * 0.1 * radians, rel=0.1)


def test_a_particle_is_darker_than_its_film():
    specimen = small(most=1, diameter_nm=(3.0, 3.0), film_nm=(1.0, 1.0)).draw(np.random.default_rng(2))
    inside = outlines(specimen, GPTS) > 0
    waves = [np.abs(multislice(replace(specimen, absorption=a), GPTS)) ** 2 for a in (0.0, 0.05, 0.1)]
    ratios = [wave[inside].mean() / wave[~inside].mean() for wave in waves]
    assert ratios[0] > ratios[1] > ratios[2] > 0.7
    assert ratios[2] < 0.95 * ratios[0]


def test_vacuum_lets_everything_pass():
    nothing = small(empty=1.0, film_nm=(0.0, 0.0)).draw(np.random.default_rng(0))
    np.testing.assert_allclose(multislice(nothing, 64), 1, atol=1e-6)


def test_the_wave_is_that_of_abtem_through_the_same_slices():
    specimen = small(most=1, absorption=(0.0, 0.0)).draw(np.random.default_rng(5))
    potential = abtem.Potential(specimen.atoms, gpts=GPTS, slice_thickness=8.0, projection="infinite", device="cpu")
    with abtem.config.set({"diagnostics.progress_bar": False}):
        wave = abtem.PlaneWave(energy=3e5).multislice(potential).compute(scheduler="single-threaded").array
    behind = -potential.slice_thickness[0] / 20
    np.testing.assert_allclose(
        multislice(specimen, GPTS), propagated(np.asarray(wave), 6.0 / GPTS, behind, 300.0), atol=1e-5
    )


def test_the_image_is_that_of_finite_projections_in_thin_slices():
    specimen = small(most=1, film_nm=(1.0, 1.2), absorption=(0.0, 0.0)).draw(np.random.default_rng(5))
    potential = abtem.Potential(
        specimen.atoms, gpts=GPTS, slice_thickness=1.0, projection="finite", parametrization="lobato", device="cpu"
    )
    with abtem.config.set({"diagnostics.progress_bar": False}):
        wave = abtem.PlaneWave(energy=3e5).multislice(potential).compute(scheduler="single-threaded").array
    wave = propagated(np.asarray(wave), 6.0 / GPTS, -0.05, 300.0)  # thin slices begin half a slice too early, too
    condition = Condition(defocus_nm=50.0, pixel_size_nm=6.0 / GPTS)
    ours, theirs = (expose(w, 6.0 / GPTS, condition).numpy() for w in (multislice(specimen, GPTS), wave))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.98
    assert ours.std() == pytest.approx(theirs.std(), rel=0.05)


@pytest.mark.parametrize("seed", [1, 3])
def test_thick_slices_have_the_focus_of_thin_ones(seed):
    rotation = Rotation.random(rng=np.random.default_rng(seed))
    specimen = in_vacuum(placed(Crystal(AU, 3.0), rotation))
    thick, thin = (multislice(specimen, GPTS, slice_nm=t) for t in (0.8, 0.1))
    away = np.arange(-0.6, 0.61, 0.1)
    off = [np.abs(propagated(thick, 5.0 / GPTS, distance, 300.0) - thin).std() / thin.std() for distance in away]
    assert abs(away[np.argmin(off)]) < 0.15
    assert off[len(away) // 2] < 0.04


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_one_way_after_another_is_the_whole_way(one, other):
    rng = np.random.default_rng(0)
    wave = (rng.normal(size=(32, 32)) + 1j * rng.normal(size=(32, 32))).astype(np.complex64)
    both = propagated(propagated(wave, 0.05, one, 300.0), 0.05, other, 300.0)
    np.testing.assert_allclose(both, propagated(wave, 0.05, one + other, 300.0), atol=1e-3)
    assert np.mean(np.abs(both) ** 2) == pytest.approx(np.mean(np.abs(wave) ** 2), rel=1e-4)


@given(st.floats(-100, 100))
def test_a_way_through_vacuum_is_defocus(distance_nm):
    """Underfocus looks at a plane before the specimen's exit (abTEM's sign, Kirkland ch. 3)."""
    rng = np.random.default_rng(1)
    wave = (1 + 0.1 * rng.normal(size=(32, 32))).astype(np.complex64)
    plain = {"focal_spread_nm": 0.0, "mtf_nyquist": 1.0, "pixel_size_nm": 0.05}
    lens = expose(wave, 0.05, Condition(defocus_nm=-distance_nm, **plain)).numpy()
    moved = expose(propagated(wave, 0.05, distance_nm, 300.0), 0.05, Condition(defocus_nm=0.0, **plain)).numpy()
    np.testing.assert_allclose(moved, lens, rtol=1e-3)


MATERIALS = {
    "Au": AU,
    "Ag": replace(AU, name="Ag", elements=("Ag",), a_nm=0.40862),
    "Pd": replace(AU, name="Pd", elements=("Pd",), a_nm=0.38898),
    "Pt": replace(AU, name="Pt", elements=("Pt",), a_nm=0.39231),
    "wurtzite": WURTZITE,
    "zinc blende": ZINC_BLENDE,
}
# Spacings in nm that are seen along a close-packed row, from powder diffraction cards (JCPDS 4-0784 and others)
FRINGES = {
    "Au": [0.2355, 0.2355, 0.2039],
    "Ag": [0.2359, 0.2359, 0.2044],
    "Pd": [0.2246, 0.2246, 0.1945],
    "Pt": [0.2265, 0.2265, 0.1962],
    "wurtzite": [0.372, 0.351, 0.329, 0.329],
    "zinc blende": [0.351, 0.351],
}


def spot(wave, pixel_size_nm, near):
    """The brightest place of a wave's spectrum within 0.25 nm^-1 of another, (2,) in nm^-1."""
    padded = np.abs(np.fft.fft2((wave - wave.mean()) * np.outer(*[np.hanning(len(wave))] * 2), (2048, 2048)))
    k = np.fft.fftfreq(2048, pixel_size_nm)
    padded[np.hypot(k[:, None] - near[0], k[None, :] - near[1]) > 0.25] = 0
    row, column = np.unravel_index(padded.argmax(), padded.shape)
    return np.array([k[row], k[column]])


@pytest.mark.parametrize("spin_deg", [0, 25])
@pytest.mark.parametrize("name", MATERIALS)
def test_fringes_have_the_spacings_and_the_places_of_the_reflections(name, spin_deg):
    spin = Rotation.from_euler("z", spin_deg, degrees=True)
    particle = placed(Crystal(MATERIALS[name], 4.0), spin * EDGE_ON)
    wave = multislice(in_vacuum(particle), GPTS)
    g = particle.reflections(0)
    g = g[np.abs(g[:, 2]) < 1e-6, :2]
    g = g[np.linalg.norm(g, axis=1).argsort()][: len(FRINGES[name])]
    found = np.array([spot(wave, 5.0 / GPTS, near) for near in g])
    np.testing.assert_allclose(1 / np.linalg.norm(found, axis=1), FRINGES[name], rtol=0.01)
    turned = found[:, 0] * g[:, 1] - found[:, 1] * g[:, 0]  # both lengths times the sine of the angle between
    np.testing.assert_allclose(turned / np.linalg.norm(g, axis=1) ** 2, 0, atol=0.01)


@pytest.mark.parametrize(("kind", "sense"), [("intrinsic", 1), ("extrinsic", -1)])
@pytest.mark.parametrize("material", [AU, ZINC_BLENDE], ids=lambda m: m.structure)
def test_an_edge_on_fault_moves_the_fringes_by_a_sixth_of_112(material, kind, sense):
    """Phases of the reflections in the exit wave on both sides of the fault: they differ by g . R."""
    particle = placed(with_planes(Crystal(material, 4.0), **{kind: 0.1}))
    phase = np.angle(multislice(in_vacuum(particle), GPTS))
    g = particle.reflections(0)
    g = g[np.abs(g[:, 2]) < 1e-6, :2]
    row, column = (np.mgrid[:GPTS, :GPTS] + 0.0) * 5.0 / GPTS
    sides = [np.exp(-(((column - 2.6 - away) / 0.4) ** 2) - ((row - 2.5) / 0.6) ** 2) for away in (-1.0, 1.0)]
    below, above = (
        ((phase * side) * np.exp(-2j * np.pi * (row * g[:, [0], None] + column * g[:, [1], None]))).sum((1, 2))
        for side in sides
    )
    turns = -np.angle(above * below.conj()) / (2 * np.pi)
    expected = g @ (particle.rotation @ [0, -sense * material.a_nm / np.sqrt(6), 0])[:2]
    np.testing.assert_allclose((turns - expected + 0.5) % 1 - 0.5, 0, atol=0.06)
    assert np.abs((expected + 0.5) % 1 - 0.5).max() == pytest.approx(1 / 3)


@pytest.mark.parametrize("material", [AU, ZINC_BLENDE, WURTZITE], ids=lambda m: m.structure)
def test_an_outline_has_no_holes_even_along_a_zone_axis(material):
    """The channels between columns are closed."""
    for axes in material.zones().values():
        onto_beam = Rotation.align_vectors([[0, 0, 1]], [axes[0]])[0]
        inside = outlines(in_vacuum(placed(Crystal(material, 3.0), onto_beam)), 250) == 1
        assert connected_components(~inside, connectivity=1).max() == 1
        assert connected_components(inside).max() == 1
