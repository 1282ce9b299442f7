"""Particles of a mask: their separation, their sizes and shapes in nm, and features of their lattice in nm^-1."""

from hrtem_lab.particles.cores import cores
from hrtem_lab.particles.edge import Edge, choose_edges, draw_edges
from hrtem_lab.particles.fault_lines import FaultLine, find_fault_lines, tabulate_fault_lines
from hrtem_lab.particles.feature_names import FEATURE_FAMILIES, LATTICE_FEATURES
from hrtem_lab.particles.features import lattice_features
from hrtem_lab.particles.groschner import groschner_features
from hrtem_lab.particles.half_contrast import half_contrast_edges
from hrtem_lab.particles.level_set import geometric_edges, mask_edges
from hrtem_lab.particles.measure import half_contrast_name, measure, measure_half_contrast
from hrtem_lab.particles.network_outputs import NETWORK_FEATURES, NETWORK_OUTPUTS, network_features
from hrtem_lab.particles.separate import disc_area_px, separate
from hrtem_lab.particles.uncalibrated import uncalibrated_features

__all__ = [
    "FEATURE_FAMILIES",
    "LATTICE_FEATURES",
    "NETWORK_FEATURES",
    "NETWORK_OUTPUTS",
    "Edge",
    "FaultLine",
    "choose_edges",
    "cores",
    "disc_area_px",
    "draw_edges",
    "find_fault_lines",
    "geometric_edges",
    "groschner_features",
    "half_contrast_edges",
    "half_contrast_name",
    "lattice_features",
    "mask_edges",
    "measure",
    "measure_half_contrast",
    "network_features",
    "separate",
    "tabulate_fault_lines",
    "uncalibrated_features",
]
