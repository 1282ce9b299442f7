"""From a mask to separated particles, their sizes and shapes in nm, and features of their lattice in nm^-1."""

from hrtem_lab.particles.features import FAMILIES, FEATURES, lattice_features
from hrtem_lab.particles.groschner import groschner_features
from hrtem_lab.particles.measure import measure
from hrtem_lab.particles.seen import OUTPUTS, SEEN, seen_features
from hrtem_lab.particles.separate import cores, disc_px, separate
from hrtem_lab.particles.uncalibrated import uncalibrated_features

__all__ = [
    "FAMILIES",
    "FEATURES",
    "OUTPUTS",
    "SEEN",
    "cores",
    "disc_px",
    "groschner_features",
    "lattice_features",
    "measure",
    "seen_features",
    "separate",
    "uncalibrated_features",
]
