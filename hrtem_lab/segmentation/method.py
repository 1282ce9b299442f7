"""What every way of finding particles has in common, so that all are tuned, scored and used by the same code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from skimage.morphology import remove_small_objects

from hrtem_lab.evaluation import pixel_counts, ratios
from hrtem_lab.micrograph import BoolArray, FloatArray, IntArray, LabelledMicrograph, Micrograph
from hrtem_lab.particles import disc_area_px, separate
from hrtem_lab.progress import ProgressCallback
from hrtem_lab.segmentation.preprocessing import Preprocessing, resample


class Found(NamedTuple):
    """What a method says of a micrograph.

    Attributes:
        maps: Evidence at each pixel, from 0 to 1, for the first of `hrtem_lab.particles.NETWORK_OUTPUTS`, (1 or 2,
            rows, columns).
        instances: The particles, numbered from 1, (rows, columns) int32.
    """

    maps: FloatArray
    instances: IntArray

    @property
    def probability(self) -> FloatArray:
        """Evidence for a particle, (rows, columns)."""
        return self.maps[0]


AS_GOOD = 0.002
"""Difference in Dice that no choice is made by: with other validation specimens it could be the other way."""


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """Finds particles in a micrograph.

    Attributes:
        preprocessing: From the micrograph to the standardised image.
        threshold: Evidence above this is particle.
        min_diameter_nm: Anything smaller is not reported.
    """

    name: ClassVar[str]
    preprocessing: Preprocessing
    threshold: float = 0.5
    min_diameter_nm: float = 1.0

    @abstractmethod
    def evidence(self, image: FloatArray) -> FloatArray:
        """Evidence for a particle at each pixel from 0 to 1, (rows, columns), of a standardised image."""

    @abstractmethod
    def candidates(self) -> Iterable[dict[str, Any]]:
        """The settings to choose from on validation data."""

    def find(self, micrograph: Micrograph, progress: ProgressCallback | None = None) -> Found:
        """The particles of a micrograph, and the evidence for them.

        Args:
            micrograph: Of any size.
            progress: Called with (done, total) by a method that works piece by piece.
        """
        evidence = returned(self.evidence(self.preprocessing(micrograph)), micrograph)
        return Found(evidence[None], self.separated(evidence, micrograph.pixel_size_nm))

    def __call__(self, micrograph: Micrograph) -> IntArray:
        """The particles, numbered from 1, (rows, columns) int32."""
        return self.find(micrograph).instances

    def separated(self, evidence: FloatArray, pixel_size_nm: float, core: FloatArray | None = None) -> IntArray:
        """Particles in a map of evidence, numbered from 1; `core` as for `separate`."""
        return separate(evidence, self.threshold, pixel_size_nm, self.min_diameter_nm, core=core)

    def reported(self, evidence: FloatArray) -> BoolArray:
        """Where particles are, of an image on the method's own grid: without what is too small to be one."""
        least_px = disc_area_px(self.min_diameter_nm / self.preprocessing.pixel_size_nm)
        mask: BoolArray = remove_small_objects(evidence > self.threshold, max_size=int(least_px), connectivity=1)
        return mask

    def tune(self, validation: Sequence[LabelledMicrograph]) -> Self:
        """A copy with the settings of the highest Dice over the pixels of all validation micrographs together.

        Not of the highest mean over micrographs: there a bare field counts as nothing where it is found bare and as 0
        where one speck is false, so that a few such fields decide. Of thresholds that are as good to within
        `AS_GOOD`, beside the same other settings, the highest: it calls less of a bare field a particle. Where no
        micrograph at all holds a particle, there is nothing to choose by, and the settings stay.
        """
        if not any_particle(validation):
            return self
        images = [self.preprocessing(m) for m in validation]
        truths = [self.preprocessing.truth(m, m.instances) > 0 for m in validation]
        evidence: dict[str, list[FloatArray]] = {}
        tried: list[tuple[float, str, Self]] = []
        for settings in self.candidates():
            trial = replace(self, **settings)
            # settings that differ in the threshold alone share their evidence
            key = repr({k: v for k, v in settings.items() if k != "threshold"})
            if key not in evidence:
                evidence = {key: [trial.evidence(i) for i in images]}
            tried.append((pooled_dice([trial.reported(e) for e in evidence[key]], truths), key, trial))
        best, beside, _ = max(tried, key=lambda one: one[0])
        as_good = (trial for dice, key, trial in tried if key == beside and dice >= best - AS_GOOD)
        return max(as_good, key=lambda trial: trial.threshold)


def any_particle(micrographs: Iterable[LabelledMicrograph]) -> bool:
    """Whether there is a particle in any of them."""
    return any(micrograph.mask.any() for micrograph in micrographs)


def returned(evidence: FloatArray, micrograph: Micrograph) -> FloatArray:
    """Evidence on the grid of the micrograph that it is of."""
    return np.clip(resample(evidence, micrograph.image.shape), 0, 1)


def pooled_dice(masks: Iterable[BoolArray], truths: Iterable[BoolArray]) -> float:
    """The particle class's Dice over the pixels of all micrographs together; `nan` where no particle is."""
    counts = sum((Counter(pixel_counts(m, t)) for m, t in zip(masks, truths, strict=True)), Counter())
    return float(ratios(**{outcome: counts[outcome] for outcome in ("tp", "fp", "fn", "tn")})["dice"])
