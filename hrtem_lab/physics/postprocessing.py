"""Treatment of a frame between the camera and the file, by people and their programs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from hrtem_lab.image import rescale_intensity
from hrtem_lab.micrograph import FloatArray
from hrtem_lab.physics.specimen import Range


@dataclass(frozen=True)
class Postprocessing:
    """Treats each image in a random way.

    Attributes:
        shrunk: Fraction of the images that were scaled down.
        shrink: Smallest and largest factor of scaling down.
        median: Fraction of the images that went through a 3 x 3 median.
        blurred: Fraction of the images that were smoothed.
        blur_px: Smallest and largest standard deviation of the smoothing.
        eight_bit: Fraction of the images that were stretched to 8 bits.
        clip: Largest fraction of the pixels that the stretching saturates at each end.
        gamma: Largest change of the exponent of those 8 bits, 0 for none: from 1 / (1 + gamma) to 1 + gamma.
        jpeg: Fraction of the 8-bit images that were saved as JPEG.
        scale_bar: Fraction of the 8-bit images with a scale bar burnt in.
        hot: Fraction of the frames with hot pixels.
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

    def sample_shrink_factor(self, rng: np.random.Generator) -> float:
        """Sample the factor between the pixel sizes of file and camera, 1 for most images."""
        return float(rng.uniform(*self.shrink)) if rng.random() < self.shrunk else 1.0

    def __call__(self, frame: FloatArray, size: int, rng: np.random.Generator) -> FloatArray:
        """Treat a frame.

        Args:
            frame: Counts, (n, n) float32.
            size: Side length of the result in pixels; smaller than n where the image is scaled down.
            rng: Random number generator.

        Returns:
            The image as in a file, (size, size) float32.
        """
        if rng.random() < self.hot:
            frame = _add_hot_pixels(frame, rng)
        if rng.random() < self.median:
            frame = np.asarray(cv2.medianBlur(frame, 3), dtype=np.float32)
        if frame.shape[0] != size:
            # exact: plain INTER_NEAREST takes the corner of each new pixel and so shifts the image against its truth
            methods = [cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_NEAREST_EXACT]
            method = int(rng.choice(methods, p=[0.5, 0.3, 0.2]))
            frame = np.asarray(cv2.resize(frame, (size, size), interpolation=method), dtype=np.float32)
        if rng.random() < self.blurred:
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), rng.uniform(*self.blur_px)), dtype=np.float32)
        return self._to_eight_bits(frame, rng) if rng.random() < self.eight_bit else frame

    def _to_eight_bits(self, frame: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Stretch a frame to 8 bits, and treat it as only such images are treated."""
        saturated = rng.uniform(0, self.clip)
        grey = rescale_intensity(frame, saturated) ** (1 + self.gamma) ** rng.uniform(-1, 1)
        image = np.round(255 * grey).astype(np.uint8)
        if rng.random() < self.scale_bar:
            image = _add_scale_bar(image, rng)
        if rng.random() < self.jpeg:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 95))]
            image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_GRAYSCALE)
        return image.astype(np.float32)


def _add_hot_pixels(frame: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the frame with one hot pixel or up to one in 5000, 2 to 20 times as bright as its brightest."""
    pixels = rng.integers(frame.size, size=rng.integers(1, max(2, 1 + frame.size // 5000)))
    frame = frame.copy()
    frame.ravel()[pixels] = frame.max() * rng.uniform(2, 20)
    return frame


def _add_scale_bar(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return the image with a bar and its length above it, black or white, near one of the lower corners."""
    size = len(image)
    width, height = (max(1, int(size * rng.uniform(*limits))) for limits in ((0.12, 0.35), (0.01, 0.03)))
    left = int(size * 0.03) if rng.random() < 0.5 else size - width - int(size * 0.03)
    top, colour = int(size * rng.uniform(0.9, 0.96)), int(rng.choice([0, 255]))
    image = image.copy()
    cv2.rectangle(image, (left, top), (left + width, top + height), colour, cv2.FILLED)
    text, scale = f"{rng.choice([1, 2, 5, 10])} nm", max(0.3, size / 700)
    cv2.putText(image, text, (left, top - height), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
    return image
