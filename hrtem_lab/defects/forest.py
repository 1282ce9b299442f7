"""The random forest: which particle holds a fault, and how sure we are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import skops.io
from sklearn.base import ClassifierMixin, clone
from sklearn.model_selection import StratifiedGroupKFold

from hrtem_lab.evaluation import wilson_interval
from hrtem_lab.evaluation.counts import divide
from hrtem_lab.micrograph import CLASSES, InputError

FOREST, SETTINGS = "forest.skops", "forest.json"
TRUSTED = {"sklearn.tree._tree.Tree"}  # skops asks for it; it holds arrays of numbers and nothing else


@dataclass(frozen=True)
class Forest:
    """A fitted forest and the features that it reads.

    Attributes:
        classifier: Fitted; its classes are some of `CLASSES`.
        features: Names of its inputs, in order.
    """

    classifier: ClassifierMixin
    features: tuple[str, ...]

    @classmethod
    def fit(cls, classifier: ClassifierMixin, table: pd.DataFrame) -> Self:
        """Fit on a table of `hrtem_lab.defects.particle_table`.

        Raises:
            InputError: The table holds fewer than two classes.
        """
        counts = table["label"].value_counts().to_dict()
        if len(counts) < 2:
            raise InputError(
                f"the training table holds {len(table)} particles of {len(counts)} class(es) {list(counts)}; a "
                "forest needs two or more classes: add specimens, or let the network train longer"
            )
        features = tuple(c for c in table.columns if c not in ("label", "group"))
        return cls(clone(classifier).fit(table[list(features)].to_numpy(), table["label"].to_numpy()), features)

    def probabilities(self, table: pd.DataFrame) -> pd.DataFrame:
        """Probability of each of `CLASSES`, one row per particle; a class that training never met has 0."""
        result = pd.DataFrame(0.0, index=table.index, columns=list(CLASSES))
        if len(table):
            inputs = table.reindex(columns=list(self.features)).to_numpy(dtype=float)
            result[list(self.classifier.classes_)] = self.classifier.predict_proba(inputs)
        return result

    def save(self, folder: str | Path) -> None:
        """Write `forest.skops` (no pickle) and the names of the features."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        skops.io.dump(self.classifier, folder / FOREST)
        (folder / SETTINGS).write_text(json.dumps({"features": self.features}, indent=1), encoding="utf-8")

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
                return cls(skops.io.load(path, trusted=sorted(TRUSTED)), tuple(settings["features"]))
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{folder}: the forest cannot be read ({reason}); train again or copy it whole") from error
        raise InputError(f"{path} holds {sorted(unknown)}, which no forest of ours does; it was not loaded")


def cross_validate(classifier: ClassifierMixin, table: pd.DataFrame, folds: int = 5, seed: int = 0) -> pd.DataFrame:
    """Probabilities for every particle from a forest that saw no particle of its specimen.

    Args:
        classifier: Not fitted.
        table: With `group` (specimen) and `label`.
        folds: At most; fewer where there are fewer specimens.
        seed: Decides the folds.

    Returns:
        (particles, classes), indexed as the table.
    """
    groups = table["group"].to_numpy()
    folds = min(folds, len(np.unique(groups)))
    if folds < 2:
        raise InputError(f"cross-validation needs particles from two or more specimens, there are {folds}")
    result = pd.DataFrame(np.nan, index=table.index, columns=list(CLASSES))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    codes = _codes(table["label"])
    # a class with fewer members than folds cannot be in each: for the folds it counts as the commonest class
    numbers = np.bincount(codes)
    codes = np.where(numbers[codes] < folds, numbers.argmax(), codes)
    for train, held_out in splitter.split(np.zeros(len(codes)), codes, groups):
        forest = Forest.fit(classifier, table.iloc[train])
        result.iloc[held_out] = forest.probabilities(table.iloc[held_out]).to_numpy()
    return result


def score(labels: pd.Series, probabilities: pd.DataFrame) -> dict[str, float]:
    """Accuracy with its Wilson interval, balanced accuracy, macro F1 and the fault class against the rest.

    Undefined ratios are `nan`.
    """
    counts = confusion(labels, probabilities).to_numpy()
    right, true, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    precision, recall, f1 = divide(right, said), divide(right, true), divide(2 * right, true + said)
    low, high = wilson_interval(int(right.sum()), len(labels))
    present, fault = true > 0, CLASSES.index("fault")
    result = {
        "particles": len(labels),
        "accuracy": divide(right.sum(), len(labels)),
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": divide(recall[present].sum(), present.sum()),
        "macro_f1": divide(f1[present].sum(), present.sum()),
        "fault_precision": precision[fault],
        "fault_recall": recall[fault],
        "fault_f1": f1[fault],
        "majority_accuracy": divide(true.max(), len(labels)),
    }
    return {name: float(value) for name, value in result.items()}


def confusion(labels: pd.Series, probabilities: pd.DataFrame) -> pd.DataFrame:
    """Counts, rows: true class, columns: predicted class, both in the order of `CLASSES`."""
    guessed = probabilities.columns[probabilities.to_numpy().argmax(axis=1)]
    counts = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    np.add.at(counts, (_codes(labels), _codes(guessed)), 1)
    return pd.DataFrame(counts, index=pd.Index(CLASSES, name="true"), columns=pd.Index(CLASSES, name="predicted"))


def _codes(names: Iterable[str]) -> npt.NDArray[np.int64]:
    """Places in `CLASSES`."""
    return np.array([CLASSES.index(name) for name in names], dtype=np.int64)
