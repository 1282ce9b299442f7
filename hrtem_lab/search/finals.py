"""Does the gain of the best settings survive new specimens and new chance? Tuning often gains nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from optuna.study import StudyDirection
from scipy import stats

from hrtem_lab.cli.progress import console, track
from hrtem_lab.search.space import composed
from hrtem_lab.search.study import SharedStudy
from hrtem_lab.search.worker import Plan
from hrtem_lab.tracking.runs import start_run

if TYPE_CHECKING:
    from hrtem_lab.search.objectives import Objective


def finals(plan: Plan, study: SharedStudy, objective: Objective, repeats: int) -> pd.DataFrame:
    """The best and the default settings, each under the same new seeds: other specimens, other weights to begin with.

    The specimens that the best settings were chosen on flatter them. What has been measured before, is not again.

    Returns:
        One row per seed: `seed`, `best`, `default` (values of the goal).
    """
    best = study.best()[0]
    rows = []
    for number in track(range(1, repeats + 1), "Best and default settings under new seeds"):
        seed = int(plan.config.seed) + number
        row: dict[str, Any] = {"seed": seed}
        for which, values in (("best", best.params), ("default", {})):
            key = f"{which} {best.number if values else ''}".strip() + f", seed {seed}"
            known = study.optuna.user_attrs.get(key)
            row[which] = _measure(plan, study, objective, values, seed, key) if known is None else known
        rows.append(row)
    return pd.DataFrame(rows)


def _measure(
    plan: Plan, study: SharedStudy, objective: Objective, values: dict[str, Any], seed: int, key: str
) -> float:
    """The goal's value of one training, kept in the study under `key`."""
    config = composed([*plan.words, f"seed={seed}", f"data.library.seed={seed}"], values, plan.space)
    with start_run(key, plan.parent) as run:
        run.log_params({"seed": seed, **values})
        found = objective(config, run, lambda *told: False)
        run.log_metrics(found)
    value = float(found[plan.goals[0]])
    study.optuna.set_user_attr(key, value)
    return value


def summary(rows: pd.DataFrame) -> dict[str, float]:
    """Mean and 95 % interval (Student's t over seeds) of `best`, of `default`, and of what the best gains, by seed."""
    found: dict[str, float] = {}
    for name, values in (
        ("best", rows["best"]),
        ("default", rows["default"]),
        ("gain", rows["best"] - rows["default"]),
    ):
        found[name] = float(values.mean())
        found[f"{name}_low"], found[f"{name}_high"] = interval(values.to_numpy(dtype=float))
    return found


def interval(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
    """95 % interval of a mean of normal values (Student 1908); `nan` with fewer than two."""
    if len(values) < 2:
        return np.nan, np.nan
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def show(goal: str, direction: StudyDirection, found: dict[str, float], repeats: int) -> None:
    """Print what the tuning gained, and whether that is more than chance."""

    def said(name: str) -> str:
        return f"{found[name]:.4f} ({found[f'{name}_low']:.4f} to {found[f'{name}_high']:.4f})"

    low, high = found["gain_low"], found["gain_high"]
    better = low > 0 if direction == StudyDirection.MAXIMIZE else high < 0
    worse = high < 0 if direction == StudyDirection.MAXIMIZE else low > 0
    verdict = (
        "the gain is real" if better else "the default is better" if worse else "no gain that could be told from chance"
    )
    console.print(
        f"{goal} under {repeats} new seeds, mean and 95 % interval: best settings {said('best')}, default settings"
    )
    console.print(f"{said('default')}, difference {said('gain')}: {verdict}", highlight=False)
