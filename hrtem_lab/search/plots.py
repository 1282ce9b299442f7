"""Optuna's plots of a study, as pictures and as one HTML page."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import optuna
import optuna.visualization as plotly_plots
import optuna.visualization.matplotlib as matplotlib_plots
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState, create_trial

from hrtem_lab.atomic_write import write_text
from hrtem_lab.figures.sweeps import save_optuna_plot
from hrtem_lab.search.study import FINISHED, SharedStudy

MIN_TRIALS_FOR_IMPORTANCE = 10
"""Minimum number of completed trials for parameter importances; below it they are noise."""
PAGE = "<!doctype html><meta charset='utf-8'><title>{name}</title><h1>{name}</h1>{plots}"

Plot = Callable[[Any], Any]
"""Draws a plot with one of Optuna's two modules of plots."""


def write_plots(study: SharedStudy, objective_names: list[str], folder: Path) -> None:
    """Write `figures/<plot>.png`, and `sweep.html` with all plots, which needs no other file and no network."""
    n_parameters = len(study.best_trials()[0].params)
    html: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # these plots may change, and people look at them only
        for name, plot in make_plots(study, objective_names).items():
            draw = partial(plot, matplotlib_plots)
            save_optuna_plot(draw, folder / "figures" / f"{name}.png", n_parameters)
            html.append(plot(plotly_plots).to_html(full_html=False, include_plotlyjs=not html))
    page = PAGE.format(name=escape(study.name), plots="\n".join(html))
    write_text(folder / "sweep.html", page)


def make_plots(study: SharedStudy, objective_names: list[str]) -> dict[str, Plot]:
    """Choose the plots that a study has enough trials for.

    Returns:
        File name without suffix -> plot.
    """
    plots: dict[str, Plot] = {}
    if 1 < len(objective_names) < 4:
        front = study_for_plots(study, range(len(objective_names)))
        plots["pareto"] = partial(_call, "plot_pareto_front", front, target_names=objective_names)
    for index, objective_name in enumerate(objective_names):
        suffix = f"_{objective_name.replace('/', '_')}" if len(objective_names) > 1 else ""
        single = study_for_plots(study, [index])
        functions = {"history": "plot_optimization_history", "parallel": "plot_parallel_coordinate"}
        values = [trial.value for trial in single.trials if trial.state == TrialState.COMPLETE]
        if len(values) >= MIN_TRIALS_FOR_IMPORTANCE and len(set(values)) > 1:
            functions["importances"] = "plot_param_importances"
        for name, function in functions.items():
            plots[f"{name}{suffix}"] = partial(_call, function, single, target_name=objective_name)
    return plots


def study_for_plots(study: SharedStudy, objectives: Sequence[int]) -> optuna.Study:
    """Copy a study to memory for some of its objectives, with short parameter names.

    A path is cut to its last part where that is unique. Trials without a result are copied as failed ones: they are not
    plotted, and the other trials keep the numbers that they have in the table.

    Args:
        study: The study.
        objectives: Indices of the objectives.
    """
    paths = study.parameter_names()
    last_parts = [path.rpartition(".")[2] for path in paths]
    names = {path: part if last_parts.count(part) == 1 else path for path, part in zip(paths, last_parts, strict=True)}
    copy = optuna.create_study(directions=[study.optuna.directions[index] for index in objectives])
    for trial in study.trials():
        complete = trial.state == TrialState.COMPLETE
        copy.add_trial(
            create_trial(
                state=trial.state if trial.state in FINISHED else TrialState.FAIL,
                values=[trial.values[index] for index in objectives] if complete else None,
                params={names[path]: value for path, value in trial.params.items()},
                distributions={names[path]: distribution for path, distribution in trial.distributions.items()},
                intermediate_values=trial.intermediate_values,
            )
        )
    return copy


def _call(function: str, study: optuna.Study, module: Any, **arguments: Any) -> Any:
    return getattr(module, function)(study, **arguments)
