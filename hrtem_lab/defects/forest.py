"""A fitted random forest: probabilities and classes of particles, and how it is saved."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from zipfile import ZIP_DEFLATED

import pandas as pd
import skops.io
from sklearn.base import ClassifierMixin, clone

from hrtem_lab.atomic_write import atomic_write, write_text
from hrtem_lab.defects.decision import Costs, decide
from hrtem_lab.defects.probability_calibration import ProbabilityCalibration
from hrtem_lab.defects.table import feature_names
from hrtem_lab.micrograph import CLASSES, UNCERTAIN, InputError

FOREST, SETTINGS = "forest.skops", "forest.json"
TRUSTED = {"sklearn.tree._tree.Tree"}  # skops asks for it; it holds arrays of numbers and nothing else


@dataclass(frozen=True)
class Forest:
    """A fitted forest.

    Attributes:
        classifier: Fitted classifier; its classes are some of `CLASSES`.
        features: Names of the features that it reads, in order.
        calibration: Calibration of its probabilities.
        costs: Costs of missing a class, see `decide`.
        confidence_threshold: A particle whose class has a lower probability than this is `uncertain`.
    """

    classifier: ClassifierMixin
    features: tuple[str, ...]
    calibration: ProbabilityCalibration = field(default_factory=ProbabilityCalibration)
    costs: Costs = field(default_factory=dict)
    confidence_threshold: float = 0.0

    @classmethod
    def fit(cls, classifier: ClassifierMixin, table: pd.DataFrame) -> Self:
        """Fit a classifier to a table of `tabulate_particles`, without calibration.

        Features that are `nan` for all particles are left out.

        Raises:
            InputError: The table holds fewer than two classes.
        """
        counts = table["label"].value_counts().to_dict()
        if len(counts) < 2:
            raise InputError(
                f"the training table holds {len(table)} particles of {len(counts)} class(es) {list(counts)}; a "
                "forest needs two or more classes: add specimens, or let the network train longer"
            )
        features = tuple(name for name in feature_names(table) if table[name].notna().any())
        inputs = table[list(features)].to_numpy(dtype=float)
        with warnings.catch_warnings():  # with class weights, some particles are drawn by every tree
            warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
            warnings.filterwarnings("ignore", "invalid value encountered in divide")
            return cls(clone(classifier).fit(inputs, table["label"].to_numpy()), features)

    def probabilities(self, table: pd.DataFrame) -> pd.DataFrame:
        """Probability of each of `CLASSES`, one row per particle; 0 for a class that did not occur in training.

        Raises:
            InputError: The table lacks a feature that the forest reads.
        """
        result = pd.DataFrame(0.0, index=table.index, columns=list(CLASSES))
        if not len(table):
            return result
        if missing := [name for name in self.features if name not in table.columns]:
            raise InputError(
                f"the forest reads {len(missing)} features that these particles do not have, {missing[0]} for one; it "
                "was trained on another feature set: give the one that its training names, features=..."
            )
        inputs = table[list(self.features)].to_numpy(dtype=float)
        result[list(self.classifier.classes_)] = self.classifier.predict_proba(inputs)
        return self.calibration(result)

    def classes(self, probabilities: pd.DataFrame) -> pd.Series:
        """Class of each row by `decide`, `uncertain` where its probability is below `confidence_threshold`."""
        decided = decide(probabilities, self.costs)
        return decided["class"].astype(object).where(decided["confidence"] >= self.confidence_threshold, UNCERTAIN)

    @property
    def oob_accuracy(self) -> float:
        """Out-of-bag accuracy: that of the trees that did not draw a particle; `nan` where it was not computed.

        It is too high, because those trees drew other views of the particle's specimen. The cross-validated accuracy is
        not.
        """
        return float(getattr(self.classifier, "oob_score_", float("nan")))

    def save(self, folder: str | Path) -> None:
        """Write the classifier (skops, no pickle) and the settings (JSON)."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / FOREST) as unfinished:
            skops.io.dump(self.classifier, unfinished, compression=ZIP_DEFLATED, compresslevel=9)
        settings = {
            "features": self.features,
            "costs": dict(self.costs),
            "confidence_threshold": self.confidence_threshold,
            "calibration": dict(self.calibration.knots),
        }
        write_text(folder / SETTINGS, json.dumps(settings, indent=1))

    @classmethod
    def load_if_present(cls, folder: str | Path) -> Self | None:
        """Read what `save` wrote.

        Returns:
            The forest, or None where the folder holds none.

        Raises:
            InputError: The file needs types that a forest does not, or is damaged.
        """
        path = Path(folder) / FOREST
        if not path.is_file():
            return None
        try:
            untrusted = set(skops.io.get_untrusted_types(file=path)) - TRUSTED
            if not untrusted:
                return cls(skops.io.load(path, trusted=sorted(TRUSTED)), **_read_settings(Path(folder) / SETTINGS))
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{folder}: the forest cannot be read ({reason}); train again or copy it whole") from error
        raise InputError(f"{path} holds {sorted(untrusted)}, which no forest of ours does; it was not loaded")


def _read_settings(path: Path) -> dict[str, Any]:
    """Arguments of `Forest` besides the classifier; older files call the confidence threshold `least_confidence`."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    threshold = settings["confidence_threshold" if "confidence_threshold" in settings else "least_confidence"]
    curves = {name: (tuple(x), tuple(y)) for name, (x, y) in settings["calibration"].items()}
    return {
        "features": tuple(settings["features"]),
        "calibration": ProbabilityCalibration(curves),
        "costs": {name: float(cost) for name, cost in settings.get("costs", {}).items()},
        "confidence_threshold": float(threshold),
    }
