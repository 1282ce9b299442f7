"""What people and their programs do to a frame between the camera and the file."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from hrtem_lab.image import rescale_intensity
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
        gamma: Greatest change of the exponent of those 8 bits, 0 for none: from 1 / (1 + gamma) to 1 + gamma.
        jpeg: Share of the 8-bit images that were saved as JPEG.
        scale_bar: Share of the 8-bit images with a scale bar burnt in.
        hot: Share of the frames with hot pixels.
    """

    shrunk: float = 0.4
    shrink: Range = (1.2, 3.9)
    median: float = 0.4
    blurred: float = 0.3
    blur_px: Range = (0.4, 1.2)
    eight_bit: float = 0.6
    clip: float = 0.01
    gamma: float = 0.3
    jpeg: float = 0.15
    scale_bar: float = 0.05
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
        return self._eight_bit(frame, rng) if rng.random() < self.eight_bit else frame

    def _eight_bit(self, frame: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Stretched to 8 bits, and what happens to such pictures only."""
        grey = rescale_intensity(frame, rng.uniform(0, self.clip)) ** (1 + self.gamma) ** rng.uniform(-1, 1)
        picture = np.round(255 * grey).astype(np.uint8)
        if rng.random() < self.scale_bar:
            picture = _with_scale_bar(picture, rng)
        if rng.random() < self.jpeg:
            stored = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 95))])[1]
            picture = cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE)
        return picture.astype(np.float32)


def _with_scale_bar(picture: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A bar with its length written above it, black or white, near one of the lower corners."""
    size = len(picture)
    width, height = (max(1, int(size * rng.uniform(*part))) for part in ((0.12, 0.35), (0.01, 0.03)))
    left = int(size * 0.03) if rng.random() < 0.5 else size - width - int(size * 0.03)
    top, colour = int(size * rng.uniform(0.9, 0.96)), int(rng.choice([0, 255]))
    picture = picture.copy()
    cv2.rectangle(picture, (left, top), (left + width, top + height), colour, cv2.FILLED)
    text, scale = f"{rng.choice([1, 2, 5, 10])} nm", max(0.3, size / 700)
    cv2.putText(picture, text, (left, top - height), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
    return picture
