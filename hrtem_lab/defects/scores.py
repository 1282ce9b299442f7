"""Scores of a classification: counts first, then ratios and their intervals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from hrtem_lab.defects.curves import reliability, risk_coverage
from hrtem_lab.defects.decision import FAULT, Costs, class_indices, predict_indices
from hrtem_lab.evaluation import aurc, bootstrap_interval, ece, wilson_interval
from hrtem_lab.evaluation.counts import divide
from hrtem_lab.micrograph import CLASSES

HEADLINES = ("accuracy", "balanced_accuracy", "macro_f1", "fault_f1")
"""Scores that get a bootstrap interval over specimens."""
SCORE_METRICS = (
    *("particles", *HEADLINES, "majority_accuracy", "ece", "brier", "aurc", "fault_roc_auc", "fault_average_precision"),
    *(f"{name}_{rate}{end}" for name in CLASSES for rate in ("precision", "recall") for end in ("", "_low", "_high")),
    *("accuracy_low", "accuracy_high"),
)
"""Names of what `score` returns without groups."""


def score(
    labels: pd.Series,
    probabilities: pd.DataFrame,
    groups: pd.Series | None = None,
    costs: Costs | None = None,
) -> dict[str, float]:
    """Score a classification as a whole and class by class.

    Args:
        labels: True classes, (n,).
        probabilities: Probabilities of `CLASSES`, (n, classes).
        groups: Specimens, over which `HEADLINES` get a 95 % bootstrap interval; without them the accuracy alone gets an
            interval, that of Wilson.
        costs: Costs of missing a class, see `decide`.

    Returns:
        `accuracy`, `balanced_accuracy` and `macro_f1` over the classes that occur, `fault_f1`; `majority_accuracy`,
        that of always predicting the most common class; `_precision` and `_recall` of every class with Wilson
        intervals, which treat particles as independent; `fault_roc_auc`, `fault_average_precision`; `ece` of the
        predicted class, `brier` (see `brier_of_classes`) and `aurc`, the area under its risk over the coverage.
        Undefined ratios are `nan`.
    """
    counts = confusion(labels, probabilities, costs).to_numpy()
    true = counts.sum(axis=1)
    result = {
        "particles": len(labels),
        **dict(zip(HEADLINES, _headlines(counts), strict=True)),
        "majority_accuracy": divide(true.max(), len(labels)),
        "ece": ece(reliability(labels, probabilities, costs)),
        "brier": brier_of_classes(labels, probabilities),
        "aurc": aurc(risk_coverage(labels, probabilities, costs)),
        **_score_ranking(labels, probabilities),
        **_score_classes(counts),
    }
    if groups is None:
        result["accuracy_low"], result["accuracy_high"] = wilson_interval(int(np.trace(counts)), len(labels))
    else:
        pairs = np.column_stack([class_indices(labels), predict_indices(probabilities, costs)])
        bounds = bootstrap_interval(lambda rows: _headlines(_count_pairs(rows)), pairs, groups=groups.to_numpy())
        lows, highs = (np.broadcast_to(bound, len(HEADLINES)) for bound in bounds)  # a single nan without particles
        for name, low, high in zip(HEADLINES, lows, highs, strict=True):
            result[f"{name}_low"], result[f"{name}_high"] = low, high
    return {name: float(value) for name, value in result.items()}


def brier_of_classes(labels: pd.Series, probabilities: pd.DataFrame) -> float:
    """Mean over particles of the squared distance of all probabilities from the truth (Brier 1950): 0 to 2.

    Args:
        labels: True classes, (n,).
        probabilities: Probabilities of `CLASSES`, (n, classes).
    """
    truth = np.eye(len(CLASSES))[class_indices(labels)]
    squares = (probabilities[list(CLASSES)].to_numpy(dtype=float) - truth) ** 2
    return float(divide(squares.sum(), len(labels)))


def confusion(labels: pd.Series, probabilities: pd.DataFrame, costs: Costs | None = None) -> pd.DataFrame:
    """Confusion matrix: counts by true class (rows) and predicted class (columns), in the order of `CLASSES`."""
    counts = _count_pairs(np.column_stack([class_indices(labels), predict_indices(probabilities, costs)]))
    return pd.DataFrame(counts, index=pd.Index(CLASSES, name="true"), columns=pd.Index(CLASSES, name="predicted"))


def _headlines(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """`HEADLINES` of a confusion matrix, (4,)."""
    correct, true, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    recall, f1 = divide(correct, true), divide(2 * correct, true + predicted)
    present = true > 0
    return np.array(
        [
            divide(correct.sum(), true.sum()),
            divide(recall[present].sum(), present.sum()),
            divide(f1[present].sum(), present.sum()),
            f1[CLASSES.index(FAULT)],
        ]
    )


def _score_classes(counts: npt.NDArray[np.int64]) -> dict[str, float]:
    """Precision and recall of every class with Wilson intervals, from a confusion matrix."""
    result: dict[str, float] = {}
    for name, correct, true, predicted in zip(
        CLASSES, np.diag(counts), counts.sum(axis=1), counts.sum(axis=0), strict=True
    ):
        for ratio, trials in (("precision", predicted), ("recall", true)):
            result[f"{name}_{ratio}"] = float(divide(correct, trials))
            low, high = wilson_interval(int(correct), int(trials))
            result[f"{name}_{ratio}_low"], result[f"{name}_{ratio}_high"] = low, high
    return result


def _score_ranking(labels: pd.Series, probabilities: pd.DataFrame) -> dict[str, float]:
    """Scores of the probability of a fault, over all thresholds."""
    is_fault = (labels == FAULT).to_numpy()
    if is_fault.all() or not is_fault.any():
        return {"fault_roc_auc": np.nan, "fault_average_precision": np.nan}
    from sklearn.metrics import average_precision_score, roc_auc_score

    probability = probabilities[FAULT].to_numpy()
    return {
        "fault_roc_auc": float(roc_auc_score(is_fault, probability)),
        "fault_average_precision": float(average_precision_score(is_fault, probability)),
    }


def _count_pairs(pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Confusion matrix of rows (true, predicted)."""
    size = len(CLASSES)
    counts: npt.NDArray[np.int64] = np.bincount(pairs[:, 0] * size + pairs[:, 1], minlength=size**2).reshape(size, size)
    return counts
