"""A reference to judge micrographs by, fitted to simulated images and tested on specimens that were held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hrtem_lab.analysis.distances import Floats, GaussianReference, KindClassifier, Scaling
from hrtem_lab.analysis.image_statistics import STATISTICS
from hrtem_lab.analysis.quality import WITHOUT_FAULT, QualityReference
from hrtem_lab.evaluation import wilson_interval

FOLDS = 5
DISTANCE_QUANTILE, FAULT_QUANTILE = 0.99, 0.97
"""Shares of held-out good images that stay below the thresholds of a distance and of the odds of a fault."""
BLOCK_SPECIMENS = 5
"""Number of specimens in a row that are held out together."""


@dataclass(frozen=True)
class MeasuredImages:
    """Features of simulated images.

    Attributes:
        statistics: `hrtem_lab.analysis.image_statistics.STATISTICS` of each image, (n, k).
        network: Statistics of the network's outputs of each image, (n, m); `nan` where it was not asked.
        kinds: Kind of each image, (n,): `WITHOUT_FAULT` or the name of a fault.
        specimens: Number of each image's specimen, (n,).
        pixel_sizes_nm: Pixel size that each image is said to have, (n,).
        sides_nm: Shorter side of the field that each image is said to have, (n,).
    """

    statistics: Floats
    network: Floats
    kinds: npt.NDArray[Any]
    specimens: npt.NDArray[np.int64]
    pixel_sizes_nm: Floats
    sides_nm: Floats

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """True for the images without a fault, (n,)."""
        good: npt.NDArray[np.bool_] = self.kinds == WITHOUT_FAULT
        return good

    def part(self, chosen: npt.NDArray[np.bool_]) -> MeasuredImages:
        """Select images by a mask, (n,)."""
        return MeasuredImages(*(values[chosen] for values in vars(self).values()))


@dataclass(frozen=True)
class HeldOutScores:
    """How unusual images are for references that were fitted to other specimens.

    Attributes:
        image: Distance of each image's statistics, (n,).
        network: Distance of the network's outputs, (n,); `nan` where it was not asked.
        fault: Logarithm of the odds of a fault, (n,).
    """

    image: Floats
    network: Floats
    fault: Floats


def score_held_out(images: MeasuredImages) -> HeldOutScores:
    """Divide the specimens into `FOLDS` parts and judge each by what is fitted to the others."""
    scores = HeldOutScores(*(np.full(len(images.kinds), np.nan) for _ in range(3)))
    for fold in range(FOLDS):
        held_out = images.specimens // BLOCK_SPECIMENS % FOLDS == fold
        fitted = _fit(images.part(~held_out), (1.0, 1.0, 1.0))
        scaled = fitted.scaling(images.statistics[held_out])
        scores.image[held_out] = fitted.image.distance(scaled)
        scores.fault[held_out] = fitted.faults.log_odds_against(WITHOUT_FAULT, scaled)
        if fitted.network is not None:
            scores.network[held_out] = fitted.network.distance(fitted.network_scaling(images.network[held_out]))
    return scores


def fit_reference(
    images: MeasuredImages,
    scores: HeldOutScores,
    coarse_fringes: Sequence[float],
    weights: str,
    made: dict[str, Any],
) -> QualityReference:
    """Fit a reference to all images, with thresholds from specimens that were held out.

    Args:
        images: Good and faulty images of the same specimens.
        scores: Result of `score_held_out` for these images.
        coarse_fringes: Strength of the fringes of coarse images that show no lattice; none leaves such images unjudged.
        weights: Fingerprint of the network's weights.
        made: How the images were made.
    """
    quantiles = (DISTANCE_QUANTILE, DISTANCE_QUANTILE, FAULT_QUANTILE)
    values = (scores.image, scores.network, scores.fault)
    thresholds = [float(np.quantile(each[images.good], share)) for each, share in zip(values, quantiles, strict=True)]
    thresholds[2] = max(thresholds[2], 0.0)  # a fault has to be more probable than none
    fringes = float(np.quantile(coarse_fringes, DISTANCE_QUANTILE)) if len(coarse_fringes) else None
    return replace(_fit(images, thresholds), fringe_threshold=fringes, weights=weights, made=made)


def count_flagged(images: MeasuredImages, scores: HeldOutScores, reference: QualityReference) -> pd.DataFrame:
    """Count the held-out images of each kind that are called doubtful, as far as the network was asked.

    Returns:
        A row per kind: `kind`, `images`, `flagged`, `share`, and `low` and `high` of its 95 % interval.
    """
    is_outside = [
        not reference.is_trained_for(pixel) or reference.is_too_small(side)
        for pixel, side in zip(images.pixel_sizes_nm, images.sides_nm, strict=True)
    ]
    flagged = (
        (scores.image > reference.image_threshold)
        | (scores.network > reference.network_threshold)
        | (scores.fault > reference.fault_threshold)
        | np.array(is_outside)
    )
    rows = []
    for kind in reference.faults.kinds:
        number, found = int((images.kinds == kind).sum()), int(flagged[images.kinds == kind].sum())
        low, high = wilson_interval(found, number)
        rows.append(
            {"kind": kind, "images": number, "flagged": found, "share": found / number, "low": low, "high": high}
        )
    return pd.DataFrame(rows)


def _fit(images: MeasuredImages, thresholds: Sequence[float]) -> QualityReference:
    """Fit a reference to all images, with thresholds for the image, the network and faults."""
    image_threshold, network_threshold, fault_threshold = thresholds
    good = images.part(images.good)
    scaling, network_scaling = Scaling.fit(good.statistics), Scaling.fit(good.network)
    kinds = [WITHOUT_FAULT, *sorted(set(images.kinds[~images.good].tolist()))]
    return QualityReference(
        pixel_size_nm=(float(good.pixel_sizes_nm.min()), float(good.pixel_sizes_nm.max())),
        min_side_nm=float(good.sides_nm.min()),
        statistics=STATISTICS,
        scaling=scaling,
        image=GaussianReference.fit(scaling(good.statistics)),
        image_threshold=image_threshold,
        network_scaling=network_scaling,
        network=GaussianReference.fit(network_scaling(good.network)),
        network_threshold=network_threshold,
        faults=KindClassifier.fit(scaling(images.statistics), images.kinds.tolist(), kinds),
        fault_threshold=fault_threshold,
    )
