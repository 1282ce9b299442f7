"""Curves of a classification: thresholds for a fault, reliability of probabilities, and risk against coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hrtem_lab import evaluation
from hrtem_lab.defects.decision import FAULT, Costs, class_indices, decide, predict_indices


def fault_curves(labels: pd.Series, probabilities: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Curves of the class fault against all others, over all thresholds of its probability.

    Args:
        labels: True classes, (n,).
        probabilities: Probabilities of `CLASSES`, (n, classes).

    Returns:
        `roc` with `false_positive_rate` and `recall`, and `precision_recall` with `recall` and `precision`; both
        without rows where all or none of the particles are faults.
    """
    is_fault, probability = (labels == FAULT).to_numpy(), probabilities[FAULT].to_numpy()
    if is_fault.all() or not is_fault.any():
        return {
            "roc": pd.DataFrame(columns=["false_positive_rate", "recall"], dtype=float),
            "precision_recall": pd.DataFrame(columns=["recall", "precision"], dtype=float),
        }
    from sklearn.metrics import precision_recall_curve, roc_curve

    false_positive_rate, roc_recall, _ = roc_curve(is_fault, probability)
    precision, recall, _ = precision_recall_curve(is_fault, probability)
    return {
        "roc": pd.DataFrame({"false_positive_rate": false_positive_rate, "recall": roc_recall}),
        "precision_recall": pd.DataFrame({"recall": recall, "precision": precision}),
    }


def reliability(
    labels: pd.Series, probabilities: pd.DataFrame, costs: Costs | None = None, bins: int = 15
) -> pd.DataFrame:
    """Count particles, and correctly classified ones, by the probability of their predicted class.

    Args:
        labels: True classes, (n,).
        probabilities: Probabilities of `CLASSES`, (n, classes).
        costs: Costs of missing a class, see `decide`.
        bins: Number of equal bins from 0 to 1.

    Returns:
        As from `hrtem_lab.evaluation.reliability_counts`; `positives` are correctly classified particles.
    """
    correct = predict_indices(probabilities, costs) == class_indices(labels)
    confidence = np.clip(decide(probabilities, costs)["confidence"].to_numpy(), 0, 1)
    return evaluation.reliability_counts(confidence, correct, bins)


def risk_coverage(labels: pd.Series, probabilities: pd.DataFrame, costs: Costs | None = None) -> pd.DataFrame:
    """Error rate among the most confidently classified particles, for every number of them.

    Args:
        labels: True classes, (n,).
        probabilities: Probabilities of `CLASSES`, (n, classes).
        costs: Costs of missing a class, see `decide`.

    Returns:
        As from `hrtem_lab.evaluation.risk_coverage`; the answers are classes.
    """
    confidence = decide(probabilities, costs)["confidence"].to_numpy()
    return evaluation.risk_coverage(confidence, predict_indices(probabilities, costs) != class_indices(labels))


def choose_confidence_threshold(
    labels: pd.Series, probabilities: pd.DataFrame, target_accuracy: float, costs: Costs | None = None
) -> float:
    """Confidence threshold at which accepted predictions reach the target accuracy with maximum coverage.

    Args:
        labels: True classes of particles that are held out, (n,).
        probabilities: Probabilities of `CLASSES`, (n, classes).
        target_accuracy: Accuracy to reach among accepted predictions.
        costs: Costs of missing a class, see `decide`.

    Returns:
        A probability: 0 where all predictions together reach the accuracy, and the highest confidence that occurs
        where no threshold reaches it.
    """
    curve = risk_coverage(labels, probabilities, costs)
    if curve.empty:
        return 0.0
    accurate = curve[curve["risk"] <= 1 - target_accuracy + 1e-12]
    if accurate.empty:
        return float(curve["confidence"].max())
    return 0.0 if accurate["coverage"].iloc[-1] == 1 else float(accurate["confidence"].iloc[-1])
