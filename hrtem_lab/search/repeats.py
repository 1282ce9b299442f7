"""Settings that were tried under several seeds: which of them differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_lab.search.finals import interval

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
    # not pivot_table, which would make a row of every combination of the settings' values
    values = ended.groupby([*settings, SEED], dropna=False)[goal].mean().unstack(SEED)
    values = values[values.count(axis=1) > 1]
    # by place: an index of true and false would choose instead of order
    values = values.iloc[np.argsort(values.mean(axis=1).to_numpy() * (-1 if maximize else 1), kind="stable")]
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


def said(goal: str, found: pd.DataFrame) -> str:
    """The best settings that `repeated` found, in words."""
    best = found.iloc[0]
    settings = best[: found.columns.get_loc("seeds")]
    words = " ".join(f"{path}={'null' if pd.isna(value) else value}" for path, value in settings.items())
    return (
        f"{words}, {goal} {best['mean']:.4g} ({best['low']:.4g} to {best['high']:.4g}) over {int(best['seeds'])} seeds"
    )


def draw(trials: pd.DataFrame, goal: str, found: pd.DataFrame, settings: Sequence[str]) -> Figure:
    """A line per settings, as `repeated` found them: each seed, the mean, and how far that is behind the best."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 1 + 0.4 * len(found)), sharey=True, width_ratios=(3, 2), layout="constrained"
    )
    label = lambda row: ", ".join(map(str, row))  # noqa: E731
    tried = trials[list(settings)].apply(label, axis=1)
    names = [label(row) for row in found[list(settings)].to_numpy()]
    for place, (name, row) in enumerate(zip(names, found.to_dict("records"), strict=True)):
        values = trials.loc[(tried == name) & (trials["state"] == "complete"), goal]
        left.plot(values, np.full(len(values), place), "o", mfc="none", color="C1")
        left.plot(row["mean"], place, "|", ms=14, mew=2, color="C0")
        right.plot([row["behind_low"], row["behind_high"]], [place, place], color="C0")
        right.plot(row["behind"], place, "|", ms=14, mew=2, color="C0")
    left.set_yticks(range(len(found)), names)
    left.set_ylim(len(found) - 0.5, -0.5)
    left.set_xlabel(f"{goal}: each seed, and their mean")
    right.set_xlabel("behind the first, by seed (95 %)")
    right.axvline(0, color="grey", lw=0.8)
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.3)
    return figure
