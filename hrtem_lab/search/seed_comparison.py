"""Settings that were tried under several seeds: which of them differ by more than chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hrtem_lab.cli.config_keys import SEED
from hrtem_lab.evaluation import t_interval


def compare_over_seeds(
    trials: pd.DataFrame, objective_name: str, settings: Sequence[str], maximize: bool = True
) -> pd.DataFrame:
    """Compare settings that were tried under more than one seed.

    Args:
        trials: One row per trial, with the column `state`, and one for the objective, the seed and each setting.
        objective_name: Column of the objective.
        settings: Columns of the settings, without the seed.
        maximize: Whether high values are good.

    Returns:
        One row per combination of settings, the best mean first. Columns: the settings; `seeds`, the number of seeds;
        `mean` of the objective with `low` and `high`; `behind`, the mean of the best combination minus the mean of this
        one over the seeds that both have, with `behind_low` and `behind_high`. Intervals are Student's over seeds,
        95 %, each row by itself; `nan` with fewer than two seeds. Empty where the seed is no part of the space.
    """
    if SEED not in trials or not settings:
        return pd.DataFrame()
    complete = trials[trials["state"] == "complete"]
    # not pivot_table, which would make a row of every combination of the settings' values
    values = complete.groupby([*settings, SEED], dropna=False)[objective_name].mean().unstack(SEED)
    values = values[values.count(axis=1) > 1]
    # by position: a boolean index would select instead of sort
    order = np.argsort(values.mean(axis=1).to_numpy() * (-1 if maximize else 1), kind="stable")
    values = values.iloc[order]
    rows = [_compare_with_best(row, values.iloc[0]) for _, row in values.iterrows()]
    return pd.DataFrame(rows, index=values.index).reset_index()


def _compare_with_best(values: pd.Series, best: pd.Series) -> dict[str, float]:
    """Row of the comparison from the values of a combination and of the best one, both by seed."""
    behind = (best - values).dropna().to_numpy()
    low, high = t_interval(values)
    behind_low, behind_high = t_interval(behind)
    return {
        "seeds": values.count(),
        "mean": values.mean(),
        "low": low,
        "high": high,
        "behind": behind.mean() if len(behind) else np.nan,
        "behind_low": behind_low,
        "behind_high": behind_high,
    }


def describe_best(objective_name: str, comparison: pd.DataFrame) -> str:
    """Describe the best row of `compare_over_seeds` in words."""
    best = comparison.iloc[0]
    settings = best[: comparison.columns.get_loc("seeds")]
    pairs = " ".join(f"{path}={'null' if pd.isna(value) else value}" for path, value in settings.items())
    interval = f"({best['low']:.4g} to {best['high']:.4g})"
    return f"{pairs}, {objective_name} {best['mean']:.4g} {interval} over {int(best['seeds'])} seeds"
