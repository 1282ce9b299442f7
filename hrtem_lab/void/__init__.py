"""Parts of an image that show nothing: borders left by an alignment or a rotation, banners, and burnt-in boxes."""

from hrtem_lab.void.borders import find_void, mask_void

__all__ = ["find_void", "mask_void"]
