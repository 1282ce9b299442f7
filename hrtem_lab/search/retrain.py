"""Whether the gain of the best settings survives other specimens and other random seeds; often it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from optuna.study import StudyDirection

from hrtem_lab.cli.config_keys import SEED, SPECIMEN_SEED
from hrtem_lab.cli.progress import console, track
from hrtem_lab.evaluation import t_interval
from hrtem_lab.figures.interval_text import interval_text
from hrtem_lab.search.space import compose_trial_config
from hrtem_lab.search.spec import StudySpec
from hrtem_lab.search.study import SharedStudy
from hrtem_lab.tracking.runs import Run

if TYPE_CHECKING:
    from hrtem_lab.search.objectives import Objective


def retrain_best_and_default(
    spec: StudySpec, study: SharedStudy, objective: Objective, n_repeats: int, run: Run
) -> pd.DataFrame:
    """Train with the best and with the default settings, under the same new seeds.

    A new seed means other specimens and other initial weights. So the comparison is free of the bias of the best
    trial's value, which was selected as the maximum. Values are kept in the study: nothing is trained twice.

    Args:
        spec: Definition of the study.
        study: The study. It has a best trial.
        objective: Objective of the study.
        n_repeats: Number of new seeds.
        run: MLflow run of the study.

    Returns:
        One row per seed with the columns `seed`, and `best` and `default` for the values of the objective.
    """
    best = study.best_trials()[0]
    rows = []
    for number in track(range(1, n_repeats + 1), "Best and default settings under new seeds"):
        seed = int(spec.config.seed) + number
        row: dict[str, Any] = {"seed": seed}
        for name, label, params in (("best", f"best {best.number}", best.params), ("default", "default", {})):
            key = f"{label}, seed {seed}"
            value = study.optuna.user_attrs.get(key)
            if value is None:
                value = _train(spec, objective, params, seed, key, run)
                study.optuna.set_user_attr(key, value)
            row[name] = value
        rows.append(row)
    return pd.DataFrame(rows)


def _train(spec: StudySpec, objective: Objective, params: dict[str, Any], seed: int, name: str, parent: Run) -> float:
    """Train once, in a child run of this name, and return the value of the objective."""
    config = compose_trial_config([*spec.overrides, f"{SEED}={seed}", f"{SPECIMEN_SEED}={seed}"], params, spec.space)
    with parent.child(name) as run:
        run.log_params({SEED: seed, **params})
        metrics = objective(config, run, lambda epoch, n_epochs, epoch_metrics: False)
        run.log_metrics(metrics)
    return float(metrics[spec.objective_names[0]])


def summarize(values: pd.DataFrame) -> dict[str, float]:
    """Mean and 95 % interval over seeds of `best`, `default` and `gain`, their difference paired by seed.

    Args:
        values: Table of `retrain_best_and_default`.

    Returns:
        Entries `NAME`, `NAME_low` and `NAME_high` for each NAME.
    """
    summary: dict[str, float] = {}
    columns = {"best": values["best"], "default": values["default"], "gain": values["best"] - values["default"]}
    for name, column in columns.items():
        summary[name] = float(column.mean())
        summary[f"{name}_low"], summary[f"{name}_high"] = t_interval(column)
    return summary


def show_gain(objective_name: str, direction: StudyDirection, summary: dict[str, float], n_seeds: int) -> None:
    """Print the gain of the best settings, and whether it is more than chance.

    Args:
        objective_name: Name of the objective.
        direction: Direction of the objective.
        summary: Result of `summarize`.
        n_seeds: Number of seeds that it is from.
    """
    best, default, gain = (interval_text(summary, name, digits=4) for name in ("best", "default", "gain"))
    low, high = summary["gain_low"], summary["gain_high"]
    better, worse = (low > 0, high < 0) if direction == StudyDirection.MAXIMIZE else (high < 0, low > 0)
    verdict = "no gain that could be told from chance"
    if better or worse:
        verdict = "the gain is real" if better else "the default is better"
    console.print(
        f"{objective_name} under {n_seeds} new seeds, mean and 95 % interval: best settings {best}, "
        f"default settings {default}, difference {gain}: {verdict}",
        highlight=False,
    )
