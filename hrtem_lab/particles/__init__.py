"""Particles of a mask: their separation, their sizes and shapes in nm, and features of their lattice in nm^-1."""

from hrtem_lab.particles.cores import cores
from hrtem_lab.particles.feature_names import FEATURE_FAMILIES, LATTICE_FEATURES
from hrtem_lab.particles.features import lattice_features
from hrtem_lab.particles.groschner import groschner_features
from hrtem_lab.particles.measure import measure
from hrtem_lab.particles.network_outputs import NETWORK_FEATURES, NETWORK_OUTPUTS, network_features
from hrtem_lab.particles.separate import disc_area_px, separate
from hrtem_lab.particles.uncalibrated import uncalibrated_features

__all__ = [
    "FEATURE_FAMILIES",
    "LATTICE_FEATURES",
    "NETWORK_FEATURES",
    "NETWORK_OUTPUTS",
    "cores",
    "disc_area_px",
    "groschner_features",
    "lattice_features",
    "measure",
    "network_features",
    "separate",
    "uncalibrated_features",
]
