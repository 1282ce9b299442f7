"""The one way from a micrograph to what a segmenter sees, in training and in use."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.nn.functional import interpolate

from hrtem_lab.image import quadratic_surface, resample_nearest
from hrtem_lab.micrograph import FloatArray, InputError, IntArray, Micrograph


@dataclass(frozen=True)
class Preprocessing:
    """Hot pixels out, one pixel size, even light, robust scale.

    Attributes:
        pixel_size_nm: Pixel that every micrograph is resampled to.
        coarsest_nm: Largest pixel that still holds the lattice; Au {111} with 0.2355 nm needs one below 0.118 nm
            (Nyquist).
        hot_sigma: A pixel this many standard deviations off its 3 x 3 median is replaced by it (Groschner 2021: 5).
        clip_sigma: Values beyond this many standard deviations are cut.
    """

    pixel_size_nm: float = 0.05
    coarsest_nm: float = 0.11
    hot_sigma: float = 5.0
    clip_sigma: float = 6.0

    def __call__(self, micrograph: Micrograph) -> FloatArray:
        """The standardised image, (rows, columns) float32 at `pixel_size_nm`: median 0, robust deviation 1.

        Raises:
            InputError: The micrograph's pixel is too coarse for the lattice.
        """
        if micrograph.pixel_size_nm > self.coarsest_nm:
            raise InputError(
                f"{micrograph.name}: a pixel is {micrograph.pixel_size_nm:.4g} nm, at most {self.coarsest_nm:g} nm is "
                "needed to resolve the lattice (Nyquist); take the image at a higher magnification, or correct its "
                "calibration"
            )
        image = self._without_hot_pixels(micrograph.image)
        image = image - image.min()  # else the rounding errors of an even image would be scaled up to noise
        image = resample(image, self.shape(micrograph))
        image = image - quadratic_surface(image).astype(np.float32)
        spread = 1.4826 * np.median(np.abs(image - np.median(image)))
        if spread == 0:
            spread = image.std() or 1.0
        scaled = (image - np.median(image)) / spread
        return np.clip(scaled, -self.clip_sigma, self.clip_sigma).astype(np.float32)

    def shape(self, micrograph: Micrograph) -> tuple[int, int]:
        """Rows and columns of the resampled image."""
        scale = micrograph.pixel_size_nm / self.pixel_size_nm
        rows, columns = micrograph.image.shape
        return max(1, round(rows * scale)), max(1, round(columns * scale))

    def truth(self, micrograph: Micrograph, instances: IntArray) -> IntArray:
        """An instance map of the micrograph on the resampled grid."""
        return resample_nearest(instances, self.shape(micrograph))

    def _without_hot_pixels(self, image: FloatArray) -> FloatArray:
        if min(image.shape) < 3:
            return image
        middle = cv2.medianBlur(np.ascontiguousarray(image, dtype=np.float32), 3)
        off = np.abs(image - middle)
        return np.where(off > self.hot_sigma * image.std(), middle, image)


def resample(image: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Another grid of the same field: cubic, low-passed before it is made coarser."""
    if image.shape == shape:
        return image
    tensor = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None]
    return interpolate(tensor, shape, mode="bicubic", antialias=True)[0, 0].numpy()
