"""Whether a micrograph can be trusted: judged by what the model has learned from, and by images with known faults."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from hrtem_lab.analysis.distances import Floats, GaussianReference, KindClassifier, Scaling, to_lists
from hrtem_lab.analysis.fringes import measure_fringes
from hrtem_lab.analysis.image_statistics import STATISTICS, describe_statistic, measure_image
from hrtem_lab.analysis.output_statistics import measure_outputs
from hrtem_lab.atomic_write import write_text
from hrtem_lab.fingerprint import fingerprint_bytes
from hrtem_lab.micrograph import FloatArray, InputError, Micrograph
from hrtem_lab.segmentation.model_folder import WEIGHTS
from hrtem_lab.segmentation.preprocessing import Preprocessing

GOOD, DOUBTFUL, NOT_JUDGED = "good", "doubtful", "not judged"
"""Values of the column `quality`."""
REFERENCE = "reference.json"
"""File of a model's folder with the statistics of the images that it has learned from."""
PIXEL_TOLERANCE = 0.01
"""Relative deviation up to which a pixel size, or a field, counts as inside the range of training."""
WITHOUT_FAULT = "good"
"""Kind of the images without a fault."""
REASONS = {
    "drift": "the specimen seems to have drifted during the exposure",
    "low dose": "the dose seems to be lower than in any image of the training",
    "blur": "the image seems to be blurred",
    "crystal": "a crystal seems to fill the field",
    "diffraction pattern": "it seems to be a diffraction pattern or a spectrum, not a micrograph",
    "photograph": "it seems to be a photograph or a screenshot, not a micrograph",
    "pixel size too small": "the true pixel seems to be about twice as large as the one given",
    "pixel size too large": "the true pixel seems to be about half as large as the one given",
    "pixel size ten times too small": "the true pixel seems to be about ten times as large as the one given",
    "pixel size ten times too large": "the true pixel seems to be about a tenth as large as the one given",
}
"""Kind of a fault -> what is said of an image that resembles it."""


@dataclass(frozen=True)
class Quality:
    """Judgement on a micrograph.

    Attributes:
        reasons: Why it should not be trusted; empty for a good one.
        judged: Whether there was a reference to judge it by.
        image_distance: Distance of the image's statistics from those of training, 1 at the threshold.
        network_distance: The same of the network's outputs; `nan` where the reference is of another network.
        fault_score: Logarithm of the odds of a fault less its threshold, 0 at the threshold.
    """

    reasons: tuple[str, ...] = ()
    judged: bool = True
    image_distance: float = np.nan
    network_distance: float = np.nan
    fault_score: float = np.nan

    @property
    def value(self) -> str:
        """`good`, `doubtful` or `not judged`."""
        return DOUBTFUL if self.reasons else GOOD if self.judged else NOT_JUDGED

    @property
    def reason(self) -> str:
        """All reasons in a text; empty where there is none."""
        return "; ".join(self.reasons)

    def with_reason(self, reason: str) -> Quality:
        """Copy this judgement with one more reason, if the text is not empty."""
        return replace(self, reasons=(*self.reasons, reason)) if reason else self

    def columns(self) -> dict[str, Any]:
        """Columns `quality`, `quality_reason` and the numbers behind them."""
        numbers = {name: getattr(self, name) for name in ("image_distance", "network_distance", "fault_score")}
        return {"quality": self.value, "quality_reason": self.reason, **numbers}


@dataclass(frozen=True, kw_only=True)
class QualityReference:
    """Statistics of images of the training, and of images with known faults.

    Attributes:
        pixel_size_nm: Smallest and largest pixel of training.
        statistics: Names of the statistics of an image by which it is judged.
        scaling: Scales these statistics.
        image: Distribution of the scaled statistics.
        image_threshold: Distance at the 99th percentile of held-out images.
        network_scaling: Scales the statistics of the network's outputs.
        network: Distribution of the scaled statistics; None where they are those of another network.
        network_threshold: Distance at the 99th percentile of held-out images.
        faults: Tells faults from good images by the scaled statistics.
        fault_threshold: Logarithm of the odds of a fault at the 97th percentile of held-out good images.
        fringe_threshold: Strength of fringes at the 99th percentile of coarse images without a lattice; None where
            there were none.
        min_side_nm: Shorter side of the smallest good field; 0 in files of before it was asked for.
        weights: Fingerprint of the network's weights.
        made: How the reference was made, for people.
    """

    pixel_size_nm: tuple[float, float]
    statistics: tuple[str, ...]
    scaling: Scaling
    image: GaussianReference
    image_threshold: float
    network_scaling: Scaling
    network: GaussianReference | None
    network_threshold: float
    faults: KindClassifier
    fault_threshold: float
    fringe_threshold: float | None = None
    min_side_nm: float = 0.0
    weights: str = ""
    made: dict[str, Any] = field(default_factory=dict)

    def judge(self, micrograph: Micrograph, preprocessing: Preprocessing, probabilities: FloatArray | None) -> Quality:
        """Judge a micrograph.

        Args:
            micrograph: The micrograph.
            preprocessing: The segmenter's preprocessing.
            probabilities: Outputs of the network, (1 or 2, rows, columns); None where another one has answered.
        """
        if self.is_too_small(side := shorter_side_nm(micrograph)):
            reason = f"a field of {side:.2g} nm is too small to be judged, expected {self.min_side_nm:.2g} nm or more"
            return Quality((*self._judge_pixel(micrograph.pixel_size_nm), reason))
        measured = measure_image(micrograph, preprocessing(micrograph), preprocessing)
        scaled = self.scaling(measured[[STATISTICS.index(name) for name in self.statistics]])
        image_distance = float(self.image.distance(scaled)) / self.image_threshold
        network_distance = np.nan
        if self.network is not None and probabilities is not None:
            outputs = self.network_scaling(measure_outputs(probabilities))
            network_distance = float(self.network.distance(outputs)) / self.network_threshold
        fault_score = float(self.faults.log_odds_against(WITHOUT_FAULT, scaled)) - self.fault_threshold
        reasons = self._judge_pixel(micrograph.pixel_size_nm)
        if fault_score > 0:
            reasons.append(REASONS[self._most_probable_fault(self.faults.probabilities(scaled))])
        if image_distance > 1:
            reasons.append(f"the image is unlike those of the training in its {self._most_unusual(scaled)}")
        if network_distance > 1:
            reasons.append("the network answers as it does not to images of its training")
        return Quality(tuple(reasons), True, image_distance, network_distance, fault_score)

    def judge_coarse(self, micrograph: Micrograph, preprocessing: Preprocessing) -> Quality:
        """Judge a micrograph that is said to resolve no lattice: doubtful where it shows one, else not judged.

        Args:
            micrograph: The micrograph.
            preprocessing: The segmenter's preprocessing.
        """
        if self.fringe_threshold is None:
            return Quality(judged=False)
        strength = measure_fringes(micrograph, preprocessing) / self.fringe_threshold
        return Quality((REASONS["pixel size ten times too large"],) if strength > 1 else (), judged=False)

    def is_trained_for(self, pixel_size_nm: float) -> bool:
        """Whether a pixel size is within the range of training."""
        low, high = self.pixel_size_nm
        return low * (1 - PIXEL_TOLERANCE) <= pixel_size_nm <= high * (1 + PIXEL_TOLERANCE)

    def is_too_small(self, side_nm: float) -> bool:
        """Whether a field with this shorter side is smaller than all that the reference was fitted to."""
        return side_nm < self.min_side_nm * (1 - PIXEL_TOLERANCE)

    def _judge_pixel(self, pixel_size_nm: float) -> list[str]:
        """Say so where a pixel size is outside the range of training."""
        low, high = self.pixel_size_nm
        if self.is_trained_for(pixel_size_nm):
            return []
        return [f"a pixel of {pixel_size_nm:.3g} nm is outside the range of training, {low:.3g} to {high:.3g} nm"]

    def _most_probable_fault(self, probabilities: Floats) -> str:
        """Name of the most probable kind with a fault."""
        ranked = sorted(zip(probabilities, self.faults.kinds, strict=True), reverse=True)
        return next(kind for _, kind in ranked if kind != WITHOUT_FAULT)

    def _most_unusual(self, scaled: Floats) -> str:
        """Name the two kinds of statistics that deviate most, in words."""
        order = np.argsort(-np.abs(scaled - self.image.mean))
        return " and ".join(list(dict.fromkeys(describe_statistic(self.statistics[i]) for i in order))[:2])

    def save(self, folder: Path) -> None:
        """Write `REFERENCE` beside a model."""
        content = {name: _plain(value) for name, value in vars(self).items()}
        write_text(folder / REFERENCE, json.dumps(content) + "\n")

    @classmethod
    def load_if_present(cls, folder: Path) -> Self | None:
        """Read the reference of a model; None where there is none.

        Of one that was made for other weights, the distribution of the network's features is left out.

        Raises:
            InputError: The file is damaged.
        """
        path = folder / REFERENCE
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            reference = cls(**{name: _parse(name, value) for name, value in content.items()})
            if unknown := sorted(set(reference.statistics) - set(STATISTICS)):
                raise ValueError(f"it needs {unknown[0]}, which this version does not measure")
        except (ValueError, TypeError, LookupError) as error:
            raise InputError(f"{path}: cannot be read ({error}); make it again by hrtem_lab.reference") from error
        return reference if reference.weights == weights_fingerprint(folder) else replace(reference, network=None)


def shorter_side_nm(micrograph: Micrograph) -> float:
    """Shorter side of a micrograph's field."""
    return min(micrograph.image.shape) * micrograph.pixel_size_nm


def weights_fingerprint(folder: Path) -> str:
    """Fingerprint of the weights in a model's folder; empty where there are none."""
    path = folder / WEIGHTS
    return fingerprint_bytes(path.read_bytes()) if path.is_file() else ""


def _plain(value: Any) -> Any:
    """A part of a reference as JSON holds it."""
    if isinstance(value, Scaling | GaussianReference | KindClassifier):
        return {name: to_lists(each) for name, each in asdict(value).items()}
    return to_lists(value)


def _parse(name: str, value: Any) -> Any:
    """A part of a reference from JSON."""
    types: dict[str, Any] = {
        "scaling": Scaling,
        "network_scaling": Scaling,
        "image": GaussianReference,
        "network": GaussianReference,
        "faults": KindClassifier,
    }
    if name in types and value is not None:
        arrays = {key: np.array(each) if isinstance(each, list) else each for key, each in value.items()}
        if "kinds" in arrays:
            arrays["kinds"] = tuple(value["kinds"])
        return types[name](**arrays)
    return tuple(value) if isinstance(value, list) else value
