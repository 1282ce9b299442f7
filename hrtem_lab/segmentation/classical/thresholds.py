"""Thresholds of a smoothed cue: one for the whole image, and one for each neighbourhood."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
from skimage.filters import threshold_local

from hrtem_lab.micrograph import FloatArray
from hrtem_lab.segmentation.classical.cues import CUES, Cue, cue_map, is_constant, threshold_otsu_shifted
from hrtem_lab.segmentation.segmenter import Segmenter


@dataclass(frozen=True, kw_only=True)
class Otsu(Segmenter):
    """Otsu's threshold on a smoothed cue (Otsu, IEEE Trans. SMC 9, 62, 1979)."""

    name: ClassVar[str] = "otsu"
    outline: ClassVar[str] = "half_contrast"
    cue: Cue = "dark"
    sigma_nm: float = 0.4
    factor: float = 0.0
    separability: float = 0.0

    def score_map(self, image: FloatArray) -> FloatArray:
        """1 above the threshold, else 0."""
        values = cue_map(image, self.cue, self.sigma_nm / self.preprocessing.pixel_size_nm)
        return threshold_otsu_shifted(values, self.factor, self.separability).astype(np.float32)

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Cue, smoothing, shift of the threshold, and separability."""
        for cue, sigma_nm, factor, separability in product(CUES, (0.2, 0.4, 0.8), (-0.15, 0.0, 0.15), (0.0, 0.65)):
            yield {"cue": cue, "sigma_nm": sigma_nm, "factor": factor, "separability": separability}


@dataclass(frozen=True, kw_only=True)
class LocalThreshold(Segmenter):
    """Threshold of a smoothed cue above the weighted mean of its neighbourhood (`skimage.filters.threshold_local`).

    Attributes:
        cue: Property that particles are told by.
        sigma_nm: Smoothing of the cue.
        window_nm: Side length of the neighbourhood.
        offset: Height above the mean of the neighbourhood, in standard deviations of the whole image.
    """

    name: ClassVar[str] = "local_threshold"
    outline: ClassVar[str] = "half_contrast"
    cue: Cue = "dark"
    sigma_nm: float = 0.4
    window_nm: float = 6.0
    offset: float = 0.5

    def score_map(self, image: FloatArray) -> FloatArray:
        """1 above the threshold, else 0."""
        pixel = self.preprocessing.pixel_size_nm
        values = cue_map(image, self.cue, self.sigma_nm / pixel)
        if is_constant(values):
            return np.zeros(image.shape, dtype=np.float32)
        window_px = 2 * round(self.window_nm / pixel / 2) + 1
        local = threshold_local(values, window_px, method="gaussian", offset=-self.offset * values.std())
        return (values > local).astype(np.float32)

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Cue, smoothing, neighbourhood and height above it."""
        for cue, sigma_nm, window_nm, offset in product(CUES, (0.2, 0.4), (3.0, 6.0, 12.0), (0.25, 0.5, 1.0)):
            yield {"cue": cue, "sigma_nm": sigma_nm, "window_nm": window_nm, "offset": offset}
