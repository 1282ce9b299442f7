"""The five features of Groschner, Choi and Scott (Microsc. Microanal. 27, 549, 2021), for comparison with ours.

They describe the bounding box, not the particle in it, and count rings of its transform, not spatial frequencies: they
change with the size of the box and with its corners.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hrtem_lab.micrograph import IntArray
from hrtem_lab.particles.crops import crops

RINGS = 100
GROSCHNER_FEATURES = {
    "ring_mean": "mean of the 100 ring sums of the transform's amplitude",
    "ring_std": "standard deviation of the ring sums",
    "ring_centre": "centre of mass of the ring sums, in rings",
    "intensity_mean": "mean intensity of the box, the micrograph being scaled to 0 to 1",
    "intensity_std": "standard deviation of the intensity of the box",
}


def groschner_features(
    image: npt.NDArray[Any], instances: IntArray, pixel_size_nm: float, network_outputs: object = None
) -> pd.DataFrame:
    """Compute the published features of every particle.

    Args:
        image: (rows, columns), scaled to 0 to 1 as every tile in the paper; pixels that are not finite take its mean.
        instances: The same shape, 0 = background; numbers may have gaps.
        pixel_size_nm: Not used.
        network_outputs: Not used.

    Returns:
        One row per particle, indexed by `particle`, with the columns `GROSCHNER_FEATURES`.

    Raises:
        InputError: The shapes differ.
    """
    finite = np.where(np.isfinite(image), image, np.mean(image[np.isfinite(image)]) if np.isfinite(image).any() else 0)
    scaled = (finite - finite.min(initial=np.inf)) / max(float(np.ptp(finite)) if finite.size else 0.0, 1e-12)
    rows = {number: _box_features(box) for number, box, _ in crops(scaled, instances)}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(GROSCHNER_FEATURES), dtype=float)
    return table.rename_axis("particle")


def ring_sums(amplitude: npt.NDArray[np.float64], rings: int = RINGS) -> npt.NDArray[np.float64]:
    """Sums over rings of equal width, from the middle of an array to the middle of its shorter sides, (rings,)."""
    numbers = _ring_numbers(amplitude.shape, rings)
    return np.bincount(numbers, weights=amplitude.ravel(), minlength=rings + 1)[:rings].astype(np.float64)


@lru_cache(maxsize=16)
def _ring_numbers(shape: tuple[int, ...], rings: int) -> npt.NDArray[np.intp]:
    """Number of the ring of every sample, `rings` beyond the last ring, (samples,)."""
    row, column = (np.arange(n) - n // 2 for n in shape)
    number = (np.hypot(row[:, None], column) * (2 * rings / min(shape))).astype(np.intp)
    return np.minimum(number, rings).ravel()


def _box_features(box: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Compute `GROSCHNER_FEATURES` of one bounding box."""
    sums = ring_sums(np.abs(np.fft.fftshift(np.fft.fft2(box))))
    total = sums.sum()
    centre = float(np.arange(RINGS) @ sums / total) if total > 0 else np.nan
    return float(sums.mean()), float(sums.std()), centre, float(box.mean()), float(box.std())
