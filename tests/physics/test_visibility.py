"""What counts as visible, on drawn lattices and on simulated particles whose planes stand as they were laid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hrtem_lab.image import resample_nearest
from hrtem_lab.physics import Condition, Crystal, Plane
from hrtem_lab.physics.exit_wave import multislice, outlines
from hrtem_lab.physics.microscope import expose
from hrtem_lab.physics.visibility import RESOLVED, _spots, label, significance
from tests.physics.scenes import AU, EDGE_ON, WURTZITE, ZINC_BLENDE, in_vacuum, placed, with_planes

PIXEL_NM = 0.04
SIZE = 125
G = np.array([[3.0, 3.0], [-3.0, -3.0]])
ELSEWHERE = np.array([[3.0, -3.0], [1.0, 4.1], [2.0, 1.0]])
BEYOND = np.array([[12.6, 0.0], [9.0, 9.0], [0.0, -30.0]])


def window(radius_nm=2.0):
    row, column = (np.mgrid[:SIZE, :SIZE] - SIZE / 2) * PIXEL_NM
    return np.hypot(row, column) < radius_nm


def lattice(electrons, modulation, g=G[0]):
    row, column = np.mgrid[:SIZE, :SIZE] * PIXEL_NM
    return (electrons * (1 + modulation * np.cos(2 * np.pi * (row * g[0] + column * g[1])))).astype(np.float32)


def counted(expected, seed=0):
    """What a camera counts."""
    return np.random.default_rng(seed).poisson(expected).astype(np.float32)


@pytest.mark.parametrize("electrons", [3.0, 300.0])
@pytest.mark.parametrize("modulation", [0.1, 0.3])
def test_a_drawn_lattice_is_as_significant_as_counting_allows(electrons, modulation):
    """Of n electrons, a modulation m gives the amplitude n m / 2 against a noise of the root of n."""
    frames = [counted(lattice(electrons, modulation), seed) for seed in range(30)]
    found = [significance(frame, window(), PIXEL_NM, G) for frame in frames]
    n = electrons * np.count_nonzero(window())
    # the noise adds its own power, and the level is measured where the lattice's side lobes are
    assert np.median(found) == pytest.approx(modulation / 2 * np.sqrt(n), rel=0.15)


@pytest.mark.parametrize("radius_nm", [1.0, 2.0])
def test_the_level_of_the_noise_is_known_to_a_tenth(radius_nm):
    """Noise moves so strong a lattice's amplitude by less than a hundredth: what scatters is the level beside it."""
    frames = [counted(lattice(300.0, 0.3), seed) for seed in range(60)]
    found = [significance(frame, window(radius_nm), PIXEL_NM, G)[0] for frame in frames]
    assert np.std(found) < 0.1 * np.mean(found)


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_the_unit_of_the_image_does_not_count(scale, offset):
    frame = counted(lattice(100.0, 0.2)).astype(float)
    found = significance(frame, window(), PIXEL_NM, G)
    np.testing.assert_allclose(significance(scale * frame + offset, window(), PIXEL_NM, G), found, rtol=1e-3)


@pytest.mark.parametrize("g", [ELSEWHERE, BEYOND], ids=["no reflection", "beyond Nyquist"])
def test_nothing_is_seen_where_no_lattice_is(g):
    assert (significance(counted(lattice(100.0, 0.2)), window(), PIXEL_NM, g) < RESOLVED).all()
    assert (significance(counted(lattice(100.0, 0.2)), window(), PIXEL_NM, BEYOND) == 0).all()


@pytest.mark.parametrize(("radius_nm", "seen"), [(0.3, False), (0.45, False), (0.6, True)])
def test_a_few_fringes_are_no_lattice(radius_nm, seen):
    found = significance(counted(lattice(3000.0, 0.3)), window(radius_nm), PIXEL_NM, G)
    assert (found > RESOLVED).all() == seen


@pytest.mark.parametrize("edge_nm", [5, 15, 60])
def test_a_lattice_is_seen_however_large_its_window(edge_nm):
    row, column = np.mgrid[: 10 * edge_nm, : 10 * edge_nm] * 0.1
    frame = counted((100 * (1 + 0.5 * np.cos(2 * np.pi * (row * G[0, 0] + column * G[0, 1])))).astype(np.float32))
    found = significance(frame, np.ones(frame.shape, dtype=bool), 0.1, G)
    assert (found > RESOLVED).all()


def test_a_spot_a_little_off_is_found():
    off = G[:1] + np.array([[0.05, -0.05]])  # as relaxation or a wrong calibration may have it
    strong, there = (significance(counted(lattice(1000.0, 0.2)), window(), PIXEL_NM, g)[0] for g in (off, G[:1]))
    assert strong > 0.6 * there


def test_noise_is_not_significant():
    rng = np.random.default_rng(0)
    frames = [rng.poisson(100, (SIZE, SIZE)).astype(np.float32) for _ in range(100)]
    found = np.array([significance(frame, window(), PIXEL_NM, np.concatenate([G[:1], ELSEWHERE])) for frame in frames])
    assert found.max() < RESOLVED
    assert found.mean() == pytest.approx(1.3, abs=0.3)  # the largest of nine places near by


def test_speckle_as_strong_as_the_lattice_hides_it():
    rng = np.random.default_rng(0)
    k = np.hypot(*np.meshgrid(*[np.fft.fftfreq(SIZE, PIXEL_NM)] * 2))
    speckle = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIZE, SIZE))) * (k < 6)).real
    image = lattice(1e4, 0.1)
    alone, hidden = (
        significance(image + s * 1e4 * speckle / speckle.std(), window(), PIXEL_NM, G[:1])[0] for s in (0, 1.0)
    )
    assert alone > 10 * RESOLVED
    assert hidden < RESOLVED


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_no_contrast(value):
    assert not significance(np.full((20, 20), value, np.float32), np.ones((20, 20), dtype=bool), PIXEL_NM, G).any()


def test_no_window_and_no_reflections():
    assert not significance(lattice(10.0, 0.2), window(-1.0), PIXEL_NM, G).any()
    assert significance(lattice(10.0, 0.2), window(), PIXEL_NM, np.empty((0, 2))).shape == (0,)


PERFECT = Crystal(AU, 4.0)
TWIN, FAULT = with_planes(PERFECT, twin=0.1), with_planes(PERFECT, intrinsic=0.1)


def seen(crystal, turn=None, dose=1e5):
    """The row of facts of one particle in vacuum, turned from its edge-on position."""
    particle = placed(crystal, (turn or Rotation.identity()) * EDGE_ON)
    specimen = in_vacuum(particle)
    condition = Condition(defocus_nm=50.0, dose_e_per_nm2=dose, pixel_size_nm=5.0 / SIZE)
    image = counted(expose(multislice(specimen, 160), 5.0 / 160, condition).numpy())
    return label(image, resample_nearest(outlines(specimen, 160), (SIZE, SIZE)), 5.0 / SIZE, (particle,)).loc[1]


def turn(axis, degrees):
    return Rotation.from_euler(axis, degrees, degrees=True)


def with_one(material, kind):
    return with_planes(Crystal(material, 4.0), **{kind: 0.1})


STACKS = {
    "twin": TWIN,
    "intrinsic": FAULT,
    "extrinsic": with_one(AU, "extrinsic"),
    "zinc blende": with_one(ZINC_BLENDE, "twin"),
    "wurtzite I1": with_one(WURTZITE, "twin"),
    "wurtzite I2": with_one(WURTZITE, "intrinsic"),
    "wurtzite E": with_one(WURTZITE, "extrinsic"),
}
MULTIPLY_TWINNED = {name: Crystal(AU, 4.0, name) for name in ("decahedron", "icosahedron")}


@pytest.mark.parametrize("crystal", (STACKS | MULTIPLY_TWINNED).values(), ids=(STACKS | MULTIPLY_TWINNED))
@pytest.mark.parametrize("spin_deg", [0, 37])
def test_a_plane_that_stands_edge_on_is_a_fault(crystal, spin_deg):
    row = seen(crystal, turn("z", spin_deg))
    assert row["label"] == "fault"
    assert row["fault_strength"] > RESOLVED
    assert row["resolved"] >= 2
    # each part of a twinned particle spreads its spots into the gaps between those of the others
    assert row["strength"] > (1.2 if crystal in MULTIPLY_TWINNED.values() else 3) * RESOLVED


@pytest.mark.parametrize("crystal", STACKS.values(), ids=STACKS)
@pytest.mark.parametrize("turned", [turn("x", 25), turn("y", 15), turn("x", 90)], ids=["tilted", "off zone", "flat"])
def test_a_plane_that_does_not_show_is_no_fault(crystal, turned):
    row = seen(crystal, turned)
    assert row["label"] == "no_fault"
    assert row["fault_strength"] <= RESOLVED


@pytest.mark.parametrize("crystal", STACKS.values(), ids=STACKS)
def test_along_112_an_edge_on_plane_changes_nothing_that_is_seen(crystal):
    """Reflections of the plane itself and those at right angles to it go on through it (in wurtzite: along <10-10>)."""
    row = seen(crystal, EDGE_ON * Rotation.from_euler("z", 90, degrees=True) * EDGE_ON.inv())
    assert row["label"] == "no_fault"


def test_a_decahedron_that_is_turned_away_shows_no_twin_plane():
    row = seen(MULTIPLY_TWINNED["decahedron"], turn("y", 35) * turn("x", 20))
    assert row["label"] == "no_fault"


@pytest.mark.parametrize("material", [AU, ZINC_BLENDE, WURTZITE], ids=lambda m: m.structure)
def test_a_perfect_crystal_is_no_fault(material):
    assert seen(Crystal(material, 4.0))["label"] == "no_fault"


@pytest.mark.parametrize("crystal", [TWIN, FAULT, PERFECT], ids=["twin", "fault", "perfect"])
def test_a_few_electrons_show_no_fringe(crystal):
    row = seen(crystal, dose=10.0)
    assert row["label"] == "no_fringe"
    assert row["resolved"] == 0


def test_the_strength_grows_as_the_root_of_the_dose():
    low, high = (seen(PERFECT, dose=dose)["strength"] for dose in (100.0, 400.0))
    assert high == pytest.approx(2 * low, rel=0.25)


def test_one_row_per_particle_whatever_is_left_of_it():
    particles = (placed(PERFECT), placed(TWIN))
    none = label(np.ones((9, 9), dtype=np.float32), np.zeros((9, 9), dtype=np.int32), PIXEL_NM, particles)
    assert none["label"].tolist() == ["no_fringe", "no_fringe"]
    assert none.index.tolist() == [1, 2]
    empty = label(np.ones((9, 9), dtype=np.float32), np.zeros((9, 9), dtype=np.int32), PIXEL_NM, ())
    assert list(empty.columns) == list(none.columns)
    assert len(empty) == 0


def test_a_piece_without_the_plane_shows_no_fault():
    """The plane stands upright in the middle; what the edge of the image leaves of the particle ends before it."""
    particle = placed(TWIN, EDGE_ON)
    specimen = in_vacuum(particle)
    condition = Condition(defocus_nm=50.0, dose_e_per_nm2=1e5, pixel_size_nm=5.0 / SIZE)
    image = counted(expose(multislice(specimen, 160), 5.0 / 160, condition).numpy())
    instances = resample_nearest(outlines(specimen, 160), (SIZE, SIZE))
    row, column = (np.mgrid[:SIZE, :SIZE] + 0.5) * 5.0 / SIZE
    beyond_nm = (row - particle.centre_nm[0]) * particle.normals[0, 0] + (
        column - particle.centre_nm[1]
    ) * particle.normals[0, 1]
    whole, half = (
        label(image, instances * kept, 5.0 / SIZE, (particle,)).loc[1]
        for kept in (np.ones_like(instances), (beyond_nm > 0.5).astype(np.int32))
    )
    assert whole["label"] == "fault"
    assert half["label"] == "no_fault"
    assert half["resolved"] > 0


def test_fringes_on_the_rods_of_planar_defects_count():
    """Faults let a reflection show where the Ewald sphere cuts its rod; in a perfect crystal nothing lies there."""
    faulted = Crystal(AU, 4.0, planes=(Plane("intrinsic", -0.5), Plane("intrinsic", 0.5)))
    turned = turn("x", 40) * EDGE_ON
    spots, plain = (_spots(placed(crystal, turned))[0] for crystal in (faulted, PERFECT))
    rods = spots[len(plain) :]
    np.testing.assert_allclose(rods[:, 2], 0, atol=1e-9)
    apart = np.linalg.norm(rods[:, None, :2] - np.concatenate([plain, -plain])[:, :2], axis=2).min(axis=1, initial=9.0)
    image = counted(lattice(1e3, 0.03, rods[apart.argmax()]))
    assert apart.max() > 0.5
    found = [
        label(image, window().astype(np.int32), PIXEL_NM, (placed(crystal, turned),)).loc[1, "label"]
        for crystal in (faulted, PERFECT)
    ]
    assert found == ["no_fault", "no_fringe"]
