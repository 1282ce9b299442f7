"""Specimens: every atom where its particle says it is, and every number within its range."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics.placed import particle_facts
from tests.physics.scenes import AU, small

FIELD_NM = 6.0
SEEDS = range(8)


def drawn(seed, **changes):
    return small(**changes).draw(np.random.default_rng(seed))


def from_centre(specimen, number):
    """Atoms of a particle about its centre, in nm, in the periodic field."""
    away = specimen.atoms.positions[specimen.owner == number] / 10 - specimen.particles[number - 1].centre_nm
    away[:, :2] = (away[:, :2] + FIELD_NM / 2) % FIELD_NM - FIELD_NM / 2
    return away


def wrapped(points):
    """The same points of the periodic field, all within it."""
    return np.column_stack([points[:, :2] % FIELD_NM % FIELD_NM, points[:, 2]])


def tree(points):
    """For distances in a field that is periodic in the plane."""
    return cKDTree(wrapped(points), boxsize=[FIELD_NM, FIELD_NM, 0])


def test_the_same_seed_gives_the_same_atoms():
    one, same, other = drawn(1), drawn(1), drawn(2)
    np.testing.assert_array_equal(one.atoms.positions, same.atoms.positions)
    np.testing.assert_array_equal(one.atoms.numbers, same.atoms.numbers)
    assert len(one.atoms) != len(other.atoms) or not np.array_equal(one.atoms.positions, other.atoms.positions)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_atom_has_its_owner(seed):
    specimen = drawn(seed)
    assert len(specimen.owner) == len(specimen.atoms)
    assert set(specimen.owner) == set(range(len(specimen.particles) + 1))
    np.testing.assert_array_equal(specimen.atoms.numbers, np.where(specimen.owner > 0, 79, 6))
    for number, particle in enumerate(specimen.particles, start=1):
        inside = from_centre(specimen, number) @ particle.rotation
        assert particle.crystal.depth(inside).min() > -0.2  # a rough surface, atoms in motion
        atoms = 4 * np.pi / 6 * (particle.crystal.diameter_nm / AU.a_nm) ** 3
        assert len(inside) == pytest.approx(atoms, rel=0.12)


@pytest.mark.parametrize("seed", SEEDS)
def test_atoms_lie_in_the_cell_and_round_the_centres_of_their_particles(seed):
    specimen = drawn(seed)
    positions, cell = specimen.atoms.positions / 10, specimen.atoms.cell.lengths() / 10
    assert (positions >= 0).all()
    assert (positions <= cell).all()
    np.testing.assert_allclose(cell[:2], FIELD_NM)
    for number in range(1, len(specimen.particles) + 1):
        np.testing.assert_allclose(from_centre(specimen, number).mean(0), 0, atol=0.1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_particle_diffracts_where_its_reflections_are(seed):
    specimen = drawn(seed)
    for number, particle in enumerate(specimen.particles, start=1):
        atoms = from_centre(specimen, number)
        g = particle.reflections(0)
        one = np.abs(np.exp(2j * np.pi * atoms @ g.T).mean(0))
        if not particle.crystal.planes:
            assert one.min() > 0.9  # thermal motion takes up to 3 %
        along = np.abs(g @ particle.rotation[:, 2]) > 0.999 * np.linalg.norm(g, axis=1)
        assert along.sum() == 1
        assert one[along] > 0.9  # the planes themselves, whatever their order


@pytest.mark.parametrize("seed", SEEDS)
def test_carbon_keeps_off_the_metal_even_across_the_edge_of_the_field(seed):
    specimen = drawn(seed)
    points = specimen.atoms.positions / 10
    metal, carbon = points[specimen.owner > 0], points[specimen.owner == 0]
    assert tree(metal).query(wrapped(carbon))[0].min() > 0.22 - 5 * AU.rms_displacement_nm


def test_settings_are_kept():
    settings = {"diameter_nm": (2.0, 2.6), "particles": (2, 3), "film_nm": (1.0, 1.4)}
    numbers, planes, under = [], [], 0
    for seed in range(40):
        specimen = drawn(seed, **settings)
        carbon = specimen.atoms.positions[specimen.owner == 0, 2] / 10
        assert 0.9 < np.ptp(carbon) <= 1.4
        assert all(2.0 <= p.crystal.diameter_nm <= 2.6 for p in specimen.particles)
        numbers.append(len(specimen.particles))
        planes += [len(p.crystal.planes) for p in specimen.particles]
        under += specimen.particles[0].centre_nm[2] < carbon.mean()
    assert set(numbers) == {2, 3}
    assert set(planes) == {0, 1, 2}  # a third has no room in these
    assert 0.3 < np.mean(np.array(planes) > 0) < 0.7
    assert 10 < under < 30


def test_particles_do_not_lie_inside_each_other():
    for seed in range(20):
        specimen = drawn(seed, touching=1.0, particles=(3, 3), diameter_nm=(2.0, 2.2))
        for number in range(1, len(specimen.particles)):
            own = specimen.owner == number
            height = specimen.particles[0].centre_nm[2]
            flat = specimen.atoms.positions / 10 * [1, 1, 0] + [0, 0, height]
            near = tree(flat[own]).query(specimen.particles[number].centre_nm * [1, 1, 0] % FIELD_NM + [0, 0, height])[
                0
            ]
            assert near > 0.5


def test_touching_particles_touch():
    def gap(touching, seed):
        specimen = drawn(seed, touching=touching, particles=(2, 2), diameter_nm=(2.0, 2.2), faulted=0.0)
        one, two = specimen.particles
        away = np.abs(one.centre_nm - two.centre_nm)[:2]
        return np.hypot(*np.minimum(away, FIELD_NM - away)) - (one.crystal.diameter_nm + two.crystal.diameter_nm) / 2

    assert np.allclose([gap(1.0, seed) for seed in range(5)], 0.05)
    assert max(gap(0.0, seed) for seed in range(5)) > 0.5


@pytest.mark.parametrize(("edge_on", "share"), [(1.0, 1.0), (0.0, 0.2)])
def test_edge_on_particles_stand_edge_on(edge_on, share):
    tilts = []
    for seed in range(12):
        specimen = drawn(seed, edge_on=edge_on, on_zone=0.0, faulted=1.0)
        tilts += particle_facts(specimen.particles)["plane_tilt_deg"].tolist()
    assert np.mean(np.array(tilts) < 10) >= share if edge_on else np.mean(np.array(tilts) < 10) <= 0.5


def test_other_zones_are_of_low_index():
    facts = pd.concat(
        [particle_facts(drawn(seed, edge_on=0.0, on_zone=1.0, faulted=0.0).particles) for seed in range(12)]
    )
    assert facts["zone_tilt_deg"].max() < 12
    assert set(facts["zone"]) == {"100", "110", "111", "112"}


def test_empty_fields():
    specimen = drawn(0, empty=1.0)
    assert specimen.particles == ()
    assert not specimen.owner.any()
    facts = particle_facts(specimen.particles)
    assert len(facts) == 0
    assert 2 < sum(not drawn(seed, empty=0.5).particles for seed in range(16)) < 14


def test_facts_say_what_was_placed():
    specimen = drawn(3)
    facts = particle_facts(specimen.particles)
    assert list(facts.index) == list(range(1, len(specimen.particles) + 1))
    for particle, (_, row) in zip(specimen.particles, facts.iterrows(), strict=True):
        assert row["diameter_nm"] == particle.crystal.diameter_nm
        assert row["twins"] + row["intrinsic"] == len(particle.crystal.planes)


def test_particles_larger_than_the_field_are_refused():
    with pytest.raises(
        InputError, match=r"diameter_nm goes to 5.0 nm, the field is 6.0 nm wide; give diameter_nm up to 4.6"
    ):
        small(diameter_nm=(2.0, 5.0))
