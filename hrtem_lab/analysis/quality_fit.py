"""A reference to judge micrographs by, fitted to simulated images and tested on specimens that were held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hrtem_lab.analysis.distances import Floats, GaussianReference, KindClassifier, Scaling
from hrtem_lab.analysis.image_statistics import STATISTICS
from hrtem_lab.analysis.quality import WITHOUT_FAULT, QualityReference

HALVES = 2
DISTANCE_QUANTILE, FAULT_QUANTILE = 0.99, 0.98
"""Shares of held-out good images that stay below the thresholds of a distance and of the probability of a fault."""
BLOCK_SPECIMENS = 5
"""Number of specimens in a row that are held out together."""


@dataclass(frozen=True)
class MeasuredImages:
    """Features of simulated images.

    Attributes:
        statistics: `hrtem_lab.analysis.image_statistics.STATISTICS` of each image, (n, k).
        network: Statistics of the network's outputs of each image, (n, m); those of images with a fault are not used.
        kinds: Kind of each image, (n,): `WITHOUT_FAULT` or the name of a fault.
        specimens: Number of each image's specimen, (n,).
        pixel_sizes_nm: Pixel size that each image is said to have, (n,).
    """

    statistics: Floats
    network: Floats
    kinds: npt.NDArray[Any]
    specimens: npt.NDArray[np.int64]
    pixel_sizes_nm: Floats

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """True for the images without a fault, (n,)."""
        good: npt.NDArray[np.bool_] = self.kinds == WITHOUT_FAULT
        return good

    def part(self, chosen: npt.NDArray[np.bool_]) -> MeasuredImages:
        """Select images by a mask, (n,)."""
        return MeasuredImages(*(values[chosen] for values in vars(self).values()))


def fit_reference(images: MeasuredImages, weights: str, made: dict[str, Any]) -> QualityReference:
    """Fit a reference to all images, with thresholds from specimens that were held out.

    The specimens are divided in two; each half is judged by what was fitted to the other one.

    Args:
        images: Good and faulty images of the same specimens.
        weights: Fingerprint of the network's weights.
        made: How the images were made.
    """
    distances, network_distances, faults = [], [], []
    for half in range(HALVES):
        held_out = images.specimens // BLOCK_SPECIMENS % HALVES == half
        fitted = _fit(images.part(~held_out), ())
        judged = images.part(held_out & images.good)
        scaled = fitted.scaling(judged.statistics)
        distances.append(fitted.image.distance(scaled))
        faults.append(1 - fitted.faults.probabilities(scaled)[:, 0])
        if fitted.network is not None:
            network_distances.append(fitted.network.distance(fitted.network_scaling(judged.network)))
    thresholds = (
        _quantile(distances, DISTANCE_QUANTILE),
        _quantile(network_distances, DISTANCE_QUANTILE) if network_distances else 1.0,
        _quantile(faults, FAULT_QUANTILE),
    )
    return _fit(images, thresholds, weights, made)


def _fit(
    images: MeasuredImages, thresholds: Sequence[float], weights: str = "", made: dict[str, Any] | None = None
) -> QualityReference:
    """Fit a reference to all images; without thresholds they are 1."""
    image_threshold, network_threshold, fault_threshold = thresholds or (1.0, 1.0, 1.0)
    good = images.part(images.good)
    scaling, network_scaling = Scaling.fit(good.statistics), Scaling.fit(good.network)
    kinds = [WITHOUT_FAULT, *sorted(set(images.kinds[~images.good].tolist()))]
    return QualityReference(
        pixel_size_nm=(float(good.pixel_sizes_nm.min()), float(good.pixel_sizes_nm.max())),
        statistics=STATISTICS,
        scaling=scaling,
        image=GaussianReference.fit(scaling(good.statistics)),
        image_threshold=image_threshold,
        network_scaling=network_scaling,
        network=GaussianReference.fit(network_scaling(good.network)),
        network_threshold=network_threshold,
        faults=KindClassifier.fit(scaling(images.statistics), images.kinds.tolist(), kinds),
        fault_threshold=fault_threshold,
        weights=weights,
        made=made or {},
    )


def _quantile(parts: Sequence[Floats], share: float) -> float:
    """Quantile of all parts together."""
    return float(np.quantile(np.concatenate(parts), share))
