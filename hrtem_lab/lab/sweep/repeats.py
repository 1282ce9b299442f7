"""Settings that were tried under several seeds: which of them differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_lab.lab.sweep.finals import interval

SEED = "seed"


def repeated(trials: pd.DataFrame, goal: str, settings: Sequence[str], maximize: bool = True) -> pd.DataFrame:
    """One row per settings that were tried under more than one seed, the best mean first.

    Args:
        trials: One row per trial, with `state` and a column for the goal, the seed and each of the settings.
        goal: Whose values are compared.
        settings: Columns that say what was tried, without the seed.
        maximize: Whether high values are good.

    Returns:
        The settings; `seeds`, their number; `mean` of the goal with `low` and `high`; `behind`, the mean of the best
        settings less their own over the seeds that both have, with `behind_low` and `behind_high`. Intervals are
        Student's over seeds, 95 %, of each row alone; `nan` with fewer than two seeds.
    """
    if SEED not in trials or not settings:
        return pd.DataFrame()
    ended = trials[trials["state"] == "complete"]
    values = ended.pivot_table(goal, list(settings), SEED, dropna=False, observed=True)
    values = values[values.count(axis=1) > 1]
    values = values.loc[values.mean(axis=1).sort_values(ascending=not maximize).index]
    rows = []
    for _, row in values.iterrows():
        behind = (values.iloc[0] - row).dropna().to_numpy()
        low, high = interval(row.dropna().to_numpy())
        behind_low, behind_high = interval(behind)
        rows.append(
            {
                "seeds": row.count(),
                "mean": row.mean(),
                "low": low,
                "high": high,
                "behind": behind.mean() if len(behind) else np.nan,
                "behind_low": behind_low,
                "behind_high": behind_high,
            }
        )
    return pd.DataFrame(rows, index=values.index).reset_index()


def draw(trials: pd.DataFrame, goal: str, found: pd.DataFrame, settings: Sequence[str]) -> Figure:
    """A line per settings, as `repeated` found them: a ring per seed, and the mean with its interval."""
    figure, axes = plt.subplots(figsize=(8, 1 + 0.4 * len(found)), layout="constrained")
    label = lambda row: ", ".join(map(str, row))  # noqa: E731
    tried = trials[list(settings)].apply(label, axis=1)
    names = [label(row) for row in found[list(settings)].to_numpy()]
    for place, (name, row) in enumerate(zip(names, found.to_dict("records"), strict=True)):
        values = trials.loc[(tried == name) & (trials["state"] == "complete"), goal]
        axes.plot([row["low"], row["high"]], [place, place], color="C0")
        axes.plot(row["mean"], place, "o", color="C0")
        axes.plot(values, np.full(len(values), place), "o", mfc="none", color="C1")
    axes.set_yticks(range(len(found)), names)
    axes.invert_yaxis()
    axes.set_xlabel(goal)
    axes.set_title("Mean with its 95 % interval, and each seed")
    axes.grid(axis="x", alpha=0.3)
    return figure
