"""What people and their programs do to a frame between the camera and the file."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hrtem_lab.micrograph import FloatArray
from hrtem_lab.physics.specimen import Range


@dataclass(frozen=True)
class Handling:
    """Draws one treatment per image.

    Attributes:
        shrunk: Share of the images that were scaled down.
        shrink: Least and greatest factor.
        median: Share of the images that went through a 3 x 3 median.
        blurred: Share of the images that were smoothed.
        blur_px: Least and greatest standard deviation of the smoothing.
        eight_bit: Share of the images stretched to 8 bits.
        clip: Greatest share of the pixels that the stretching saturates at each end.
        hot: Share of the frames with hot pixels.
    """

    shrunk: float = 0.4
    shrink: Range = (1.2, 3.9)
    median: float = 0.4
    blurred: float = 0.3
    blur_px: Range = (0.4, 1.2)
    eight_bit: float = 0.6
    clip: float = 0.01
    hot: float = 0.1

    def draw_shrink(self, rng: np.random.Generator) -> float:
        """Factor between the camera's pixel and the file's, 1 for most images."""
        return float(rng.uniform(*self.shrink)) if rng.random() < self.shrunk else 1.0

    def __call__(self, frame: FloatArray, size: int, rng: np.random.Generator) -> FloatArray:
        """Treat a frame.

        Args:
            frame: Counts, (n, n) float32.
            size: Edge of the result in pixels; smaller than n where the image is shrunk.
            rng: Source of chance.

        Returns:
            The image as it is found in a file, (size, size) float32.
        """
        if rng.random() < self.hot:
            spots = rng.integers(frame.size, size=rng.integers(1, max(2, 1 + frame.size // 5000)))
            frame = frame.copy()
            frame.ravel()[spots] = frame.max() * rng.uniform(2, 20)
        if rng.random() < self.median:
            frame = np.asarray(cv2.medianBlur(frame, 3), dtype=np.float32)
        if frame.shape[0] != size:
            # exact: the plain one takes the corner of each new pixel and so shifts the image against its truth
            how = rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_NEAREST_EXACT], p=[0.5, 0.3, 0.2])
            frame = np.asarray(cv2.resize(frame, (size, size), interpolation=int(how)), dtype=np.float32)
        if rng.random() < self.blurred:
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), rng.uniform(*self.blur_px)), dtype=np.float32)
        if rng.random() < self.eight_bit:
            share = rng.uniform(0, self.clip)
            low, high = np.quantile(frame, [share, 1 - share])
            frame = np.round(255 * np.clip((frame - low) / max(high - low, 1e-6), 0, 1)).astype(np.float32)
        return frame
