"""From a micrograph to the input of a segmenter, the same in training and in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from hrtem_lab.image import quadratic_surface, resample_nearest, robust_deviation
from hrtem_lab.micrograph import BoolArray, FloatArray, InputError, IntArray, Micrograph


@dataclass(frozen=True)
class Preprocessing:
    """Removes hot pixels, resamples to one pixel size, evens the illumination and standardises robustly.

    Attributes:
        pixel_size_nm: Pixel size that every micrograph is resampled to which may resolve a lattice.
        lattice_pixel_size_nm: Largest pixel size of such a micrograph: Au {111} with its 0.2355 nm needs less than
            0.118 nm (Nyquist). A coarser micrograph keeps its pixels.
        max_pixel_size_nm: Largest pixel size that is accepted.
        hot_sigma: A pixel that differs from its 3 x 3 median by more than this many standard deviations is replaced by
            the median (5 in Groschner et al. 2021).
        clip_sigma: Standardised values are clipped to plus and minus this.
    """

    pixel_size_nm: float = 0.05
    lattice_pixel_size_nm: float = 0.11
    max_pixel_size_nm: float = 0.11
    hot_sigma: float = 5.0
    clip_sigma: float = 6.0

    def __call__(self, micrograph: Micrograph) -> FloatArray:
        """Standardise an image: (rows, columns) float32 on the grid of `shape`, median 0, robust standard deviation 1.

        Where the micrograph is not valid it is 0, and nothing else depends on what it holds there.

        Raises:
            InputError: The micrograph's pixels are larger than `max_pixel_size_nm`.
        """
        if micrograph.pixel_size_nm > self.max_pixel_size_nm:
            raise InputError(
                f"{micrograph.name}: a pixel is {micrograph.pixel_size_nm:.4g} nm, and this model was trained for "
                f"at most {self.max_pixel_size_nm:g} nm; take the image at a higher magnification, or correct its "
                "calibration"
            )
        image = self._without_hot_pixels(*_blank_invalid(micrograph))
        image = image - image.min()  # else the rounding errors of a constant image would be scaled up to noise
        image = resample(image, self.shape(micrograph))
        if micrograph.valid is None:
            return self.standardise(image, None)
        valid = resample_nearest(micrograph.valid, self.shape(micrograph))
        return np.where(valid, self.standardise(image, valid if valid.any() else None), 0).astype(np.float32)

    def standardise(self, image: FloatArray, valid: BoolArray | None) -> FloatArray:
        """Even the illumination and scale to median 0 and deviation 1, by what is valid.

        Args:
            image: (rows, columns).
            valid: Pixels that show the specimen, (rows, columns); all where it is None.
        """
        surface = quadratic_surface(image if valid is None else image * valid, valid)
        image = image - surface.astype(np.float32)
        shown = image if valid is None else image[valid]
        median = np.median(shown)
        deviation = robust_deviation(shown, median)
        if deviation == 0:
            deviation = shown.std() or 1.0
        scaled = (image - median) / deviation
        return np.clip(scaled, -self.clip_sigma, self.clip_sigma).astype(np.float32)

    def working_pixel_size_nm(self, micrograph: Micrograph) -> float:
        """Pixel size that a micrograph is resampled to: its own where it is too coarse to resolve a lattice."""
        return micrograph.pixel_size_nm if self.keeps_pixels_of(micrograph) else self.pixel_size_nm

    def keeps_pixels_of(self, micrograph: Micrograph) -> bool:
        """Whether a micrograph is too coarse to resolve a lattice, and is not resampled."""
        return micrograph.pixel_size_nm > self.lattice_pixel_size_nm

    def shape(self, micrograph: Micrograph) -> tuple[int, int]:
        """Rows and columns of the resampled image."""
        scale = micrograph.pixel_size_nm / self.working_pixel_size_nm(micrograph)
        rows, columns = micrograph.image.shape
        return max(1, round(rows * scale)), max(1, round(columns * scale))

    def resample_instances(self, micrograph: Micrograph, instances: IntArray) -> IntArray:
        """Resample an instance map of a micrograph to the grid of its standardised image: nearest neighbour."""
        return resample_nearest(instances, self.shape(micrograph))

    def _without_hot_pixels(self, image: FloatArray, deviation: np.floating[Any]) -> FloatArray:
        if min(image.shape) < 3:
            return image
        median = cv2.medianBlur(np.ascontiguousarray(image, dtype=np.float32), 3)
        return np.where(np.abs(image - median) > self.hot_sigma * deviation, median, image)


def _blank_invalid(micrograph: Micrograph) -> tuple[FloatArray, np.floating[Any]]:
    """The image with its median where it is not valid, and the standard deviation of what is."""
    image, valid = micrograph.image, micrograph.valid
    if valid is None:
        return image, image.std()
    shown = image[valid]
    return np.where(valid, image, np.median(shown)).astype(np.float32), shown.std()


def resample(image: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Resample to another grid of the same field: bicubic, with a low-pass filter where the grid gets coarser."""
    if image.shape == shape:
        return image
    picture = Image.fromarray(np.ascontiguousarray(image, dtype=np.float32))
    return np.asarray(picture.resize(shape[::-1], Image.Resampling.BICUBIC))
