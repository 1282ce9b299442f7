"""Fourier filters that keep the lattice: a band of spatial frequencies, and the Bragg spots themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.ndimage import gaussian_filter, maximum_filter

from hrtem_lab.image import ring_noise
from hrtem_lab.micrograph import BoolArray, FloatArray
from hrtem_lab.segmentation.classical.cues import threshold_otsu_shifted
from hrtem_lab.segmentation.segmenter import Segmenter


def spatial_frequency(shape: Sequence[int], pixel_size_nm: float) -> npt.NDArray[np.float64]:
    """Spatial frequency in nm^-1 of each value of a real image's Fourier transform (`rfft2`)."""
    rows, columns = fft.fftfreq(shape[0], pixel_size_nm), fft.rfftfreq(shape[1], pixel_size_nm)
    return np.hypot(rows[:, None], columns[None, :])


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
        k = spatial_frequency(image.shape, pixel)
        band = (k >= 1 / self.spacing_nm[1]) & (k <= 1 / self.spacing_nm[0])
        lattice = fft.irfft2(fft.rfft2(image) * band, image.shape)
        amplitude = gaussian_filter(np.abs(lattice), self.blur_nm / pixel)
        return threshold_otsu_shifted(amplitude, self.factor, self.separability).astype(np.float32)

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Band, blur, shift of the threshold, and separability."""
        for band, blur_nm, factor, separability in product(
            ((0.20, 0.29), (0.19, 0.25), (0.13, 0.25)), (0.4, 0.7, 1.0), (-0.15, 0.0, 0.15), (0.0, 0.65)
        ):
            yield {"spacing_nm": band, "blur_nm": blur_nm, "factor": factor, "separability": separability}


@dataclass(frozen=True, kw_only=True)
class BraggFilter(Segmenter):
    """Otsu's threshold on the blurred amplitude of the Bragg spots, which are found, not picked by hand.

    It is the Bragg filter that Groschner, Choi and Scott (2021) compare with, where somebody chose the spots of each
    image. Here a spot is a peak of the power spectrum above the noise of its ring. A field without one holds nothing.

    Attributes:
        snr: Least power of a spot over the mean power of the noise at its distance from the centre.
        spot_nm: Radius of a spot that passes, in nm^-1.
        blur_nm: Blur of the amplitude.
        factor: Shift of Otsu's threshold, as for `threshold_otsu_shifted`.
        spacing_nm: Smallest and largest spacing of lattice planes that are looked for.
    """

    name: ClassVar[str] = "bragg"
    snr: float = 15.0
    spot_nm: float = 0.3
    blur_nm: float = 0.7
    factor: float = 0.0
    spacing_nm: tuple[float, float] = (0.12, 0.4)

    def score_map(self, image: FloatArray) -> FloatArray:
        """1 where the amplitude of the spots is high, else 0."""
        spectrum = fft.rfft2(image)
        spots = self._spots(np.abs(spectrum) ** 2, image.shape)
        if not spots.any():
            return np.zeros(image.shape, dtype=np.float32)
        lattice = fft.irfft2(spectrum * spots, image.shape)
        amplitude = gaussian_filter(np.abs(lattice), self.blur_nm / self.preprocessing.pixel_size_nm)
        return threshold_otsu_shifted(amplitude, self.factor, 0.0).astype(np.float32)

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Least power and size of a spot, blur, and shift of the threshold."""
        for snr, spot_nm, blur_nm, factor in product(
            (10.0, 15.0, 25.0), (0.2, 0.4), (0.4, 0.7, 1.0), (-0.15, 0.0, 0.15)
        ):
            yield {"snr": snr, "spot_nm": spot_nm, "blur_nm": blur_nm, "factor": factor}

    def _spots(self, power: npt.NDArray[np.floating[Any]], shape: Sequence[int]) -> BoolArray:
        """Discs around the peaks of a power spectrum, of the shape of `power`."""
        pixel = self.preprocessing.pixel_size_nm
        k = spatial_frequency(shape, pixel)
        in_band = (k >= 1 / self.spacing_nm[1]) & (k <= min(1 / self.spacing_nm[0], 0.5 / pixel))
        ring_width = 4 / (min(shape) * pixel)
        number = (k / ring_width).astype(np.intp)
        rings = {
            (ring + 0.5) * ring_width: np.flatnonzero(in_band & (number == ring)) for ring in np.unique(number[in_band])
        }
        if not rings:
            return np.zeros(power.shape, dtype=bool)
        noise = ring_noise(power, k, rings, lambda samples: np.ones(len(samples), dtype=bool))
        peaks = in_band & (power > self.snr * noise) & (power == maximum_filter(power, 3, mode="wrap"))
        kr, kc = fft.fftfreq(shape[0], pixel), fft.rfftfreq(shape[1], pixel)
        spots = np.zeros(power.shape, dtype=bool)
        for row, column in np.argwhere(peaks):
            spots |= np.hypot((kr - kr[row])[:, None], (kc - kc[column])[None, :]) <= self.spot_nm
        return spots
