"""Cross-validation in which all particles of a specimen are in one fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from hrtem_lab.defects.decision import class_indices
from hrtem_lab.micrograph import CLASSES, InputError


class FittedClassifier(Protocol):
    """The part of a fitted classifier that cross-validation uses."""

    def probabilities(self, table: pd.DataFrame) -> pd.DataFrame:
        """Probabilities of `CLASSES`, one row per particle."""


def cross_validate(
    fit: Callable[[pd.DataFrame], FittedClassifier], table: pd.DataFrame, folds: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Probabilities of every particle by a classifier that was fitted without its specimen.

    With `ForestTrainer.fit` the cross-validation is nested: the trainer's choices are made anew in each fold, without
    the specimens that are held out.

    Args:
        fit: Fits a classifier to a table.
        table: Particles with `group` (specimen) and `label`.
        folds: Largest number of folds; there are fewer for fewer specimens.
        seed: Seed of the folds.

    Returns:
        (particles, classes), indexed as the table.

    Raises:
        InputError: The particles are of fewer than two specimens.
    """
    probabilities = pd.DataFrame(np.nan, index=table.index, columns=list(CLASSES))
    for train, held_out in _split_groups(table, folds, seed):
        predicted = fit(table.iloc[train]).probabilities(table.iloc[held_out])
        probabilities.iloc[held_out] = predicted.to_numpy()
    return probabilities


def _split_groups(
    table: pd.DataFrame, folds: int, seed: int
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yield the row numbers to train on and to hold out, of each fold."""
    from sklearn.model_selection import StratifiedGroupKFold

    groups = table["group"].to_numpy()
    folds = min(folds, len(np.unique(groups)))
    if folds < 2:
        raise InputError(f"cross-validation needs particles from two or more specimens, there are {folds}")
    classes = class_indices(table["label"])
    # a class with fewer members than folds cannot be in each: for the folds it counts as the most common class
    counts = np.bincount(classes)
    classes = np.where(counts[classes] < folds, counts.argmax(), classes)
    yield from StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(classes, classes, groups)
