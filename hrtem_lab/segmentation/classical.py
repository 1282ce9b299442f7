"""Classical segmentation methods, with which the network is compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar, Literal

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter
from skimage.filters import sobel, threshold_otsu
from skimage.segmentation import watershed

from hrtem_lab.micrograph import BoolArray, FloatArray
from hrtem_lab.segmentation.segmenter import Segmenter

Cue = Literal["dark", "bright", "rough"]
CUES: tuple[Cue, ...] = ("dark", "bright", "rough")


def cue_map(image: FloatArray, cue: Cue, sigma_px: float) -> FloatArray:
    """Map of a property that is large at particles: darkness, brightness, or local variance (`rough`)."""
    if cue == "rough":
        return gaussian_filter((image - gaussian_filter(image, sigma_px)) ** 2, sigma_px)
    return gaussian_filter(image if cue == "bright" else -image, sigma_px)


def threshold_otsu_shifted(values: FloatArray, factor: float, separability: float) -> BoolArray:
    """Threshold a map by Otsu's method with a shift, (rows, columns).

    Args:
        values: Map, (rows, columns).
        factor: Shift of the threshold, as a fraction of the distance between the means of the two classes.
        separability: Smallest fraction of the variance that has to lie between the two classes (Otsu 1979, eq. 18);
            else the mask is empty. Noise without particles has 0.64 or less.
    """
    if np.ptp(values) <= 1e-4 * np.abs(values).max():  # constant but for rounding: too little for 256 bins
        return np.zeros(values.shape, dtype=bool)
    otsu = threshold_otsu(values)
    low, high = values[values <= otsu], values[values > otsu]
    if not len(low) or not len(high):
        return np.zeros(values.shape, dtype=bool)
    between = len(low) * len(high) / values.size**2 * (high.mean() - low.mean()) ** 2
    if between < separability * values.var():
        return np.zeros(values.shape, dtype=bool)
    return values > otsu + factor * (high.mean() - low.mean())


@dataclass(frozen=True, kw_only=True)
class Otsu(Segmenter):
    """Otsu's threshold on a smoothed cue (Otsu, IEEE Trans. SMC 9, 62, 1979)."""

    name: ClassVar[str] = "otsu"
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
        for cue, sigma_nm, factor, separability in product(CUES, (0.2, 0.4, 0.8), (-0.15, 0.0, 0.15), (0.0, 0.65, 0.7)):
            yield {"cue": cue, "sigma_nm": sigma_nm, "factor": factor, "separability": separability}


@dataclass(frozen=True, kw_only=True)
class Watershed(Segmenter):
    """Watershed of the gradient, from markers of clear background and clear particles (Beucher and Meyer 1993)."""

    name: ClassVar[str] = "watershed"
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
        low, high = np.quantile(values, [self.low, self.high])
        markers = (values < low).astype(np.int32) + 2 * (values > high)
        return (watershed(sobel(values), markers) == 2).astype(np.float32)

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Cue, smoothing, the quantiles of the two markers, and separability."""
        for cue, sigma_nm, low, high, separability in product(
            CUES, (0.2, 0.4, 0.8), (0.4, 0.6), (0.8, 0.9, 0.95), (0.0, 0.65)
        ):
            yield {"cue": cue, "sigma_nm": sigma_nm, "low": low, "high": high, "separability": separability}


@dataclass(frozen=True, kw_only=True)
class BandPass(Segmenter):
    """Otsu's threshold on the blurred amplitude in the lattice's band of spatial frequencies.

    (Baseline of the 2022 follow-up of Groschner et al. 2021.)
    """

    name: ClassVar[str] = "bandpass"
    spacing_nm: tuple[float, float] = (0.20, 0.29)
    blur_nm: float = 0.4
    factor: float = 0.0
    separability: float = 0.0

    def score_map(self, image: FloatArray) -> FloatArray:
        """1 where the amplitude of the lattice is high, else 0."""
        pixel = self.preprocessing.pixel_size_nm
        k = np.hypot(fft.fftfreq(image.shape[0], pixel)[:, None], fft.rfftfreq(image.shape[1], pixel)[None, :])
        band = (k >= 1 / self.spacing_nm[1]) & (k <= 1 / self.spacing_nm[0])
        lattice = fft.irfft2(fft.rfft2(image) * band, image.shape)
        amplitude = gaussian_filter(np.abs(lattice), self.blur_nm / pixel)
        return threshold_otsu_shifted(amplitude, self.factor, self.separability).astype(np.float32)

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Band, blur, shift of the threshold, and separability."""
        for band, blur_nm, factor, separability in product(
            ((0.20, 0.29), (0.19, 0.25), (0.13, 0.25)), (0.2, 0.4, 0.7, 1.0), (-0.15, 0.0, 0.15), (0.0, 0.65, 0.7)
        ):
            yield {"spacing_nm": band, "blur_nm": blur_nm, "factor": factor, "separability": separability}
