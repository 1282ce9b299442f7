"""The random forest: which particle holds a fault, and how sure we are."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from zipfile import ZIP_DEFLATED

import pandas as pd
import skops.io
from sklearn.base import ClassifierMixin, clone

from hrtem_lab.atomic_write import atomic_write, write_text
from hrtem_lab.defects.calibration import Calibration
from hrtem_lab.defects.scores import Costs, decide
from hrtem_lab.defects.table import feature_names
from hrtem_lab.micrograph import CLASSES, UNCERTAIN, InputError

FOREST, SETTINGS = "forest.skops", "forest.json"
TRUSTED = {"sklearn.tree._tree.Tree"}  # skops asks for it; it holds arrays of numbers and nothing else


@dataclass(frozen=True)
class Forest:
    """A fitted forest and the features that it reads.

    Attributes:
        classifier: Fitted; its classes are some of `CLASSES`.
        features: Names of its inputs, in order.
        calibration: What its probabilities go through.
        costs: What it costs to miss a class, see `decide`.
        least_confidence: Where the class that would be named has a lower probability, it is `uncertain`.
    """

    classifier: ClassifierMixin
    features: tuple[str, ...]
    calibration: Calibration = field(default_factory=Calibration)
    costs: Costs = field(default_factory=dict)
    least_confidence: float = 0.0

    @classmethod
    def fit(cls, classifier: ClassifierMixin, table: pd.DataFrame) -> Self:
        """Fit on a table of `particle_table`, uncalibrated; a feature that none of its particles has is not read.

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
        with warnings.catch_warnings():  # of a weighted class some particles are drawn by every tree
            warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
            warnings.filterwarnings("ignore", "invalid value encountered in divide")
            return cls(clone(classifier).fit(inputs, table["label"].to_numpy()), features)

    def probabilities(self, table: pd.DataFrame) -> pd.DataFrame:
        """Probability of each of `CLASSES`, one row per particle; a class that training never met has 0.

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
        """The class of each row as `decide` has it, `uncertain` where its probability is below `least_confidence`."""
        decided = decide(probabilities, self.costs)
        return decided["class"].astype(object).where(decided["confidence"] >= self.least_confidence, UNCERTAIN)

    @property
    def oob_accuracy(self) -> float:
        """Share of the training particles that the trees which did not draw them get right; `nan` without such.

        Too good: other views of a particle's specimen were drawn. The cross-validated accuracy is the honest one.
        """
        return float(getattr(self.classifier, "oob_score_", float("nan")))

    def save(self, folder: str | Path) -> None:
        """Write `forest.skops` (no pickle), and in JSON the features, the calibration and the least confidence."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / FOREST) as unfinished:
            skops.io.dump(self.classifier, unfinished, compression=ZIP_DEFLATED, compresslevel=9)
        settings = {
            "features": self.features,
            "costs": dict(self.costs),
            "least_confidence": self.least_confidence,
            "calibration": dict(self.calibration.knots),
        }
        write_text(folder / SETTINGS, json.dumps(settings, indent=1))

    @classmethod
    def load(cls, folder: str | Path) -> Self | None:
        """Read what `save` wrote; None where the folder holds no forest.

        Raises:
            InputError: The file asks for types that are not those of a forest, or is damaged.
        """
        path = Path(folder) / FOREST
        if not path.is_file():
            return None
        try:
            unknown = set(skops.io.get_untrusted_types(file=path)) - TRUSTED
            if not unknown:
                settings = json.loads((Path(folder) / SETTINGS).read_text(encoding="utf-8"))
                return cls(
                    skops.io.load(path, trusted=sorted(TRUSTED)),
                    tuple(settings["features"]),
                    Calibration({name: (tuple(x), tuple(y)) for name, (x, y) in settings["calibration"].items()}),
                    {name: float(cost) for name, cost in settings.get("costs", {}).items()},
                    float(settings["least_confidence"]),
                )
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{folder}: the forest cannot be read ({reason}); train again or copy it whole") from error
        raise InputError(f"{path} holds {sorted(unknown)}, which no forest of ours does; it was not loaded")
