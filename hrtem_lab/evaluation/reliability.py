"""Reliability of probabilities: whether 70 % of the predictions with a probability of 0.7 are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hrtem_lab.evaluation.counts import divide
from hrtem_lab.micrograph import InputError

BINS = 15


def reliability_counts(probability: npt.NDArray[Any], truth: npt.NDArray[Any], bins: int = BINS) -> pd.DataFrame:
    """Count predictions, such as pixels, by their probability.

    Counts of several micrographs add up: `sum(counts)` of their tables is the table of all of them.

    Args:
        probability: Predicted probabilities, any shape, from 0 to 1.
        truth: Outcomes, of the same shape, non-zero = positive.
        bins: Number of equal bins from 0 to 1; a value on a border belongs to the upper one.

    Returns:
        One row per bin, numbered from 0: `count`, the number of predictions; `positives`, the number of those that are
        positive; `probability`, the sum of their probabilities.

    Raises:
        InputError: The shapes differ, or a probability is outside 0 to 1.
    """
    if probability.shape != truth.shape:
        raise InputError(f"the probability has shape {probability.shape}, the truth {truth.shape}; expected the same")
    predicted = probability.astype(np.float64).ravel()
    if not ((predicted >= 0) & (predicted <= 1)).all():
        raise InputError(f"probabilities reach from {predicted.min()} to {predicted.max()}; expected 0 to 1")
    number = np.minimum((predicted * bins).astype(np.intp), bins - 1)
    true = truth.ravel().astype(bool)
    counts = {
        "count": np.bincount(number, minlength=bins),
        "positives": np.bincount(number[true], minlength=bins),
        "probability": np.bincount(number, weights=predicted, minlength=bins),
    }
    return pd.DataFrame(counts, index=pd.RangeIndex(bins, name="bin"))


def ece(counts: pd.DataFrame) -> float:
    """Expected calibration error: mean over predictions of |fraction of positives - mean probability| of their bin.

    Naeini, Cooper and Hauskrecht, AAAI 2015; `nan` without a prediction. Most pixels of a micrograph are confidently
    background, which makes the error small: look at the bins, too.

    Args:
        counts: Table of `reliability_counts`.
    """
    return float(divide((counts["positives"] - counts["probability"]).abs().sum(), counts["count"].sum()))


def risk_coverage(confidence: npt.NDArray[Any], wrong: npt.NDArray[Any]) -> pd.DataFrame:
    """Error rate among the most confident answers, for every number of them (El-Yaniv and Wiener, JMLR 11, 1605).

    Args:
        confidence: Confidence of each answer, (n,).
        wrong: Whether each answer is wrong, (n,).

    Returns:
        A row per confidence that occurs, in falling order: `confidence`, `coverage` (fraction of answers with at least
        this confidence) and `risk` (fraction of wrong ones among them).
    """
    order = np.argsort(-confidence, kind="stable")
    covered = np.arange(1, len(order) + 1)
    rows = pd.DataFrame(
        {
            "confidence": confidence[order],
            "coverage": covered / max(len(order), 1),
            "risk": np.cumsum(wrong[order].astype(float)) / covered,
        }
    )
    return rows.drop_duplicates("confidence", keep="last", ignore_index=True)


def aurc(curve: pd.DataFrame) -> float:
    """Area under the risk over the coverage (Geifman and El-Yaniv, ICLR 2019); `nan` without an answer.

    It is as large as the risk at full coverage where the confidence says nothing, and near 0 where the wrong answers
    are the least confident ones.

    Args:
        curve: Table of `risk_coverage`.
    """
    if curve.empty:
        return float("nan")
    return float((curve["risk"] * curve["coverage"].diff().fillna(curve["coverage"])).sum())


def brier(probability: npt.NDArray[Any], truth: npt.NDArray[Any]) -> float:
    """Mean squared difference between probabilities and outcomes (Brier 1950, Mon. Weather Rev. 78, 1); 0 is perfect.

    Args:
        probability: Predicted probabilities, any shape, from 0 to 1.
        truth: Outcomes, of the same shape, non-zero = positive; `nan` without one.
    """
    squares = (probability.astype(np.float64) - truth.astype(bool)) ** 2
    return float(divide(squares.sum(), squares.size))
