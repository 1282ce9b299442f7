"""Specimen -> exit wave -> image, with the truth attached."""

from hrtem_lab.physics.crystal import Crystal, Material, Plane
from hrtem_lab.physics.exit_wave import ExitWave
from hrtem_lab.physics.handling import Handling
from hrtem_lab.physics.imaging import Imaging
from hrtem_lab.physics.library import Library
from hrtem_lab.physics.microscope import Condition, Microscope
from hrtem_lab.physics.placed import Placed
from hrtem_lab.physics.specimen import ParticlesOnFilm, Specimen
from hrtem_lab.physics.support import Film

__all__ = [
    "Condition",
    "Crystal",
    "ExitWave",
    "Film",
    "Handling",
    "Imaging",
    "Library",
    "Material",
    "Microscope",
    "ParticlesOnFilm",
    "Placed",
    "Plane",
    "Specimen",
]
