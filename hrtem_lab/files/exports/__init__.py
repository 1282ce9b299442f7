"""Particles in the formats of other programs: ImageJ, QuPath, napari, and what reads COCO or OME-TIFF.

A particle's border is a list of closed curves of corners (row, column) in pixels, the last of which is the first; the
centre of the first pixel of the image is (0, 0).
"""

from hrtem_lab.files.exports.coco import merge_coco, write_coco
from hrtem_lab.files.exports.geojson import write_geojson
from hrtem_lab.files.exports.imagej_rois import write_imagej_rois
from hrtem_lab.files.exports.imagej_table import to_imagej_table
from hrtem_lab.files.exports.ome_tiff import write_ome_tiff

__all__ = ["merge_coco", "to_imagej_table", "write_coco", "write_geojson", "write_imagej_rois", "write_ome_tiff"]
