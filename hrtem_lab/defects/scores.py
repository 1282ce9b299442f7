"""How good a classification is: counts first, then ratios, curves, and what it does not answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from hrtem_lab.evaluation import bootstrap_interval, ece, reliability_counts, wilson_interval
from hrtem_lab.evaluation.counts import divide
from hrtem_lab.micrograph import CLASSES, ParticleClass

FAULT = ParticleClass.FAULT.value
HEADLINES = ("accuracy", "balanced_accuracy", "macro_f1", "fault_f1")

Costs = Mapping[str, float]


def decide(probabilities: pd.DataFrame, costs: Costs | None = None) -> pd.DataFrame:
    """The class that is named, for which probability times cost is largest (Elkan 2001, Proc. IJCAI 17, 973).

    Args:
        probabilities: Given to `CLASSES`, (n, classes).
        costs: Class -> what it costs to miss one, relative to the others; 1 where it is not given, so that without any
            the likeliest class is named.

    Returns:
        Indexed as the probabilities: `class`, and `confidence`, its probability.
    """
    named = _named(probabilities, costs)
    given = probabilities[list(CLASSES)].to_numpy(dtype=float)
    confidence = np.take_along_axis(given, named[:, None], axis=1)[:, 0]
    return pd.DataFrame({"class": np.array(CLASSES)[named], "confidence": confidence}, index=probabilities.index)


def score(
    labels: pd.Series,
    probabilities: pd.DataFrame,
    groups: pd.Series | None = None,
    costs: Costs | None = None,
) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro F1, and every class against the rest.

    Args:
        labels: True classes, (n,).
        probabilities: Given to `CLASSES`, (n, classes).
        groups: Specimens, over which the first four below get a 95 % bootstrap interval; without them every particle is
            its own, and that of the accuracy is Wilson's.
        costs: See `decide`.

    Returns:
        `accuracy`, `balanced_accuracy` and `macro_f1` over the classes that occur, `fault_f1`; `majority_accuracy`; of
        every class `_precision` and `_recall` with Wilson intervals, which take particles for independent;
        `fault_roc_auc`, `fault_average_precision`; `ece` of the class that is named. Undefined ratios are `nan`.
    """
    counts = confusion(labels, probabilities, costs).to_numpy()
    right, true, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    result = {
        "particles": len(labels),
        **dict(zip(HEADLINES, _headlines(counts), strict=True)),
        "majority_accuracy": divide(true.max(), len(labels)),
        "ece": confidence_error(reliability(labels, probabilities, costs)),
        **_against_the_rest(labels, probabilities),
    }
    for name, hits, relevant, found in zip(CLASSES, right, true, said, strict=True):
        for ratio, trials in (("precision", found), ("recall", relevant)):
            result[f"{name}_{ratio}"] = divide(hits, trials)
            low, high = wilson_interval(int(hits), int(trials))
            result[f"{name}_{ratio}_low"], result[f"{name}_{ratio}_high"] = low, high
    if groups is None:
        result["accuracy_low"], result["accuracy_high"] = wilson_interval(int(right.sum()), len(labels))
    else:
        pairs = np.column_stack([codes(labels), _named(probabilities, costs)])
        bounds = bootstrap_interval(lambda rows: _headlines(_counted(rows)), pairs, groups=groups.to_numpy())
        lows, highs = (np.broadcast_to(bound, len(HEADLINES)) for bound in bounds)  # a single nan without particles
        for i, name in enumerate(HEADLINES):
            result[f"{name}_low"], result[f"{name}_high"] = lows[i], highs[i]
    return {name: float(value) for name, value in result.items()}


def confusion(labels: pd.Series, probabilities: pd.DataFrame, costs: Costs | None = None) -> pd.DataFrame:
    """Counts, rows: true class, columns: predicted class, both in the order of `CLASSES`."""
    counts = _counted(np.column_stack([codes(labels), _named(probabilities, costs)]))
    return pd.DataFrame(counts, index=pd.Index(CLASSES, name="true"), columns=pd.Index(CLASSES, name="predicted"))


def fault_curves(labels: pd.Series, probabilities: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Fault against the rest at every threshold.

    Returns:
        `roc` with `false_positive_rate` and `recall`, `precision_recall` with `recall` and `precision`; both without
        rows where one of the two does not occur.
    """
    true, given = (labels == FAULT).to_numpy(), probabilities[FAULT].to_numpy()
    if true.all() or not true.any():
        return {
            "roc": pd.DataFrame(columns=["false_positive_rate", "recall"], dtype=float),
            "precision_recall": pd.DataFrame(columns=["recall", "precision"], dtype=float),
        }
    false_positive_rate, recall, _ = roc_curve(true, given)
    precision, found, _ = precision_recall_curve(true, given)
    return {
        "roc": pd.DataFrame({"false_positive_rate": false_positive_rate, "recall": recall}),
        "precision_recall": pd.DataFrame({"recall": found, "precision": precision}),
    }


def reliability(
    labels: pd.Series, probabilities: pd.DataFrame, costs: Costs | None = None, bins: int = 15
) -> pd.DataFrame:
    """Particles counted by the probability of the class they are called, and how often that was right.

    Returns:
        As from `hrtem_lab.evaluation.reliability_counts`, with particles in the place of pixels: a row per bin with
        `particles`, `right` and `probability`, the sum of what they were given.
    """
    right = _named(probabilities, costs) == codes(labels)
    counts = reliability_counts(np.clip(decide(probabilities, costs)["confidence"].to_numpy(), 0, 1), right, bins)
    return counts.rename(columns={"pixels": "particles", "particle": "right"})


def confidence_error(counts: pd.DataFrame) -> float:
    """Expected calibration error of the counts of `reliability`."""
    return ece(counts.rename(columns={"particles": "pixels", "right": "particle"}))


def risk_coverage(labels: pd.Series, probabilities: pd.DataFrame, costs: Costs | None = None) -> pd.DataFrame:
    """What is wrong among the surest particles, for every number of them (El-Yaniv and Wiener 2010, JMLR 11, 1605).

    Returns:
        A row per confidence that occurs, falling: `confidence`, `coverage` (share of particles that are at least as
        sure) and `risk` (share of wrong ones among them).
    """
    confidence = decide(probabilities, costs)["confidence"].to_numpy()
    wrong = (_named(probabilities, costs) != codes(labels)).astype(float)
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    rows = pd.DataFrame(
        {
            "confidence": confidence[order],
            "coverage": answered / max(len(order), 1),
            "risk": np.cumsum(wrong[order]) / answered,
        }
    )
    return rows.drop_duplicates("confidence", keep="last", ignore_index=True)


def least_confidence(
    labels: pd.Series, probabilities: pd.DataFrame, accuracy: float, costs: Costs | None = None
) -> float:
    """The confidence from which on an answer is given, so that the answers reach an accuracy and are as many as may be.

    Args:
        labels: True classes of particles held out, (n,).
        probabilities: Given to `CLASSES`, (n, classes).
        accuracy: Wanted among the answers.
        costs: See `decide`.

    Returns:
        A probability; the highest that occurs where no threshold reaches the accuracy.
    """
    curve = risk_coverage(labels, probabilities, costs)
    if curve.empty:
        return 0.0
    fine = curve[curve["risk"] <= 1 - accuracy + 1e-12]
    if fine.empty:
        return float(curve["confidence"].max())
    return 0.0 if fine["coverage"].iloc[-1] == 1 else float(fine["confidence"].iloc[-1])


def _headlines(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """`HEADLINES` of a confusion matrix, (4,)."""
    right, true, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    recall, f1 = divide(right, true), divide(2 * right, true + said)
    present = true > 0
    return np.array(
        [
            divide(right.sum(), true.sum()),
            divide(recall[present].sum(), present.sum()),
            divide(f1[present].sum(), present.sum()),
            f1[CLASSES.index(FAULT)],
        ]
    )


def _against_the_rest(labels: pd.Series, probabilities: pd.DataFrame) -> dict[str, float]:
    true = (labels == FAULT).to_numpy()
    if true.all() or not true.any():
        return {"fault_roc_auc": np.nan, "fault_average_precision": np.nan}
    given = probabilities[FAULT].to_numpy()
    return {
        "fault_roc_auc": float(roc_auc_score(true, given)),
        "fault_average_precision": float(average_precision_score(true, given)),
    }


def _counted(pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Confusion matrix of rows (true, predicted)."""
    size = len(CLASSES)
    counts: npt.NDArray[np.int64] = np.bincount(pairs[:, 0] * size + pairs[:, 1], minlength=size**2).reshape(size, size)
    return counts


def _named(probabilities: pd.DataFrame, costs: Costs | None) -> npt.NDArray[np.int64]:
    """Places in `CLASSES` of what is named."""
    weighted = probabilities[list(CLASSES)].to_numpy(dtype=float) * [(costs or {}).get(name, 1.0) for name in CLASSES]
    named: npt.NDArray[np.int64] = weighted.argmax(axis=1)
    return named


def codes(names: Iterable[str]) -> npt.NDArray[np.int64]:
    """Places in `CLASSES`."""
    return np.array([CLASSES.index(name) for name in names], dtype=np.int64)
