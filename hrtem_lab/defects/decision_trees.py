"""A fitted forest as plain arrays: its probabilities, and its file, without scikit-learn.

scikit-learn takes seconds to import and reads no file of another version for certain. Arrays take milliseconds, and
stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from hrtem_lab.atomic_write import atomic_write

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier

Indices = npt.NDArray[np.int32]
ROWS_AT_ONCE = 1024
"""Number of particles whose ways through all trees are followed together, which bounds the memory."""


@dataclass(frozen=True)
class DecisionTrees:
    """Decision trees, whose nodes are numbered through from the first tree to the last.

    Attributes:
        classes_: Names of the classes, (classes,); named as in scikit-learn.
        roots: Node at which each tree starts, (trees,).
        feature: Feature that a node asks for, (nodes,).
        threshold: A value up to this goes to the left, (nodes,).
        missing_left: Whether a value that is `nan` goes to the left, (nodes,).
        left: Next node to the left, (nodes,); a leaf is its own.
        right: Next node to the right, (nodes,); a leaf is its own.
        probability: Probability of each class in a node, (nodes, classes); 0 where it is no leaf.
    """

    classes_: npt.NDArray[np.str_]
    roots: Indices
    feature: Indices
    threshold: npt.NDArray[np.float64]
    missing_left: npt.NDArray[np.bool_]
    left: Indices
    right: Indices
    probability: npt.NDArray[np.float64]

    @classmethod
    def from_fitted(cls, trees: Sequence[DecisionTreeClassifier], classes: Sequence[str]) -> Self:
        """Take over the fitted trees of scikit-learn, such as `RandomForestClassifier.estimators_`."""
        parts = [tree.tree_ for tree in trees]
        roots = np.cumsum([0, *(part.node_count for part in parts[:-1])])
        left, right = (np.concatenate([getattr(p, f"children_{side}") for p in parts]) for side in ("left", "right"))
        is_leaf = left < 0
        shift, itself = np.repeat(roots, [part.node_count for part in parts]), np.arange(len(left))
        probability = np.concatenate([part.value[:, 0] for part in parts])
        return cls(
            classes_=np.array(classes, dtype=str),
            roots=roots.astype(np.int32),
            feature=np.concatenate([part.feature for part in parts]).clip(0).astype(np.int32),
            threshold=np.concatenate([part.threshold for part in parts]),
            missing_left=np.concatenate([part.missing_go_to_left for part in parts]).astype(bool),
            left=np.where(is_leaf, itself, left + shift).astype(np.int32),
            right=np.where(is_leaf, itself, right + shift).astype(np.int32),
            probability=np.where(is_leaf[:, None], probability, 0),
        )

    def predict_proba(self, inputs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Mean of the trees' probabilities, (n, classes), of particles with the features `inputs`, (n, features)."""
        values = inputs.astype(np.float32)  # in which scikit-learn grows its trees
        parts = [values[start : start + ROWS_AT_ONCE] for start in range(0, len(values), ROWS_AT_ONCE)]
        return np.concatenate([self.probability[self._leaves(part)].mean(axis=1) for part in parts])

    def _leaves(self, values: npt.NDArray[np.float32]) -> Indices:
        """Leaf that each particle ends in, (n, trees)."""
        node = np.tile(self.roots, (len(values), 1))
        while True:
            value = np.take_along_axis(values, self.feature[node], axis=1)
            goes_left = np.where(np.isnan(value), self.missing_left[node], value <= self.threshold[node])
            following = np.where(goes_left, self.left[node], self.right[node])
            if np.array_equal(following, node):
                return node
            node = following

    def save(self, file: Path) -> None:
        """Write the arrays as a compressed NumPy archive, which cannot run code."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        with atomic_write(file) as unfinished, unfinished.open("wb") as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError, KeyError, OSError, zipfile.BadZipFile: It is no such file.
        """
        with np.load(file, allow_pickle=False) as arrays:
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})
