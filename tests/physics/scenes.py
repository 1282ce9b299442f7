"""Specimens and waves whose truth is known because they were built by hand."""

from dataclasses import replace

import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation

from hrtem_lab.physics import Crystal, ExitWave, Material, ParticlesOnFilm, PlacedParticle, Plane, Specimen
from hrtem_lab.physics.placed_particle import ground_truth_table

AU = Material("Au", "fcc", ("Au",), 0.40786, 0.0089)
WURTZITE = Material("CdSe", "wurtzite", ("Cd", "Se"), 0.4299, 0.0113, 0.7010)
ZINC_BLENDE = Material("CdSe", "zinc_blende", ("Cd", "Se"), 0.6077, 0.0113)
EDGE_ON = Rotation.from_matrix([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
"""Lays the stacked planes along the beam, their normal along the columns."""
NO_PARTICLES = ground_truth_table(())


def small(**changes):
    """Samples two particles of 2 to 3 nm in a field of 6 nm, or `max_particles` if they find room."""
    settings = {
        "field_nm": 6.0,
        "diameter_nm": (2.0, 3.0),
        "coverage": (9.0, 9.0),
        "max_particles": 2,
        "film_nm": (1.5, 2.5),
    }
    return ParticlesOnFilm(**({"materials": {"au": AU}, "empty": 0.0} | settings | changes))


def with_planes(crystal, **heights):
    """The crystal with planes of these kinds at these heights: `with_planes(crystal, twin=0.1)`."""
    return replace(crystal, planes=tuple(Plane(kind, height) for kind, height in heights.items()))


def placed(crystal, rotation=EDGE_ON, centre=(2.5, 2.5)):
    """A particle whose lowest atom lies a little above zero."""
    return PlacedParticle(crystal, np.array([*centre, 0.6 * crystal.diameter_nm + 0.3]), rotation.as_matrix())


def in_vacuum(*particles, field_nm=5.0):
    """A specimen of these particles alone."""
    rng = np.random.default_rng(0)
    atoms = [replace(p.crystal, roughness_nm=0.0).sample_atoms(rng) for p in particles]
    clouds = [points @ p.rotation.T + p.centre_nm for (points, _), p in zip(atoms, particles, strict=True)]
    return specimen_of(clouds, particles, field_nm, np.concatenate([numbers for _, numbers in atoms]))


def specimen_of(clouds, particles=(), field_nm=5.0, numbers=79):
    """A specimen of atoms, by default of gold, at these places, cloud by cloud."""
    points = np.concatenate([np.empty((0, 3)), *clouds])
    points[:, :2] %= field_nm
    cell = [field_nm, field_nm, points[:, 2].max(initial=0.5) + 0.3]
    atoms = Atoms(np.broadcast_to(numbers, len(points)), positions=10 * points, cell=10 * np.array(cell), pbc=True)
    particles = particles or [placed(Crystal(AU, 1.0)) for _ in clouds]
    return Specimen(atoms, np.repeat(np.arange(1, len(clouds) + 1), [len(c) for c in clouds]), tuple(particles))


def drawn_wave(intensity, instances, field_nm=6.0, particles=(), name="drawn"):
    """An exit wave with this intensity and no phase."""
    return ExitWave(
        wave=np.sqrt(intensity).astype(np.complex64),
        instances=instances.astype(np.int32),
        sampling_nm=field_nm / len(intensity),
        name=name,
        load_particles=lambda: tuple(particles),
    )


def periodic_disc(size, row, column, radius):
    """Mask of a disc in a field that goes on at its edges."""
    away = [np.abs((np.arange(size) - at + size / 2) % size - size / 2) for at in (row, column)]
    return np.hypot(away[0][:, None], away[1][None, :]) < radius
