"""Results of a sweep: the table of trials, the best settings, and the comparison over seeds."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pandas as pd
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hrtem_lab.cli.config_keys import SEED
from hrtem_lab.cli.progress import console
from hrtem_lab.figures.style import save
from hrtem_lab.figures.sweeps import plot_seed_comparison
from hrtem_lab.files import write_json
from hrtem_lab.search.plots import write_plots
from hrtem_lab.search.seed_comparison import compare_over_seeds, describe_best
from hrtem_lab.search.spec import StudySpec
from hrtem_lab.search.study import SharedStudy
from hrtem_lab.tracking.runs import Run

MAX_SHOWN_TRIALS = 5
"""Number of trials of a Pareto front that are printed."""


def write_results(study: SharedStudy, objective_names: list[str], folder: Path, run: Run) -> pd.DataFrame:
    """Write tables, plots and the best settings to the output folder and to the MLflow run of the study.

    Returns:
        The table of `compare_over_seeds`.
    """
    trials = trials_table(study, objective_names)
    run.log_csv(folder / "trials.csv", trials)
    run.log_table(trials, "trials.json")
    comparison = _write_seed_comparison(study, trials, objective_names[0], folder, run)
    if best := study.best_trials():
        _write_best(best, objective_names, folder, run)
        write_plots(study, objective_names, folder)
        run.log_folder(folder / "figures")
        run.log_file(folder / "sweep.html")
    return comparison


def trials_table(study: SharedStudy, objective_names: list[str]) -> pd.DataFrame:
    """Make a table of all trials.

    Returns:
        One row per trial: number, state, value of each objective, parameters, seconds, MLflow run, number of the trial
        that it repeats, and error.
    """
    return pd.DataFrame([_trial_row(trial, objective_names) for trial in study.trials()])


def _trial_row(trial: FrozenTrial, objective_names: list[str]) -> dict[str, Any]:
    values = trial.values if trial.state == TrialState.COMPLETE else [None] * len(objective_names)
    return {
        "trial": trial.number,
        "state": trial.state.name.lower(),
        **dict(zip(objective_names, values, strict=True)),
        **trial.params,
        "seconds": trial.duration.total_seconds() if trial.duration else None,
        "run": trial.user_attrs.get("run"),
        "retry_of": trial.user_attrs.get("retry_of"),
        "error": trial.user_attrs.get("error"),
    }


def _write_seed_comparison(
    study: SharedStudy, trials: pd.DataFrame, objective_name: str, folder: Path, run: Run
) -> pd.DataFrame:
    settings = [path for path in study.parameter_names() if path != SEED]
    maximize = study.optuna.directions[0] == StudyDirection.MAXIMIZE
    comparison = compare_over_seeds(trials, objective_name, settings, maximize)
    if len(comparison):
        run.log_csv(folder / "repeats.csv", comparison)
        figure = plot_seed_comparison(trials, objective_name, comparison, settings)
        save(figure, folder / "figures" / "repeats.png")
    return comparison


def _write_best(best: list[FrozenTrial], objective_names: list[str], folder: Path, run: Run) -> None:
    rows = [
        {"trial": t.number, "values": dict(zip(objective_names, t.values, strict=True)), "params": t.params}
        for t in best
    ]
    write_json(folder / "best.json", {"best": rows})
    run.log_file(folder / "best.json")
    # tags: a parameter of a run could not be corrected by a later, better trial
    run.set_tags({f"best.{path}": value for path, value in best[0].params.items()})
    run.log_metrics(dict(zip(objective_names, best[0].values, strict=True)), "best")


def show_results(spec: StudySpec, study: SharedStudy, comparison: pd.DataFrame, folder: Path, uri: str) -> None:
    """Print the best settings, and where everything is.

    Args:
        spec: Definition of the study.
        study: The study.
        comparison: Table of `compare_over_seeds`.
        folder: Output folder.
        uri: URI of the MLflow store.
    """

    def show(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False, markup=False)

    for trial in study.best_trials()[:MAX_SHOWN_TRIALS]:
        pairs = zip(spec.objective_names, trial.values, strict=True)
        show(f"Best: trial {trial.number}, " + ", ".join(f"{name} {value:.4g}" for name, value in pairs))
        show(f"  python -m hrtem_lab.train {shlex.join(spec.train_overrides(trial.params))}")
    if len(comparison):  # the best single trial may owe its value to its seed
        show(f"Best mean: {describe_best(spec.objective_names[0], comparison)}")
    show(f"{'Plots and tables:':21}{folder}")
    show(f"{'Report:':21}{folder / 'report.html'}")
    show(f"{'Compare trials:':21}make ui   ({uri})")
