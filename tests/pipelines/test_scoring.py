"""Scores go by the outline that a method draws, or that the labels follow."""

from dataclasses import replace

import numpy as np
from scipy.special import ndtr

from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.physics.half_contrast import half_contrast_instances
from hrtem_lab.pipelines.scoring import score_method
from hrtem_lab.segmentation.segmenter import Segmentation

PIXEL_NM = 0.05


class Drawn:
    """A method that always finds the same particles."""

    def __init__(self, instances, outline):
        self.instances, self.outline = instances, outline

    def segment(self, micrograph):
        return Segmentation((self.instances > 0)[None].astype(np.float32), self.instances)


def test_each_outline_is_scored_against_its_own_truth():
    """A dark ball on noise whose half-contrast outline lies 0.35 nm inside its geometric one."""
    distance = 2.5 - np.hypot(*((np.mgrid[:160, :160] - 79.5) * PIXEL_NM))
    clean = 100 - 30 * ndtr((distance - 0.35) / 0.1)
    image = clean + np.random.default_rng(0).normal(0, 3, clean.shape)
    geometric = (distance > 0).astype(np.int32)
    half = half_contrast_instances(clean, geometric, PIXEL_NM)
    both = LabelledMicrograph(
        image=image.astype(np.float32), pixel_size_nm=PIXEL_NM, name="ball", group="ball",
        instances=geometric, half_contrast=half,
    )  # fmt: skip
    label = replace(both, instances=half, half_contrast=None, outline="half_contrast")
    geometric_method, half_method = Drawn(geometric, "geometric"), Drawn(half, "half_contrast")
    for method, micrograph in ((geometric_method, both), (half_method, both), (half_method, label)):
        assert score_method(method, [micrograph]).summary["dice"] == 1
    assert score_method(geometric_method, [label]).summary["dice"] > 0.98  # moved to the half of the contrast
    assert score_method(half_method, [replace(both, half_contrast=None)]).summary["dice"] < 0.9
