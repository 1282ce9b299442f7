"""Methods that judge every pixel by the responses of filters: clusters of them, and a forest trained on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from skimage.feature import multiscale_basic_features
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import StandardScaler

from hrtem_lab.image import resample_nearest
from hrtem_lab.micrograph import FloatArray, LabelledMicrograph
from hrtem_lab.segmentation.classical.cues import CUES, Cue, cue_map, is_constant
from hrtem_lab.segmentation.segmenter import Segmenter

if TYPE_CHECKING:
    from hrtem_lab.segmentation.data import TrainingData

SMALLEST_NM = 0.1
"""Smallest width of the filters: lattice fringes pass the finest of them."""


def filter_responses(image: FloatArray, pixel_size_nm: float, largest_nm: float) -> npt.NDArray[np.floating[Any]]:
    """Responses of the filters that trainable segmentations use: Gaussian, Sobel, eigenvalues of the Hessian.

    Args:
        image: Standardised, (rows, columns).
        pixel_size_nm: Side length of its pixels.
        largest_nm: Largest width of the filters; the smallest is `SMALLEST_NM`, and each is twice the one before.

    Returns:
        (rows, columns, filters).
    """
    smallest, largest = SMALLEST_NM / pixel_size_nm, largest_nm / pixel_size_nm
    return multiscale_basic_features(image, sigma_min=smallest, sigma_max=largest, workers=1)


@dataclass(frozen=True, kw_only=True)
class KMeansClusters(Segmenter):
    """Clusters of the filter responses of one image (k-means); those in which a cue is largest are particles.

    Attributes:
        cue: Property that particles are told by.
        sigma_nm: Largest width of the filters.
        clusters: Number of clusters.
        particle_clusters: Number of clusters that are particles.
        seed: Seed of the clusters' first centres and of the pixels that they are computed from.
    """

    name: ClassVar[str] = "kmeans"
    outline: ClassVar[str] = "half_contrast"
    cue: Cue = "dark"
    sigma_nm: float = 0.8
    clusters: int = 3
    particle_clusters: int = 1
    seed: int = 0

    def score_map(self, image: FloatArray) -> FloatArray:
        """1 in the clusters of particles, else 0."""
        if is_constant(image) or min(image.shape) < 8:
            return np.zeros(image.shape, dtype=np.float32)
        responses = filter_responses(image, self.preprocessing.pixel_size_nm, self.sigma_nm)
        pixels = StandardScaler().fit_transform(responses.reshape(-1, responses.shape[-1]))
        sample = np.random.default_rng(self.seed).choice(len(pixels), min(len(pixels), 1000), replace=False)
        fitted = KMeans(self.clusters, n_init=1, random_state=self.seed).fit(pixels[sample])
        label = fitted.predict(pixels)
        cue = cue_map(image, self.cue, 0.4 / self.preprocessing.pixel_size_nm).ravel()
        means = [cue[label == number].mean() if (label == number).any() else -np.inf for number in range(self.clusters)]
        chosen = np.isin(label, np.argsort(means)[-self.particle_clusters :])
        return chosen.reshape(image.shape).astype(np.float32)

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Cue, largest width of the filters, number of clusters, and of those that are particles."""
        for cue, sigma_nm, clusters, particle_clusters in product(CUES, (0.4, 0.8, 1.6), (3, 4, 5), (1, 2)):
            yield {
                "cue": cue,
                "sigma_nm": sigma_nm,
                "clusters": clusters,
                "particle_clusters": particle_clusters,
            }


@dataclass(frozen=True, kw_only=True)
class PixelForest(Segmenter):
    """A random forest on the filter responses of each pixel, as ilastik and other trainable segmentations have it.

    Attributes:
        classifier: The forest; `learn` fits it.
        sigma_nm: Largest width of the filters.
        micrographs: Number of training micrographs that it learns from, the first ones.
        pixels: Number of pixels of each that it learns from, half of them of particles where there are enough.
        seed: Seed of the pixels.
    """

    name: ClassVar[str] = "pixel_forest"
    learns: ClassVar[bool] = True
    gives_probabilities: ClassVar[bool] = True
    classifier: RandomForestClassifier
    sigma_nm: float = 1.6
    micrographs: int = 30
    pixels: int = 1000
    seed: int = 0

    def learn(self, data: TrainingData, folder: Path) -> Self:
        """Fit the forest to pixels of training micrographs."""
        rng = np.random.default_rng(self.seed)
        drawn = [self._draw(micrograph, rng) for micrograph in data.micrographs("train")[: self.micrographs]]
        responses, truth = (np.concatenate(part) for part in zip(*drawn, strict=True))
        return replace(self, classifier=self.classifier.fit(responses, truth))

    def score_map(self, image: FloatArray) -> FloatArray:
        """Share of the trees that call a pixel a particle."""
        responses = filter_responses(image, self.preprocessing.pixel_size_nm, self.sigma_nm)
        votes = self.classifier.predict_proba(responses.reshape(-1, responses.shape[-1]))
        share = votes @ self.classifier.classes_.astype(np.float32)
        return share.reshape(image.shape).astype(np.float32)

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Thresholds."""
        return ({"threshold": round(float(t), 2)} for t in np.arange(0.1, 0.95, 0.05))

    def _draw(
        self, micrograph: LabelledMicrograph, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.bool_]]:
        """Filter responses, (n, filters), and truth of pixels of a micrograph, as many of either class as there are."""
        pixel_size_nm = self.preprocessing.pixel_size_nm
        responses = filter_responses(self.preprocessing(micrograph), pixel_size_nm, self.sigma_nm)
        truth = resample_nearest(micrograph.mask, (responses.shape[0], responses.shape[1])).ravel()
        classes = (np.flatnonzero(truth == value) for value in (False, True))
        chosen = np.concatenate([rng.permutation(indices)[: self.pixels // 2] for indices in classes])
        return responses.reshape(len(truth), -1)[chosen], truth[chosen]
