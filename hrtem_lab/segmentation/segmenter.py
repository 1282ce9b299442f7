"""The interface of every segmentation method, so that all are tuned, scored and used by the same code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np
from skimage.morphology import remove_small_objects
from skimage.segmentation import relabel_sequential

from hrtem_lab.evaluation import expected_dice, pixel_counts, ratios
from hrtem_lab.micrograph import OUTLINES, BoolArray, FloatArray, IntArray, LabelledMicrograph, Micrograph
from hrtem_lab.particles import (
    Edge,
    choose_edges,
    disc_area_px,
    draw_edges,
    geometric_edges,
    half_contrast_edges,
    separate,
)
from hrtem_lab.particles.half_contrast import NO_CONTRAST, TOO_NOISY
from hrtem_lab.progress import ProgressCallback
from hrtem_lab.segmentation.preprocessing import Preprocessing, resample
from hrtem_lab.segmentation.targets import signed_distance

DICE_TOLERANCE = 0.002
"""Difference in Dice below which two thresholds count as equally good: other validation specimens could reverse it."""

MIN_DIAMETER_PX = 6.0
"""Smallest diameter in pixels of a micrograph that anything can be told from noise at."""


class Segmentation(NamedTuple):
    """Particles found in a micrograph.

    Attributes:
        probabilities: Score of each pixel from 0 to 1 for the first of `hrtem_lab.particles.NETWORK_OUTPUTS`, (1 or 2,
            rows, columns).
        instances: Particle numbers from 1, (rows, columns) int32, 0 = background.
        distance_nm: Distance of each pixel from the nearest geometric edge of a particle, (rows, columns), positive
            inside; its level 0 is that edge to a fraction of a pixel. None where the method gives no distance.
        threshold: Score at the edge of a particle, where no distance is known.
        notes: Remarks for readers of the result, one line each.
        is_first_answer: Whether a first network's answer stands as it was given.
    """

    probabilities: FloatArray
    instances: IntArray
    distance_nm: FloatArray | None = None
    threshold: float = 0.5
    notes: tuple[str, ...] = ()
    is_first_answer: bool = True

    @property
    def particle_probability(self) -> FloatArray:
        """Score of each pixel for being part of a particle, (rows, columns)."""
        return self.probabilities[0]

    @property
    def expected_dice(self) -> float:
        """Dice of the particles that calibrated probabilities let expect; 0 where nothing is found."""
        return expected_dice(self.particle_probability, self.instances > 0)

    def find_edges(self, pixel_size_nm: float) -> dict[int, Edge]:
        """Trace the edges of the particles: where the distance is 0, or without one, the score is the threshold."""
        score = self.particle_probability
        level = score - np.float32(self.threshold) if self.distance_nm is None else self.distance_nm
        return geometric_edges(self.instances, level, pixel_size_nm, score)

    def with_contrast(self, micrograph: Micrograph) -> Segmentation:
        """Judge the particles by the image alone, which shows them by their grey level where no lattice is resolved.

        Those that do not stand out of the noise of their surround are left out. The others reach at least to their
        half-contrast outline: a particle gets thinner towards its edge, so that this outline lies inside the geometric
        one.
        """
        edges = self.find_edges(micrograph.pixel_size_nm)
        measured = half_contrast_edges(
            micrograph.image, self.instances, edges, micrograph.pixel_size_nm, micrograph.valid
        )
        unseen = [number for number, edge in measured.items() if edge.reason in (NO_CONTRAST, TOO_NOISY)]
        shown = np.where(np.isin(self.instances, unseen), 0, self.instances)
        within = draw_edges({n: edge for n, edge in measured.items() if not edge.reason}, shown.shape)
        instances = relabel_sequential(np.where(shown > 0, shown, within))[0].astype(np.int32)
        if self.distance_nm is None or not within.any():
            return self._replace(instances=instances)
        inside_nm = -micrograph.pixel_size_nm * signed_distance(within > 0)
        return self._replace(instances=instances, distance_nm=np.maximum(self.distance_nm, inside_nm))

    def half_contrast_instances(self, micrograph: Micrograph) -> IntArray:
        """Number the particles inside their half-contrast outlines, or what was found of those that have none."""
        edges = self.find_edges(micrograph.pixel_size_nm)
        half = half_contrast_edges(micrograph.image, self.instances, edges, micrograph.pixel_size_nm, micrograph.valid)
        return draw_edges(choose_edges(edges, half), micrograph.image.shape)


@dataclass(frozen=True, kw_only=True)
class Segmenter(ABC):
    """Finds the particles in a micrograph.

    Attributes:
        outline: Edge that its masks follow, one of `hrtem_lab.micrograph.OUTLINES`.
        learns: True for a method that learns from training micrographs before it is tuned.
        gives_probabilities: True for a method whose scores claim to be probabilities.
        preprocessing: From the micrograph to the standardised image.
        threshold: Pixels with a score above this belong to a particle.
        min_diameter_nm: Smaller particles are left out, and so are those of less than `MIN_DIAMETER_PX`.
    """

    name: ClassVar[str]
    outline: ClassVar[str] = OUTLINES[0]
    learns: ClassVar[bool] = False
    gives_probabilities: ClassVar[bool] = False
    preprocessing: Preprocessing
    threshold: float = 0.5
    min_diameter_nm: float = 1.0

    @abstractmethod
    def score_map(self, image: FloatArray) -> FloatArray:
        """Score each pixel of a standardised image from 0 (support) to 1 (particle), (rows, columns)."""

    @abstractmethod
    def candidates(self) -> Iterable[dict[str, Any]]:
        """The settings to choose from on validation data."""

    def learn(self, data: Any, folder: Path) -> Segmenter:
        """Learn from the training micrographs, before settings are tuned; a method without learning is as it was.

        Args:
            data: The training micrographs, a `hrtem_lab.segmentation.data.TrainingData`.
            folder: Folder of what has to be kept while learning goes on.
        """
        return self

    def segment(self, micrograph: Micrograph, progress: ProgressCallback | None = None) -> Segmentation:
        """Find the particles of a micrograph.

        Args:
            micrograph: Micrograph of any size.
            progress: Called with (done, total) by a method that works in tiles.
        """
        score_map = to_micrograph_grid(self.score_map(self.preprocessing(micrograph)), micrograph)
        instances = self.label_instances(score_map, micrograph.pixel_size_nm)
        return Segmentation(score_map[None], instances, threshold=self.threshold)

    def __call__(self, micrograph: Micrograph) -> IntArray:
        """Particle numbers from 1, (rows, columns) int32, 0 = background."""
        return self.segment(micrograph).instances

    def label_instances(self, score_map: FloatArray, pixel_size_nm: float, core: FloatArray | None = None) -> IntArray:
        """Separate and number the particles in a score map; `core` as for `hrtem_lab.particles.separate`."""
        min_diameter_nm = max(self.min_diameter_nm, MIN_DIAMETER_PX * pixel_size_nm)
        return separate(score_map, self.threshold, pixel_size_nm, min_diameter_nm, core=core)

    def threshold_mask(self, score_map: FloatArray) -> BoolArray:
        """Threshold a score map on the preprocessing's grid and remove what is too small to be a particle."""
        smallest_px = disc_area_px(self.min_diameter_nm / self.preprocessing.pixel_size_nm)
        mask: BoolArray = remove_small_objects(score_map > self.threshold, max_size=int(smallest_px), connectivity=1)
        return mask

    def tune(self, validation: Sequence[LabelledMicrograph]) -> Self:
        """Copy this segmenter with its best settings on validation micrographs, see `choose_candidate`."""
        return choose_candidate(self, validation)


S = TypeVar("S", bound=Segmenter)


def choose_candidate(segmenter: S, validation: Sequence[LabelledMicrograph]) -> S:
    """Copy a segmenter with those of its candidates that have the highest Dice, pooled over all pixels.

    A mean of Dice over micrographs would be decided by the few without a particle, which have no Dice where nothing is
    found and 0 where a single speck is. Among thresholds whose Dice is within `DICE_TOLERANCE` of the best, all other
    settings being those of the best, the highest is taken: it gives fewer false positives in empty fields. If no
    micrograph holds a particle, the settings stay as they are.
    """
    if not has_particles(validation):
        return segmenter
    preprocessing = segmenter.preprocessing
    images = [preprocessing(m) for m in validation]
    outlined = [m.with_outline(segmenter.outline) for m in validation]
    truths = [preprocessing.resample_instances(m, m.instances) > 0 for m in outlined]
    score_maps: dict[str, list[FloatArray]] = {}
    trials: list[tuple[float, str, S]] = []
    for settings in segmenter.candidates():
        trial = replace(segmenter, **settings)
        # settings that differ in the threshold alone share their score maps
        key = repr({k: v for k, v in settings.items() if k != "threshold"})
        if key not in score_maps:
            score_maps = {key: [trial.score_map(image) for image in images]}
        trials.append((pooled_dice(map(trial.threshold_mask, score_maps[key]), truths), key, trial))
    best_dice, best_key, _ = max(trials, key=lambda scored: scored[0])
    equal = (trial for dice, key, trial in trials if key == best_key and dice >= best_dice - DICE_TOLERANCE)
    return max(equal, key=lambda trial: trial.threshold)


def has_particles(micrographs: Iterable[LabelledMicrograph]) -> bool:
    """Whether any of the micrographs holds a particle."""
    return any(micrograph.mask.any() for micrograph in micrographs)


def to_micrograph_grid(score_map: FloatArray, micrograph: Micrograph) -> FloatArray:
    """Resample a score map from the preprocessing's grid to that of the micrograph; 0 where that is not valid."""
    scores = np.clip(resample(score_map, micrograph.image.shape), 0, 1)
    return scores if micrograph.valid is None else scores * micrograph.valid


def pooled_dice(masks: Iterable[BoolArray], truths: Iterable[BoolArray]) -> float:
    """Dice of the particle class over the pixels of all micrographs together; `nan` where no pixel is in any mask."""
    counts = sum((Counter(pixel_counts(m, t)) for m, t in zip(masks, truths, strict=True)), Counter())
    return float(ratios(**{outcome: counts[outcome] for outcome in ("tp", "fp", "fn", "tn")})["dice"])
