"""Methods without a network, with which the network is compared."""

from hrtem_lab.segmentation.classical.cues import BUDGET, CUES, cue_map, threshold_otsu_shifted
from hrtem_lab.segmentation.classical.lattice import BandPass, BraggFilter
from hrtem_lab.segmentation.classical.pixels import KMeansClusters, PixelForest
from hrtem_lab.segmentation.classical.regions import ChanVese, RandomWalker, Watershed
from hrtem_lab.segmentation.classical.saving import METHOD_SETTINGS, METHODS, load_method, save_method
from hrtem_lab.segmentation.classical.thresholds import LocalThreshold, Otsu

__all__ = [
    "BUDGET",
    "CUES",
    "METHODS",
    "METHOD_SETTINGS",
    "BandPass",
    "BraggFilter",
    "ChanVese",
    "KMeansClusters",
    "LocalThreshold",
    "Otsu",
    "PixelForest",
    "RandomWalker",
    "Watershed",
    "cue_map",
    "load_method",
    "save_method",
    "threshold_otsu_shifted",
]
