"""A fitted random forest: probabilities and classes of particles, and how it is saved."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zipfile import ZIP_DEFLATED

import pandas as pd

from hrtem_lab.atomic_write import atomic_write, write_text
from hrtem_lab.defects.decision import Costs, decide
from hrtem_lab.defects.decision_trees import DecisionTrees
from hrtem_lab.defects.probability_calibration import ProbabilityCalibration
from hrtem_lab.defects.table import feature_names
from hrtem_lab.evaluation.fault_share import BaseRates
from hrtem_lab.micrograph import CLASSES, UNCERTAIN, InputError
from hrtem_lab.plural import plural

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

SETTINGS = "forest.json"
TREES = "forest.npz"
"""File of a forest of trees."""
CLASSIFIER = "forest.skops"
"""File of any other classifier, and of a forest of an older version."""
FILES = (SETTINGS, TREES, CLASSIFIER)
"""Files of which some are in a folder with a forest."""
TRUSTED = {"sklearn.tree._tree.Tree"}  # skops asks for it; it holds arrays of numbers and nothing else


class TooFewClasses(InputError):
    """Particles to learn from that are all of one class."""


@dataclass(frozen=True)
class Forest:
    """A fitted forest.

    Attributes:
        classifier: Fitted classifier, or the trees of one; its classes are some of `CLASSES`.
        features: Names of the features that it reads, in order.
        calibration: Calibration of its probabilities.
        costs: Costs of missing a class, see `decide`.
        confidence_threshold: A particle whose class has a lower probability than this is `uncertain`.
        base_rates: How common faults are where it learned, by which a share of faults is corrected for its errors.
    """

    classifier: ClassifierMixin | DecisionTrees
    features: tuple[str, ...]
    calibration: ProbabilityCalibration = field(default_factory=ProbabilityCalibration)
    costs: Costs = field(default_factory=dict)
    confidence_threshold: float = 0.0
    base_rates: BaseRates | None = None

    @classmethod
    def fit(cls, classifier: ClassifierMixin, table: pd.DataFrame) -> Self:
        """Fit a classifier to a table of `tabulate_particles`, without calibration.

        Features that are `nan` for all particles are left out.

        Raises:
            TooFewClasses: The table holds fewer than two classes.
        """
        from sklearn.base import clone

        counts = table["label"].value_counts().to_dict()
        if len(counts) < 2:
            raise TooFewClasses(
                f"the training table holds {plural(len(table), 'particle')}, of the classes {list(counts)}; a forest "
                "needs two or more classes: add specimens, or let the network train longer"
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
        """Write the classifier and the settings (JSON): trees as arrays, any other by skops; no pickle."""
        folder = Path(folder)
        trees = _as_trees(self.classifier)
        if trees is not None:
            trees.save(folder / TREES)
        else:
            _write_classifier(self.classifier, folder / CLASSIFIER)
        (folder / (TREES if trees is None else CLASSIFIER)).unlink(missing_ok=True)  # that of an earlier forest
        settings = {
            "features": self.features,
            "costs": dict(self.costs),
            "confidence_threshold": self.confidence_threshold,
            "calibration": dict(self.calibration.knots),
            "base_rates": asdict(self.base_rates) if self.base_rates else None,
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
        folder = Path(folder)
        try:
            if (folder / TREES).is_file():
                classifier = DecisionTrees.load(folder / TREES)
            elif (folder / CLASSIFIER).is_file():
                classifier = _read_classifier(folder / CLASSIFIER)
            else:
                return None
            return cls(classifier, **_read_settings(folder / SETTINGS))
        except InputError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{folder}: the forest cannot be read ({reason}); train again or copy it whole") from error


def _as_trees(classifier: ClassifierMixin | DecisionTrees) -> DecisionTrees | None:
    """The trees of a forest by scikit-learn; None for a classifier of another kind."""
    if isinstance(classifier, DecisionTrees):
        return classifier
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    if not isinstance(classifier, RandomForestClassifier | ExtraTreesClassifier):
        return None
    return DecisionTrees.from_fitted(classifier.estimators_, classifier.classes_)


def _write_classifier(classifier: ClassifierMixin, file: Path) -> None:
    """Write a classifier of scikit-learn by skops."""
    import skops.io

    with atomic_write(file) as unfinished:
        skops.io.dump(classifier, unfinished, compression=ZIP_DEFLATED, compresslevel=9)


def _read_classifier(file: Path) -> ClassifierMixin:
    """Read a classifier by skops.

    Raises:
        InputError: The file needs types that a forest does not.
    """
    import skops.io  # takes five seconds

    untrusted = set(skops.io.get_untrusted_types(file=file)) - TRUSTED
    if untrusted:
        raise InputError(f"{file} holds {sorted(untrusted)}, which no forest of ours does; it was not loaded")
    return skops.io.load(file, trusted=sorted(TRUSTED))


def _read_settings(path: Path) -> dict[str, Any]:
    """Arguments of `Forest` besides the classifier; older files call the confidence threshold `least_confidence`."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    threshold = settings["confidence_threshold" if "confidence_threshold" in settings else "least_confidence"]
    curves = {name: (tuple(x), tuple(y)) for name, (x, y) in settings["calibration"].items()}
    rates = settings.get("base_rates")
    return {
        "features": tuple(settings["features"]),
        "calibration": ProbabilityCalibration(curves),
        "costs": {name: float(cost) for name, cost in settings.get("costs", {}).items()},
        "confidence_threshold": float(threshold),
        "base_rates": BaseRates(**rates) if rates else None,
    }
