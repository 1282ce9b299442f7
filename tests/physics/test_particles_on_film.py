"""Specimens: every atom where its particle says it is, and every number within its range."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics.placed_particle import ground_truth_table
from hrtem_lab.physics.support import Film
from tests.physics.scenes import AU, WURTZITE, ZINC_BLENDE, small

FIELD_NM = 6.0
SEEDS = range(8)


def drawn(seed, **changes):
    return small(**changes).sample(np.random.default_rng(seed))


def from_centre(specimen, number):
    """Atoms of a particle about its centre, in nm, in the periodic field."""
    away = specimen.atoms.positions[specimen.particle_ids == number] / 10 - specimen.particles[number - 1].centre_nm
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
def test_every_atom_belongs_to_a_particle_or_to_the_support(seed):
    specimen = drawn(seed)
    assert len(specimen.particle_ids) == len(specimen.atoms)
    assert set(specimen.particle_ids) == set(range(len(specimen.particles) + 1))
    np.testing.assert_array_equal(specimen.atoms.numbers, np.where(specimen.particle_ids > 0, 79, 6))
    for number, particle in enumerate(specimen.particles, start=1):
        inside = from_centre(specimen, number) @ particle.rotation
        assert particle.crystal.depth_nm(inside).min() > -0.2  # a rough surface, atoms in motion
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
        g = particle.g_vectors(0)
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
    metal, carbon = points[specimen.particle_ids > 0], points[specimen.particle_ids == 0]
    assert tree(metal).query(wrapped(carbon))[0].min() > 0.22 - 5 * AU.rms_displacement_nm


def test_settings_are_kept():
    settings = {"diameter_nm": (2.0, 2.6), "film_nm": (1.0, 1.4), "vacancies": 0.1}
    planes, under, vacancies = [], 0, []
    for seed in range(40):
        specimen = drawn(seed, **settings)
        carbon = specimen.atoms.positions[specimen.particle_ids == 0, 2] / 10
        assert 0.9 < np.ptp(carbon) <= 1.4
        assert all(2.0 <= p.crystal.diameter_nm <= 2.6 for p in specimen.particles)
        planes += [len(p.crystal.planes) for p in specimen.particles]
        vacancies += [p.crystal.vacancies for p in specimen.particles]
        under += specimen.particles[0].centre_nm[2] < carbon.mean()
    assert set(planes) == {0, 1, 2}  # a third has no room in these
    assert 0.3 < np.mean(np.array(planes) > 0) < 0.7
    assert 10 < under < 30
    assert 0 <= min(vacancies) < 0.02 < 0.08 < max(vacancies) < 0.1


@pytest.mark.parametrize(("coverage", "numbers"), [((0.0, 0.0), {1}), ((0.09, 0.5), {1, 2, 3, 4}), ((9.0, 9.0), {4})])
def test_particles_cover_the_wanted_fraction(coverage, numbers):
    """Of 2 nm, in a field of 36 nm^2: one covers 9 %."""
    drawings = [drawn(seed, coverage=coverage, max_particles=4, diameter_nm=(2.0, 2.0)) for seed in range(30)]
    assert {len(specimen.particles) for specimen in drawings} == numbers


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("opposite", [0.0, 1.0])
def test_particles_do_not_lie_inside_each_other(seed, opposite):
    specimen = drawn(seed, touching=0.5, max_particles=6, diameter_nm=(2.0, 2.2), opposite=opposite)
    points = specimen.atoms.positions / 10
    clouds = [points[specimen.particle_ids == number] for number in range(1, len(specimen.particles) + 1)]
    for one, cloud in enumerate(clouds):
        for other in clouds[one + 1 :]:
            assert tree(cloud).query(wrapped(other))[0].min() > 0.15 - 5 * AU.rms_displacement_nm


def test_particles_on_two_faces_overlap_in_projection_and_others_do_not():
    def overlapping(opposite):
        pairs = 0
        for seed in range(10):
            specimen = drawn(seed, touching=0.0, max_particles=8, diameter_nm=(2.0, 2.2), opposite=opposite)
            flat = specimen.atoms.positions / 10 * [1, 1, 0]
            clouds = [flat[specimen.particle_ids == n + 1] for n in range(len(specimen.particles))]
            pairs += sum(
                tree(a).query(wrapped(b))[0].min() < 0.02 for i, a in enumerate(clouds) for b in clouds[i + 1 :]
            )
        return pairs

    assert overlapping(0.0) == 0
    assert overlapping(1.0) > 10


@pytest.mark.parametrize("seed", range(4))
def test_a_rod_does_not_run_through_itself(seed):
    specimen = drawn(seed, shapes={"rod": 1.0}, diameter_nm=(4.0, 4.5), touching=0.0)
    for particle in specimen.particles:
        points = particle.crystal.sample_atoms(np.random.default_rng(0))[0] @ particle.rotation.T
        assert 2 * np.hypot(*points.T[:2]).max() < FIELD_NM


def test_touching_particles_touch():
    def gap(touching, seed):
        specimen = drawn(seed, touching=touching, diameter_nm=(2.0, 2.2), faulted=0.0, shapes={"sphere": 1.0})
        one, two = specimen.particles
        away = np.abs(one.centre_nm - two.centre_nm)[:2]
        return np.hypot(*np.minimum(away, FIELD_NM - away)) - (one.crystal.diameter_nm + two.crystal.diameter_nm) / 2

    gaps = [gap(1.0, seed) for seed in range(8)]
    assert min(gaps) > 0
    assert max(gaps) < 0.5  # a bond from their outermost atoms, which stand a little out of the sphere
    assert max(gap(0.0, seed) for seed in range(8)) > 0.5


@pytest.mark.parametrize("sunk", [0.0, 0.5])
def test_particles_sink_into_the_film_up_to_the_given_fraction(sunk):
    depths = []
    for seed in range(20):
        specimen = drawn(seed, sunk=sunk, max_particles=1, film_nm=(2.0, 2.0), shapes={"sphere": 1.0})
        height, cell = specimen.atoms.positions[:, 2] / 10, specimen.atoms.cell.lengths()[2] / 10
        upright = specimen.particles[0].centre_nm[2] > cell / 2
        film = height[specimen.particle_ids == 0] if upright else cell - height[specimen.particle_ids == 0]
        metal = height[specimen.particle_ids == 1] if upright else cell - height[specimen.particle_ids == 1]
        depths.append((film.max() - metal.min()) / (specimen.particles[0].crystal.diameter_nm / 2))
    assert min(depths) > -0.2
    assert max(depths) < sunk + 0.05
    assert max(depths) > sunk - 0.2


def test_all_materials_supports_and_shapes_occur():
    materials = {"au": AU, "wurtzite": WURTZITE, "zinc_blende": ZINC_BLENDE}
    supports = {"carbon": Film(), "nitride": Film({"Si": 3, "N": 4}, (3.0, 3.0), 0.15)}
    shapes = {"sphere": 1.0, "rod": 1.0, "icosahedron": 3.0}
    seen, films, forms = set(), set(), set()
    for seed in range(40):
        specimen = drawn(seed, materials=materials, supports=supports, shapes=shapes, film_nm=(0.5, 0.8))
        of_specimen = {(p.crystal.material.name, p.crystal.material.structure) for p in specimen.particles}
        assert len(of_specimen) == 1
        seen |= of_specimen
        films.add(frozenset(specimen.atoms.numbers[specimen.particle_ids == 0]))
        forms |= {(p.crystal.material.structure == "fcc", p.crystal.shape) for p in specimen.particles}
        for number, particle in enumerate(specimen.particles, start=1):
            wanted = {z for z, _ in particle.crystal.material.basis}
            assert set(specimen.atoms.numbers[specimen.particle_ids == number]) == wanted
    assert seen == {("Au", "fcc"), ("CdSe", "wurtzite"), ("CdSe", "zinc_blende")}
    assert films == {frozenset({6}), frozenset({7, 14})}
    assert {shape for fcc, shape in forms if fcc} == set(shapes)
    assert {shape for fcc, shape in forms if not fcc} == {"sphere", "rod"}  # compounds do not twin that way


def test_relief_and_holes_remove_atoms_of_the_film():
    def atoms(**changes):
        return sum((s := drawn(seed, empty=1.0, film_nm=(2.0, 2.0), **changes)) and len(s.atoms) for seed in range(10))

    whole, thinned, pierced = atoms(), atoms(relief=0.8), atoms(holes=1.0)
    assert thinned / whole == pytest.approx(1 - 0.8 / 4, abs=0.08)  # half of a depth of 0.4 on average
    assert 0.5 < pierced / whole < 0.97
    assert min(len(drawn(seed, empty=1.0, holes=1.0).atoms) for seed in range(5)) / 1e4 > 0.1


def test_a_field_without_film_or_particle_is_vacuum():
    specimen = drawn(0, empty=1.0, film_nm=(0.0, 0.0))
    assert len(specimen.atoms) == 0
    assert (specimen.atoms.cell.lengths() > 0).all()


def test_soot_lies_on_the_film_and_half_of_it_is_bare():
    drawings = [drawn(seed, graphitic=1.0, film_nm=(1.0, 1.0)) for seed in range(12)]
    assert 2 < sum(not s.particles for s in drawings) < 10
    assert np.mean([np.ptp(s.atoms.positions[s.particle_ids == 0, 2]) / 10 for s in drawings]) > 3
    for specimen in drawings:
        assert set(specimen.atoms.numbers[specimen.particle_ids == 0]) == {6}
        points = specimen.atoms.positions / 10
        if specimen.particles:
            carbon, metal = points[specimen.particle_ids == 0], points[specimen.particle_ids > 0]
            assert tree(metal).query(wrapped(carbon))[0].min() > 0.22 - 5 * AU.rms_displacement_nm


@pytest.mark.parametrize(("edge_on", "share"), [(1.0, 1.0), (0.0, 0.2)])
def test_edge_on_particles_stand_edge_on(edge_on, share):
    tilts = []
    for seed in range(12):
        specimen = drawn(seed, edge_on=edge_on, on_zone=0.0, faulted=1.0)
        tilts += ground_truth_table(specimen.particles)["plane_tilt_deg"].tolist()
    assert np.mean(np.array(tilts) < 10) >= share if edge_on else np.mean(np.array(tilts) < 10) <= 0.5


def test_other_zones_are_of_low_index():
    facts = pd.concat(
        [ground_truth_table(drawn(seed, edge_on=0.0, on_zone=1.0, faulted=0.0).particles) for seed in range(12)]
    )
    assert facts["zone_tilt_deg"].max() < 12
    assert set(facts["zone"]) == {"100", "110", "111", "112"}


def test_empty_fields():
    specimen = drawn(0, empty=1.0)
    assert specimen.particles == ()
    assert not specimen.particle_ids.any()
    facts = ground_truth_table(specimen.particles)
    assert len(facts) == 0
    assert 2 < sum(not drawn(seed, empty=0.5).particles for seed in range(16)) < 14


def test_the_ground_truth_is_that_of_the_particles():
    specimen = drawn(3)
    facts = ground_truth_table(specimen.particles)
    assert list(facts.index) == list(range(1, len(specimen.particles) + 1))
    for particle, (_, row) in zip(specimen.particles, facts.iterrows(), strict=True):
        assert row["diameter_nm"] == particle.crystal.diameter_nm
        assert row["twins"] + row["intrinsic"] == len(particle.crystal.planes)


def test_particles_larger_than_the_field_are_refused():
    with pytest.raises(
        InputError, match=r"diameter_nm goes to 5.0 nm, the field is 6.0 nm wide; give diameter_nm up to 4.6"
    ):
        small(diameter_nm=(2.0, 5.0))
