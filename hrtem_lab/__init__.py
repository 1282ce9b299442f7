"""Find, measure and classify nanoparticles in high-resolution TEM micrographs."""

__version__ = "0.1.0"
