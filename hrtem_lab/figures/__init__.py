"""Pictures, and tables in words. The one subpackage that knows matplotlib."""

from hrtem_lab.figures.micrographs import overlay

__all__ = ["overlay"]
