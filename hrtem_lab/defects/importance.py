"""Importance of families of features for a forest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from hrtem_lab.defects.forest import Forest
from hrtem_lab.defects.scores import score

METRICS = ["balanced_accuracy", "fault_f1"]


def family_importance(
    forest: Forest, table: pd.DataFrame, families: Mapping[str, Iterable[str]], repeats: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Permutation importance of families of features (Breiman 2001, Mach. Learn. 45, 5).

    The features of a family are correlated, so that the loss of one alone has little effect; all features of a family
    are therefore permuted together.

    Args:
        forest: Fitted forest.
        table: Particles that it was not fitted to, as from `tabulate_particles`.
        families: Name -> its features; features that the forest does not read are ignored.
        repeats: Number of permutations of each family.
        seed: Seed of the permutations.

    Returns:
        A row per family that the forest reads, the most important first: `balanced_accuracy` and `fault_f1`, the mean
        losses of these metrics, and `spread`, the standard deviation of the first over the repeats.
    """
    rng = np.random.default_rng(seed)

    def metrics_of(particles: pd.DataFrame) -> pd.Series:
        return pd.Series(score(table["label"], forest.probabilities(particles), costs=forest.costs))[METRICS]

    unpermuted = metrics_of(table)
    rows = {}
    for family, names in families.items():
        columns = [name for name in names if name in forest.features]
        if not columns or table.empty:
            continue
        losses = []
        for _ in range(repeats):
            permuted = table.copy()
            permuted[columns] = table[columns].to_numpy()[rng.permutation(len(table))]
            losses.append(unpermuted - metrics_of(permuted))
        loss = pd.DataFrame(losses)
        rows[family] = {**loss.mean().to_dict(), "spread": loss["balanced_accuracy"].std(ddof=0)}
    importance = pd.DataFrame.from_dict(rows, orient="index", columns=[*METRICS, "spread"]).rename_axis("family")
    return importance.sort_values("balanced_accuracy", ascending=False)
