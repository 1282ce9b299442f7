"""One micrograph: its particles found, measured and classified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hrtem_lab.defects import Features, Forest
from hrtem_lab.micrograph import CLASSES, FloatArray, IntArray, Micrograph
from hrtem_lab.particles import lattice_features, measure, network_features
from hrtem_lab.progress import ProgressCallback, no_progress
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Particles of a micrograph, measured and classified.

    Attributes:
        micrograph: The micrograph.
        instances: Particle number at each pixel, (rows, columns), 0 = background.
        probability: Probability of a particle at each pixel, (rows, columns).
        particles: One row per particle, indexed by its number (`particle`): sizes and shapes as from
            `hrtem_lab.particles.measure`, `confidence`, and with a forest `class` and the probability `p_<class>` of
            each class.
    """

    micrograph: Micrograph
    instances: IntArray
    probability: FloatArray
    particles: pd.DataFrame

    @property
    def uncut(self) -> pd.DataFrame:
        """Rows of the particles that the edge of the image does not cut."""
        return self.particles[~self.particles["touches_edge"].astype(bool)]

    @property
    def classes(self) -> pd.Series:
        """Class of each particle by its number; empty where there is no forest."""
        return self.particles.get("class", pd.Series(dtype=object))


@dataclass(frozen=True)
class Analyser:
    """A segmenter and the forest that goes with it, ready for any number of micrographs.

    Attributes:
        segmenter: Finds the particles.
        forest: Says what the image shows of a particle's lattice; None leaves classes out.
        features: Feature set that the forest reads.
        model: Where the two came from, for the summary.
    """

    segmenter: NetworkSegmenter
    forest: Forest | None
    features: Features
    model: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: str | Path, features: Features = lattice_features, tta: bool = False) -> Analyser:
        """Load a model that training saved.

        Args:
            folder: Folder of the model.
            features: Feature set that its forest was trained on.
            tta: Average the segmenter over the eight turns and mirror images of a micrograph.
        """
        folder = Path(folder)
        segmenter = NetworkSegmenter.load(folder)
        if tta:
            segmenter = replace(segmenter, tta=True)
        model = {"folder": str(folder), "threshold": segmenter.threshold, "tta": segmenter.tta}
        return cls(segmenter, Forest.load_if_present(folder), features, {**model, **segmenter.provenance})

    def __call__(self, micrograph: Micrograph, progress: ProgressCallback = no_progress) -> Analysis:
        """Find, measure and classify the particles of a micrograph.

        Args:
            micrograph: The micrograph.
            progress: Called after every tile of the image.
        """
        segmentation = self.segmenter.segment(micrograph, progress)
        instances, probabilities = segmentation.instances, segmentation.probabilities
        particles = measure(instances, micrograph.pixel_size_nm, micrograph.valid)
        particles["confidence"] = network_features(probabilities[:1], instances)["seen_particle"]
        if self.forest is not None and len(particles):
            features = self.features(micrograph.image, instances, micrograph.pixel_size_nm, probabilities)
            class_probabilities = self.forest.probabilities(features)
            particles["class"] = self.forest.classes(class_probabilities)
            particles = particles.join(class_probabilities.add_prefix("p_"))
        return Analysis(
            micrograph=micrograph,
            instances=instances,
            probability=segmentation.particle_probability,
            particles=particles,
        )


def no_particles() -> pd.DataFrame:
    """The table of no particles, with the columns and types of any other."""
    empty = measure(np.zeros((1, 1), dtype=np.int32), 1.0).assign(**{"confidence": [], "class": []})
    return empty.assign(**{f"p_{name}": [] for name in CLASSES})
