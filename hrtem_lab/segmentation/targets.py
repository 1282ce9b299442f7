"""Targets of a network: masks of particles and of their cores, and the distance from the outline."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

from hrtem_lab.image import resample_nearest
from hrtem_lab.micrograph import BoolArray, FloatArray, IntArray, LabelledMicrograph
from hrtem_lab.particles import cores
from hrtem_lab.segmentation.preprocessing import Preprocessing, resample

PARTICLE, CORE, DISTANCE = range(3)
"""Planes of a network's outputs: the first two are `hrtem_lab.particles.NETWORK_OUTPUTS`."""
DISTANCE_RANGE_PX = 10.0
"""Distance from an outline, in pixels of the network's input, from which on its target is 1 inside and -1 outside."""

IGNORED = -2.0
"""Target of pixels that are ignored: nothing is learned there and nothing scored."""


def target_masks(instances: IntArray) -> FloatArray:
    """Targets of a network, (rows, columns, 3).

    The first two are the masks of `hrtem_lab.particles.NETWORK_OUTPUTS`, 0 or 1; the third is the signed distance from
    the nearest outline in units of `DISTANCE_RANGE_PX`, positive inside particles, from -1 to 1.
    """
    mask = instances > 0
    distance = -signed_distance(mask) / DISTANCE_RANGE_PX if mask.any() and not mask.all() else 2.0 * mask - 1
    return np.stack([mask, cores(instances), np.clip(distance, -1, 1)], axis=-1).astype(np.float32)


def signed_distance(mask: BoolArray) -> FloatArray:
    """Distance of each pixel's centre from the outline of a mask in pixels, (rows, columns) float32.

    The outline lies halfway between a pixel inside and its neighbour outside. Distances are positive outside, negative
    inside, and 0 everywhere for an empty or full mask.
    """
    if mask.all() or not mask.any():
        return np.zeros(mask.shape, np.float32)
    inside, outside = distance_transform_edt(mask), distance_transform_edt(~mask)
    return np.where(mask, 0.5 - inside, outside - 0.5).astype(np.float32)


def micrograph_targets(micrograph: LabelledMicrograph, preprocessing: Preprocessing) -> FloatArray:
    """Targets of a network on the grid of the standardised image, (rows, columns, 3).

    They are those of `target_masks`, but the first is the confidence of a soft label where there is one, and all are
    `IGNORED` where the label is.
    """
    instances = preprocessing.resample_instances(micrograph, micrograph.instances)
    targets = target_masks(instances)
    shape = instances.shape[0], instances.shape[1]
    if micrograph.soft is not None:
        targets[..., PARTICLE] = np.clip(resample(micrograph.soft, shape), 0, 1)
    if micrograph.ignored is not None:
        targets[resample_nearest(micrograph.ignored, shape)] = IGNORED
    return targets
