"""The cores of particles, which are apart where the particles touch."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum
from skimage.segmentation import find_boundaries

from hrtem_lab.micrograph import BoolArray, IntArray

CORE_DEPTH = 0.5
"""Depth of the border of a particle's core below the particle's edge, in half widths of the particle."""


def cores(instances: IntArray) -> BoolArray:
    """Mask of the inner half of each particle: pixels at least `CORE_DEPTH` as deep as its deepest one.

    Cores of particles that touch are apart, so that a network which has learned them shows how many particles there
    are. The border of the image is no edge of a particle.

    Args:
        instances: (rows, columns), 0 = background.
    """
    edge = find_boundaries(instances, mode="inner", connectivity=2)
    if not edge.any():  # no particle, or one particle everywhere
        return instances > 0
    depth = 1 + distance_transform_edt(~edge)
    deepest = np.asarray(maximum(depth, instances, np.arange(instances.max() + 1)))
    inner: BoolArray = (instances > 0) & (depth >= CORE_DEPTH * deepest[instances])
    return inner
