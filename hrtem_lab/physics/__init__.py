"""Specimen -> exit wave -> image, with the truth attached."""

from hrtem_lab.physics.crystal import Crystal, Fcc
from hrtem_lab.physics.exit_wave import ExitWave
from hrtem_lab.physics.handling import Handling
from hrtem_lab.physics.imaging import Imaging
from hrtem_lab.physics.library import Library
from hrtem_lab.physics.microscope import Condition, Microscope
from hrtem_lab.physics.specimen import ParticlesOnCarbon, Specimen

__all__ = [
    "Condition",
    "Crystal",
    "ExitWave",
    "Fcc",
    "Handling",
    "Imaging",
    "Library",
    "Microscope",
    "ParticlesOnCarbon",
    "Specimen",
]
