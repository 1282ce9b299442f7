"""Regions that grow from markers, or whose outline moves until inside and outside differ most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
from skimage.filters import sobel
from skimage.segmentation import morphological_chan_vese, random_walker, watershed

from hrtem_lab.micrograph import FloatArray, IntArray
from hrtem_lab.segmentation.classical.cues import CUES, Cue, cue_map, threshold_otsu_shifted
from hrtem_lab.segmentation.preprocessing import resample
from hrtem_lab.segmentation.segmenter import Segmenter

COARSE_NM = 0.15
"""Pixel size on which methods with many steps work: finer than the outline of any particle that they find."""
BACKGROUND, PARTICLE = 1, 2
"""Markers."""


@dataclass(frozen=True, kw_only=True)
class Watershed(Segmenter):
    """Watershed of the gradient, from markers of clear background and clear particles (Beucher and Meyer 1993)."""

    name: ClassVar[str] = "watershed"
    outline: ClassVar[str] = "half_contrast"
    cue: Cue = "dark"
    sigma_nm: float = 0.4
    low: float = 0.5
    high: float = 0.9
    separability: float = 0.0

    def score_map(self, image: FloatArray) -> FloatArray:
        """1 in the basins of the particle markers, else 0."""
        values = cue_map(image, self.cue, self.sigma_nm / self.preprocessing.pixel_size_nm)
        if not threshold_otsu_shifted(values, 0.0, self.separability).any():
            return np.zeros(image.shape, dtype=np.float32)
        return (watershed(sobel(values), _markers(values, self.low, self.high)) == PARTICLE).astype(np.float32)

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Cue, smoothing, the quantiles of the two markers, and separability."""
        for cue, sigma_nm, low, high, separability in product(
            CUES, (0.2, 0.4, 0.8), (0.5,), (0.8, 0.9, 0.95), (0.0, 0.65)
        ):
            yield {"cue": cue, "sigma_nm": sigma_nm, "low": low, "high": high, "separability": separability}


@dataclass(frozen=True, kw_only=True)
class ChanVese(Segmenter):
    """Active contours without edges (Chan and Vese, IEEE Trans. Image Process. 10, 266, 2001).

    In the morphological form of Marquez-Neila et al. (IEEE Trans. PAMI 36, 2, 2014), from the mask of Otsu's threshold.

    Attributes:
        cue: Property that particles are told by.
        sigma_nm: Smoothing of the cue.
        outer_weight: Weight of the variance outside the particles over that inside; a larger one makes them larger.
        separability: As for `threshold_otsu_shifted`.
        steps: Number of steps.
    """

    name: ClassVar[str] = "chan_vese"
    outline: ClassVar[str] = "half_contrast"
    cue: Cue = "dark"
    sigma_nm: float = 0.4
    outer_weight: float = 1.0
    separability: float = 0.0
    steps: int = 20

    def score_map(self, image: FloatArray) -> FloatArray:
        """1 inside the contours, else 0."""
        values = _coarse_cue_map(image, self.cue, self.sigma_nm, self.preprocessing.pixel_size_nm)
        start = threshold_otsu_shifted(values, 0.0, self.separability)
        if not start.any():
            return np.zeros(image.shape, dtype=np.float32)
        inside = morphological_chan_vese(values, self.steps, start, lambda2=self.outer_weight)
        return resample(inside.astype(np.float32), (image.shape[0], image.shape[1]))

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Cue, smoothing, weight of the outside, and separability."""
        for cue, sigma_nm, outer_weight, separability in product(CUES, (0.2, 0.4, 0.8), (0.5, 1.0, 2.0), (0.0, 0.65)):
            yield {"cue": cue, "sigma_nm": sigma_nm, "outer_weight": outer_weight, "separability": separability}


@dataclass(frozen=True, kw_only=True)
class RandomWalker(Segmenter):
    """Probability that a random walker meets a marker of particles first (Grady, IEEE Trans. PAMI 28, 1768, 2006).

    Attributes:
        cue: Property that particles are told by.
        low: Quantile of the cue below which pixels are markers of the background.
        high: Quantile of the cue above which pixels are markers of particles.
        beta: Penalty of a step between different values.
    """

    name: ClassVar[str] = "random_walker"
    outline: ClassVar[str] = "half_contrast"
    cue: Cue = "dark"
    sigma_nm: float = 0.4
    low: float = 0.5
    high: float = 0.9
    beta: float = 130.0

    def score_map(self, image: FloatArray) -> FloatArray:
        """Probability of reaching a particle's marker first."""
        values = _coarse_cue_map(image, self.cue, self.sigma_nm, self.preprocessing.pixel_size_nm)
        markers = _markers(values, self.low, self.high)
        if set(np.unique(markers)) != {0, BACKGROUND, PARTICLE}:
            return np.zeros(image.shape, dtype=np.float32)
        # what the solver leaves above 1 or below 0 is cut off, not warned of
        found = random_walker(values, markers, beta=self.beta, mode="cg_j", return_full_prob=True, prob_tol=np.inf)
        probability = np.clip(found[PARTICLE - 1], 0, 1).astype(np.float32)
        return resample(probability, (image.shape[0], image.shape[1]))

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Cue, quantiles of the two markers, and penalty of a step."""
        for cue, low, high, beta in product(CUES, (0.3, 0.5, 0.7), (0.85, 0.9, 0.95), (30.0, 130.0)):
            yield {"cue": cue, "low": low, "high": high, "beta": beta}


def _coarse_cue_map(image: FloatArray, cue: Cue, sigma_nm: float, pixel_size_nm: float) -> FloatArray:
    """Cue on pixels of `COARSE_NM`, at least two along each side: a single one has no gradient."""
    values = cue_map(image, cue, sigma_nm / pixel_size_nm)
    rows, columns = (max(2, round(side * pixel_size_nm / COARSE_NM)) for side in image.shape)
    return resample(values.astype(np.float32), (rows, columns))


def _markers(values: FloatArray, low: float, high: float) -> IntArray:
    """Markers of clear background and clear particles: what lies below and above two quantiles."""
    background, particle = np.quantile(values, [low, high])
    markers = BACKGROUND * (values < background) + PARTICLE * (values > particle)
    return markers.astype(np.int32)
