"""Which kind of feature a forest lives on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from hrtem_lab.defects.forest import Forest
from hrtem_lab.defects.scores import score


def family_importance(
    forest: Forest, table: pd.DataFrame, families: Mapping[str, Iterable[str]], repeats: int = 5, seed: int = 0
) -> pd.DataFrame:
    """What the forest loses when a family of features is handed to other particles (Breiman 2001, Mach. Learn. 45, 5).

    Features of a family say much the same, so that one alone is hardly missed; a family is shuffled as one.

    Args:
        forest: Fitted.
        table: Particles that it did not see, as from `particle_table`.
        families: Name -> its features; those that the forest does not read are passed over.
        repeats: Shufflings of each family.
        seed: Of the shuffling.

    Returns:
        A row per family that the forest reads: `balanced_accuracy` and `fault_f1`, the mean loss in each, and `spread`,
        the standard deviation of the first over the repeats; the most important first.
    """
    rng = np.random.default_rng(seed)
    metrics = ["balanced_accuracy", "fault_f1"]

    def scored(particles: pd.DataFrame) -> pd.Series:
        return pd.Series(score(table["label"], forest.probabilities(particles), costs=forest.costs))[metrics]

    whole = scored(table)
    rows = {}
    for family, names in families.items():
        read = [name for name in names if name in forest.features]
        if not read or table.empty:
            continue
        losses = []
        for _ in range(repeats):
            shuffled = table.copy()
            shuffled[read] = table[read].to_numpy()[rng.permutation(len(table))]
            losses.append(whole - scored(shuffled))
        lost = pd.DataFrame(losses)
        rows[family] = {**lost.mean().to_dict(), "spread": lost["balanced_accuracy"].std(ddof=0)}
    found = pd.DataFrame.from_dict(rows, orient="index", columns=[*metrics, "spread"]).rename_axis("family")
    return found.sort_values("balanced_accuracy", ascending=False)
