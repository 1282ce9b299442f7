"""Simulation: specimen -> exit wave -> image, with the ground truth attached."""

from hrtem_lab.physics.crystal import Crystal, Plane
from hrtem_lab.physics.exit_wave import ExitWave
from hrtem_lab.physics.image_simulator import ImageSimulator
from hrtem_lab.physics.library import ExitWaveLibrary
from hrtem_lab.physics.material import Material
from hrtem_lab.physics.microscope import ImagingConditionRanges, ImagingConditions
from hrtem_lab.physics.particles_on_film import ParticlesOnFilm
from hrtem_lab.physics.placed_particle import PlacedParticle
from hrtem_lab.physics.postprocessing import Postprocessing
from hrtem_lab.physics.projected import ProjectedBodies
from hrtem_lab.physics.specimen import Specimen
from hrtem_lab.physics.support import Film

__all__ = [
    "Crystal",
    "ExitWave",
    "ExitWaveLibrary",
    "Film",
    "ImageSimulator",
    "ImagingConditionRanges",
    "ImagingConditions",
    "Material",
    "ParticlesOnFilm",
    "PlacedParticle",
    "Plane",
    "Postprocessing",
    "ProjectedBodies",
    "Specimen",
]
