"""What is written down of a particle is what was placed."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hrtem_lab.physics import Crystal, PlacedParticle, Plane
from hrtem_lab.physics.placed_particle import ground_truth_table
from tests.physics.scenes import AU, EDGE_ON, WURTZITE, ZINC_BLENDE, placed, with_planes

PERFECT = Crystal(AU, 4.0)


def row(crystal, rotation=EDGE_ON):
    return ground_truth_table((placed(crystal, rotation),)).loc[1]


@given(
    st.sampled_from([AU, ZINC_BLENDE, WURTZITE]),
    st.sampled_from(["sphere", "rod", "irregular"]),
    st.lists(st.sampled_from(["twin", "intrinsic", "extrinsic"]), max_size=2),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=30)
def test_a_particle_comes_back_from_json(material, shape, kinds, seed):
    rng = np.random.default_rng(seed)
    planes = tuple(Plane(kind, 1.2 * i - 0.6) for i, kind in enumerate(kinds))
    crystal = Crystal(material, 5.0, shape, planes, rng.uniform(0, 0.1), 0.04, seed)
    particle = PlacedParticle(crystal, rng.uniform(0, 9, 3), Rotation.random(rng=rng).as_matrix())
    again = PlacedParticle.from_dict(json.loads(json.dumps(particle.to_dict())))
    assert again.crystal == particle.crystal
    np.testing.assert_array_equal(again.centre_nm, particle.centre_nm)
    np.testing.assert_array_equal(again.rotation, particle.rotation)
    np.testing.assert_array_equal(
        again.crystal.sample_atoms(np.random.default_rng(1))[0], crystal.sample_atoms(np.random.default_rng(1))[0]
    )


def test_ground_truth_of_a_stack():
    facts = row(with_planes(Crystal(AU, 6.0, vacancies=0.02), extrinsic=1.2, twin=-1.1, intrinsic=0.1))
    assert (facts["material"], facts["structure"], facts["shape"]) == ("Au", "fcc", "sphere")
    assert (facts["diameter_nm"], facts["vacancies"]) == (6.0, 0.02)
    assert (facts["twins"], facts["intrinsic"], facts["extrinsic"]) == (1, 1, 1)
    assert facts["planes"] == ["twin at -1.10 nm", "intrinsic at +0.10 nm", "extrinsic at +1.20 nm"]
    assert facts["plane_tilt_deg"] == pytest.approx(0, abs=1e-6)
    assert facts["zone"] == "110"
    assert facts["zone_tilt_deg"] == pytest.approx(0, abs=1e-5)


def test_ground_truth_of_a_perfect_crystal():
    facts = row(PERFECT)
    assert (facts["twins"], facts["intrinsic"], facts["extrinsic"], facts["planes"]) == (0, 0, 0, [])
    assert np.isnan(facts["plane_tilt_deg"])


def test_faults_of_wurtzite_have_their_own_names():
    """Where steps turn for good, both sides are the same lattice: no twin."""
    facts = row(with_planes(Crystal(WURTZITE, 6.0), twin=-1.3, intrinsic=0.1, extrinsic=1.5))
    assert (facts["twins"], facts["intrinsic"], facts["extrinsic"]) == (0, 2, 1)
    assert [text[:2] for text in facts["planes"]] == ["I1", "I2", "E "]
    assert facts["zone"] == "11-20"


@pytest.mark.parametrize(("shape", "twins"), [("decahedron", 5), ("icosahedron", 30)])
def test_ground_truth_of_multiply_twinned_particles(shape, twins):
    facts = row(Crystal(AU, 4.0, shape))
    assert facts["twins"] == twins
    assert facts["planes"] == [f"{twins} twins of a {shape}"]
    assert facts["plane_tilt_deg"] == pytest.approx(0, abs=1e-6)
    assert facts["zone"] == "110"
    assert facts["zone_tilt_deg"] < 2  # an icosahedron's strain turns it


@pytest.mark.parametrize("material", [AU, ZINC_BLENDE, WURTZITE], ids=lambda m: m.structure)
@given(st.floats(0, 4), st.floats(0, 360), st.floats(0, 360))
@settings(deadline=None, max_examples=10)
def test_tilt_from_the_nearest_zone(material, tilt_deg, azimuth_deg, spin_deg):
    for name, axes in material.zone_axes().items():
        onto_beam = Rotation.align_vectors([[0, 0, 1]], [axes[-1]])[0]
        azimuth = np.radians(azimuth_deg)
        tilt = Rotation.from_rotvec(np.radians(tilt_deg) * np.array([np.cos(azimuth), np.sin(azimuth), 0]))
        spin = Rotation.from_euler("z", spin_deg, degrees=True)
        found, found_deg = placed(Crystal(material, 3.0), spin * tilt * onto_beam).nearest_zone_axis
        assert found == name
        assert found_deg == pytest.approx(tilt_deg, abs=1e-4)


def test_the_twin_may_be_nearer_to_a_zone_than_the_parent():
    """Turned about the planes' normal the twin shows what the parent shows half a turn on."""
    crystal = with_planes(PERFECT, twin=0.1)
    axis = crystal.variants[1] @ AU.zone_axes()["100"][0]
    rotation = Rotation.align_vectors([[0, 0, 1]], [axis])[0]
    name, tilt_deg = placed(crystal, rotation).nearest_zone_axis
    assert (name, round(tilt_deg, 4)) == ("100", 0)
    assert placed(PERFECT, rotation).nearest_zone_axis[1] > 5


@given(st.floats(0, 90), st.floats(0, 360))
@settings(deadline=None)
def test_tilt_of_the_planes(tilt_deg, spin_deg):
    spin = Rotation.from_euler("z", spin_deg, degrees=True)
    turned = spin * Rotation.from_euler("x", tilt_deg, degrees=True) * EDGE_ON
    particle = placed(with_planes(PERFECT, twin=0.1), turned)
    # between the planes and the beam: 0 where they stand edge-on, 90 where they lie flat
    assert particle.plane_tilt_deg == pytest.approx(tilt_deg, abs=1e-4)
    np.testing.assert_allclose(particle.plane_normals, [turned.apply([0, 0, 1])], atol=1e-12)


def test_the_nearest_of_several_planes_counts():
    particle = placed(Crystal(AU, 4.0, "decahedron"), Rotation.from_euler("y", 90, degrees=True) * EDGE_ON)
    assert len(particle.plane_normals) == 5
    angles = np.degrees(np.arcsin(np.abs(particle.plane_normals[:, 2]).clip(0, 1)))
    assert particle.plane_tilt_deg == pytest.approx(angles.min())
    assert angles.max() > 45


def test_no_particles():
    facts = ground_truth_table(())
    assert len(facts) == 0
    assert list(facts.columns) == list(ground_truth_table((placed(PERFECT),)).columns)
