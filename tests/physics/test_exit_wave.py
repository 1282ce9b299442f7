"""Exit waves against abTEM and against the lattice that was put in."""

from dataclasses import replace

import abtem
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hrtem_lab.physics import Crystal, ImagingConditions
from hrtem_lab.physics.exit_wave import multislice, propagate
from hrtem_lab.physics.microscope import expose, wavelength_nm
from hrtem_lab.physics.silhouettes import project_instances
from hrtem_lab.physics.support import Film
from tests.physics.scenes import AU, EDGE_ON, WURTZITE, ZINC_BLENDE, in_vacuum, placed, small, with_planes

GPTS = 160


def test_a_field_without_particles():
    specimen = small(empty=1.0).sample(np.random.default_rng(0))
    assert not project_instances(specimen, 64).any()
    wave = multislice(replace(specimen, absorption=0.0), 128)
    assert wave.shape == (128, 128)
    assert wave.dtype == np.complex64
    assert np.mean(np.abs(wave) ** 2) == pytest.approx(1, abs=0.02)
    assert np.abs(np.angle(wave)).std() > 0.01  # carbon does something


def test_slower_electrons_are_turned_more():
    """The phase of a thin film grows as the interaction constant, m times lambda (Kirkland eq. 5.6)."""
    specimen = small(empty=1.0, film_nm=(0.3, 0.3)).sample(np.random.default_rng(0))
    phases, constants = [], []
    for voltage_kV in (100.0, 300.0):
        phases.append(np.angle(multislice(specimen, 128, voltage_kV)).std())
        constants.append((1 + voltage_kV / 511.0) * wavelength_nm(voltage_kV))
    assert phases[0] / phases[1] == pytest.approx(constants[0] / constants[1], rel=0.02)


def test_electrons_are_neither_made_nor_lost():
    specimen = small(absorption=(0.0, 0.0)).sample(np.random.default_rng(1))
    assert np.mean(np.abs(multislice(specimen, GPTS)) ** 2) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("film_nm", [1.0, 4.0])
def test_a_film_absorbs_with_its_thickness(film_nm):
    """Free carbon atoms scatter by 2.51 A forwards: at 2 g/cm3 their mean inner potential is 12.05 V."""
    film = Film(density_g_per_cm3=(2.0, 2.0))
    drawn = small(empty=1.0, film_nm=(film_nm, film_nm), supports={"carbon": film}).sample(np.random.default_rng(0))
    sharp, dim = (np.abs(multislice(replace(drawn, absorption=a), 128)) ** 2 for a in (0.0, 0.1))
    radians = 6.526e-3 * 12.05 * film_nm
    assert -np.log(dim.mean() / sharp.mean()) == pytest.approx(2 * 0.1 * radians, rel=0.1)


def test_a_particle_is_darker_than_its_film():
    specimen = small(max_particles=1, diameter_nm=(3.0, 3.0), film_nm=(1.0, 1.0)).sample(np.random.default_rng(2))
    inside = project_instances(specimen, GPTS) > 0
    waves = [np.abs(multislice(replace(specimen, absorption=a), GPTS)) ** 2 for a in (0.0, 0.05, 0.1)]
    ratios = [wave[inside].mean() / wave[~inside].mean() for wave in waves]
    assert ratios[0] > ratios[1] > ratios[2] > 0.7
    assert ratios[2] < 0.95 * ratios[0]


def test_vacuum_lets_everything_pass():
    nothing = small(empty=1.0, film_nm=(0.0, 0.0)).sample(np.random.default_rng(0))
    np.testing.assert_allclose(multislice(nothing, 64), 1, atol=1e-6)


def test_the_wave_is_that_of_abtem_through_the_same_slices():
    specimen = small(max_particles=1, absorption=(0.0, 0.0)).sample(np.random.default_rng(5))
    potential = abtem.Potential(specimen.atoms, gpts=GPTS, slice_thickness=8.0, projection="infinite", device="cpu")
    with abtem.config.set({"diagnostics.progress_bar": False}):
        wave = abtem.PlaneWave(energy=3e5).multislice(potential).compute(scheduler="single-threaded").array
    behind = -potential.slice_thickness[0] / 20
    np.testing.assert_allclose(
        multislice(specimen, GPTS), propagate(np.asarray(wave), 6.0 / GPTS, behind, 300.0), atol=1e-5
    )


def test_the_image_is_that_of_finite_projections_in_thin_slices():
    specimen = small(max_particles=1, film_nm=(1.0, 1.2), absorption=(0.0, 0.0)).sample(np.random.default_rng(5))
    potential = abtem.Potential(
        specimen.atoms, gpts=GPTS, slice_thickness=1.0, projection="finite", parametrization="lobato", device="cpu"
    )
    with abtem.config.set({"diagnostics.progress_bar": False}):
        wave = abtem.PlaneWave(energy=3e5).multislice(potential).compute(scheduler="single-threaded").array
    wave = propagate(np.asarray(wave), 6.0 / GPTS, -0.05, 300.0)  # thin slices begin half a slice too early, too
    condition = ImagingConditions(defocus_nm=50.0, pixel_size_nm=6.0 / GPTS)
    ours, theirs = (expose(w, 6.0 / GPTS, condition).numpy() for w in (multislice(specimen, GPTS), wave))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.98
    assert ours.std() == pytest.approx(theirs.std(), rel=0.05)


@pytest.mark.parametrize("seed", [1, 3])
def test_thick_slices_have_the_focus_of_thin_ones(seed):
    rotation = Rotation.random(rng=np.random.default_rng(seed))
    specimen = in_vacuum(placed(Crystal(AU, 3.0), rotation))
    thick, thin = (multislice(specimen, GPTS, slice_nm=t) for t in (0.8, 0.1))
    away = np.arange(-0.6, 0.61, 0.1)
    off = [np.abs(propagate(thick, 5.0 / GPTS, distance, 300.0) - thin).std() / thin.std() for distance in away]
    assert abs(away[np.argmin(off)]) < 0.15
    assert off[len(away) // 2] < 0.04


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_two_propagations_are_one_over_their_sum(one, other):
    rng = np.random.default_rng(0)
    wave = (rng.normal(size=(32, 32)) + 1j * rng.normal(size=(32, 32))).astype(np.complex64)
    both = propagate(propagate(wave, 0.05, one, 300.0), 0.05, other, 300.0)
    np.testing.assert_allclose(both, propagate(wave, 0.05, one + other, 300.0), atol=1e-3)
    assert np.mean(np.abs(both) ** 2) == pytest.approx(np.mean(np.abs(wave) ** 2), rel=1e-4)


@given(st.floats(-100, 100))
def test_propagation_through_vacuum_is_defocus(distance_nm):
    """Underfocus looks at a plane before the specimen's exit (abTEM's sign, Kirkland ch. 3)."""
    rng = np.random.default_rng(1)
    wave = (1 + 0.1 * rng.normal(size=(32, 32))).astype(np.complex64)
    plain = {"focal_spread_nm": 0.0, "mtf_nyquist": 1.0, "pixel_size_nm": 0.05}
    lens = expose(wave, 0.05, ImagingConditions(defocus_nm=-distance_nm, **plain)).numpy()
    moved = expose(propagate(wave, 0.05, distance_nm, 300.0), 0.05, ImagingConditions(defocus_nm=0.0, **plain)).numpy()
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
    g = particle.g_vectors(0)
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
    g = particle.g_vectors(0)
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
