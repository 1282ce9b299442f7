"""From an exit wave to a camera frame: lenses, coherence, motion, dose and detector.

Every function is a small one with its formula's source. Spatial frequencies are in nm^-1, aberrations in nm, angles in
radians inside and in degrees where a number has a name. The convention of signs is abTEM's: positive defocus is
underfocus.
"""

from hrtem_lab.physics.microscope.camera import camera_pixels, expose, fourier_crop, record
from hrtem_lab.physics.microscope.condition import Condition, Microscope
from hrtem_lab.physics.microscope.lens import intensity, transfer, wavelength_nm

__all__ = [
    "Condition",
    "Microscope",
    "camera_pixels",
    "expose",
    "fourier_crop",
    "intensity",
    "record",
    "transfer",
    "wavelength_nm",
]
