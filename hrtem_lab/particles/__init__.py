"""From a mask to separated particles, their sizes and shapes in nm, and features of their lattice in nm^-1."""

from hrtem_lab.particles.features import FEATURES, lattice_features
from hrtem_lab.particles.measure import measure
from hrtem_lab.particles.separate import cores, separate

__all__ = ["FEATURES", "cores", "lattice_features", "measure", "separate"]
