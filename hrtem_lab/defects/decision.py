"""The decision for a class, from probabilities and costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from hrtem_lab.micrograph import CLASSES, ParticleClass

FAULT = ParticleClass.FAULT.value

Costs = Mapping[str, float]
"""Class -> cost of missing a particle of it, relative to the others; 1 for a class that is missing."""


def decide(probabilities: pd.DataFrame, costs: Costs | None = None) -> pd.DataFrame:
    """Decide for the class with the largest product of probability and cost (Elkan 2001, Proc. IJCAI 17, 973).

    Args:
        probabilities: Probabilities of `CLASSES`, (n, classes).
        costs: Costs of missing a class; without any, the most probable class is taken.

    Returns:
        Indexed as the probabilities: `class`, and `confidence`, its probability.
    """
    predicted = predict_indices(probabilities, costs)
    values = probabilities[list(CLASSES)].to_numpy(dtype=float)
    confidence = np.take_along_axis(values, predicted[:, None], axis=1)[:, 0]
    return pd.DataFrame({"class": np.array(CLASSES)[predicted], "confidence": confidence}, index=probabilities.index)


def predict_indices(probabilities: pd.DataFrame, costs: Costs | None) -> npt.NDArray[np.int64]:
    """Indices in `CLASSES` of the classes that `decide` takes, (n,)."""
    weights = [(costs or {}).get(name, 1.0) for name in CLASSES]
    predicted: npt.NDArray[np.int64] = (probabilities[list(CLASSES)].to_numpy(dtype=float) * weights).argmax(axis=1)
    return predicted


def class_indices(names: Iterable[str]) -> npt.NDArray[np.int64]:
    """Indices of names in `CLASSES`, (n,)."""
    return np.array([CLASSES.index(name) for name in names], dtype=np.int64)
