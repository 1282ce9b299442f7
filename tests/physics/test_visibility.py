"""Labels of simulated particles whose planes stand as they were laid."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hrtem_lab.image import resample_nearest
from hrtem_lab.physics import Crystal, ImagingConditions, Plane
from hrtem_lab.physics.exit_wave import multislice
from hrtem_lab.physics.microscope import expose
from hrtem_lab.physics.silhouettes import project_instances
from hrtem_lab.physics.visibility import RESOLVED, _visible_spots, label_particles
from tests.physics.lattices import PIXEL_NM, SIZE, counted, lattice, window
from tests.physics.scenes import AU, EDGE_ON, WURTZITE, ZINC_BLENDE, in_vacuum, placed, with_planes

PERFECT = Crystal(AU, 4.0)
TWIN, FAULT = with_planes(PERFECT, twin=0.1), with_planes(PERFECT, intrinsic=0.1)


def label_row(crystal, turn=None, dose=1e5):
    """Label and SNR of one particle in vacuum, rotated from its edge-on position."""
    particle = placed(crystal, (turn or Rotation.identity()) * EDGE_ON)
    specimen = in_vacuum(particle)
    condition = ImagingConditions(defocus_nm=50.0, dose_e_per_nm2=dose, pixel_size_nm=5.0 / SIZE)
    image = counted(expose(multislice(specimen, 160), 5.0 / 160, condition).numpy())
    return label_particles(
        image, resample_nearest(project_instances(specimen, 160), (SIZE, SIZE)), 5.0 / SIZE, (particle,)
    ).loc[1]


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
    row = label_row(crystal, turn("z", spin_deg))
    assert row["label"] == "fault"
    assert row["fault_snr"] > RESOLVED
    assert row["resolved"] >= 2
    # each part of a twinned particle spreads its spots into the gaps between those of the others
    assert row["lattice_snr"] > (1.2 if crystal in MULTIPLY_TWINNED.values() else 3) * RESOLVED


@pytest.mark.parametrize("crystal", STACKS.values(), ids=STACKS)
@pytest.mark.parametrize("turned", [turn("x", 25), turn("y", 15), turn("x", 90)], ids=["tilted", "off zone", "flat"])
def test_a_plane_that_does_not_show_is_no_fault(crystal, turned):
    row = label_row(crystal, turned)
    assert row["label"] == "no_fault"
    assert row["fault_snr"] <= RESOLVED


@pytest.mark.parametrize("crystal", STACKS.values(), ids=STACKS)
def test_along_112_an_edge_on_plane_affects_no_visible_reflection(crystal):
    """Reflections of the plane itself and those at right angles to it go on through it (in wurtzite: along <10-10>)."""
    row = label_row(crystal, EDGE_ON * Rotation.from_euler("z", 90, degrees=True) * EDGE_ON.inv())
    assert row["label"] == "no_fault"


def test_a_decahedron_that_is_turned_away_shows_no_twin_plane():
    row = label_row(MULTIPLY_TWINNED["decahedron"], turn("y", 35) * turn("x", 20))
    assert row["label"] == "no_fault"


@pytest.mark.parametrize("material", [AU, ZINC_BLENDE, WURTZITE], ids=lambda m: m.structure)
def test_a_perfect_crystal_is_no_fault(material):
    assert label_row(Crystal(material, 4.0))["label"] == "no_fault"


@pytest.mark.parametrize("crystal", [TWIN, FAULT, PERFECT], ids=["twin", "fault", "perfect"])
def test_a_few_electrons_show_no_fringe(crystal):
    row = label_row(crystal, dose=10.0)
    assert row["label"] == "no_fringe"
    assert row["resolved"] == 0


def test_the_snr_grows_as_the_root_of_the_dose():
    low, high = (label_row(PERFECT, dose=dose)["lattice_snr"] for dose in (100.0, 400.0))
    assert high == pytest.approx(2 * low, rel=0.25)


def test_one_row_per_particle_whatever_is_left_of_it():
    particles = (placed(PERFECT), placed(TWIN))
    none = label_particles(np.ones((9, 9), dtype=np.float32), np.zeros((9, 9), dtype=np.int32), PIXEL_NM, particles)
    assert none["label"].tolist() == ["no_fringe", "no_fringe"]
    assert none.index.tolist() == [1, 2]
    empty = label_particles(np.ones((9, 9), dtype=np.float32), np.zeros((9, 9), dtype=np.int32), PIXEL_NM, ())
    assert list(empty.columns) == list(none.columns)
    assert len(empty) == 0


def test_a_piece_without_the_plane_shows_no_fault():
    """The plane stands upright in the middle; what the edge of the image leaves of the particle ends before it."""
    particle = placed(TWIN, EDGE_ON)
    specimen = in_vacuum(particle)
    condition = ImagingConditions(defocus_nm=50.0, dose_e_per_nm2=1e5, pixel_size_nm=5.0 / SIZE)
    image = counted(expose(multislice(specimen, 160), 5.0 / 160, condition).numpy())
    instances = resample_nearest(project_instances(specimen, 160), (SIZE, SIZE))
    row, column = (np.mgrid[:SIZE, :SIZE] + 0.5) * 5.0 / SIZE
    beyond_nm = (row - particle.centre_nm[0]) * particle.plane_normals[0, 0] + (
        column - particle.centre_nm[1]
    ) * particle.plane_normals[0, 1]
    whole, half = (
        label_particles(image, instances * kept, 5.0 / SIZE, (particle,)).loc[1]
        for kept in (np.ones_like(instances), (beyond_nm > 0.5).astype(np.int32))
    )
    assert whole["label"] == "fault"
    assert half["label"] == "no_fault"
    assert half["resolved"] > 0


def test_fringes_on_the_rods_of_planar_defects_count():
    """Faults let a reflection show where the Ewald sphere cuts its rod; in a perfect crystal nothing lies there."""
    faulted = Crystal(AU, 4.0, planes=(Plane("intrinsic", -0.5), Plane("intrinsic", 0.5)))
    turned = turn("x", 40) * EDGE_ON
    spots, plain = (_visible_spots(placed(crystal, turned))[0] for crystal in (faulted, PERFECT))
    rods = spots[len(plain) :]
    np.testing.assert_allclose(rods[:, 2], 0, atol=1e-9)
    apart = np.linalg.norm(rods[:, None, :2] - np.concatenate([plain, -plain])[:, :2], axis=2).min(axis=1, initial=9.0)
    image = counted(lattice(1e3, 0.03, rods[apart.argmax()]))
    assert apart.max() > 0.5
    found = [
        label_particles(image, window().astype(np.int32), PIXEL_NM, (placed(crystal, turned),)).loc[1, "label"]
        for crystal in (faulted, PERFECT)
    ]
    assert found == ["no_fault", "no_fringe"]
