"""From an exit wave to a camera frame: lenses, coherence, motion, dose and detector.

Each function gives the source of its formula. Spatial frequencies are in nm^-1, aberrations in nm, angles in degrees in
settings and in radians in formulas. The sign convention is abTEM's: positive defocus is underfocus.
"""

from hrtem_lab.physics.microscope.camera import camera_pixels, expose, fourier_crop, record, without_noise
from hrtem_lab.physics.microscope.conditions import ImagingConditionRanges, ImagingConditions
from hrtem_lab.physics.microscope.lens import image_intensity, transfer_function, wavelength_nm

__all__ = [
    "ImagingConditionRanges",
    "ImagingConditions",
    "camera_pixels",
    "expose",
    "fourier_crop",
    "image_intensity",
    "record",
    "transfer_function",
    "wavelength_nm",
    "without_noise",
]
