"""What came of a sweep: the table of trials, Optuna's plots as pictures and as one page, the best settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import optuna
import optuna.visualization as pages
import optuna.visualization.matplotlib as pictures
import pandas as pd
from optuna.exceptions import ExperimentalWarning
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hrtem_lab.atomic_write import write_text
from hrtem_lab.figures.style import DPI, save
from hrtem_lab.files import write_json
from hrtem_lab.search import repeats
from hrtem_lab.search.study import DONE, SharedStudy
from hrtem_lab.tracking.runs import Run

LEAST_TRIALS = 10
"""Of what is complete, below which the importance of a setting is chance."""
PAGE = "<!doctype html><meta charset='utf-8'><title>{name}</title><h1>{name}</h1>{plots}"


def table(study: SharedStudy, goals: list[str]) -> pd.DataFrame:
    """One row per trial: number, state, the goals' values, the settings, seconds, MLflow run, and what went wrong."""
    return pd.DataFrame([_row(trial, goals) for trial in study.trials()])


def _row(trial: FrozenTrial, goals: list[str]) -> dict[str, Any]:
    values = trial.values if trial.state == TrialState.COMPLETE else [None] * len(goals)
    return {
        "trial": trial.number,
        "state": trial.state.name.lower(),
        **dict(zip(goals, values, strict=True)),
        **trial.params,
        "seconds": trial.duration.total_seconds() if trial.duration else None,
        "run": trial.user_attrs.get("run"),
        "retry_of": trial.user_attrs.get("retry_of"),
        "error": trial.user_attrs.get("error"),
    }


def _paths(study: SharedStudy) -> list[str]:
    """All that was varied, in the order of the space."""
    return list(dict.fromkeys(path for trial in study.trials() for path in trial.params))


def write(study: SharedStudy, goals: list[str], folder: Path, run: Run) -> pd.DataFrame:
    """Everything into the folder, and into the MLflow run; what `repeats.repeated` found is returned."""
    trials = table(study, goals)
    run.log_csv(folder / "trials.csv", trials)
    run.log_table(trials, "trials.json")
    settings = [path for path in _paths(study) if path != repeats.SEED]
    up = study.optuna.directions[0] == StudyDirection.MAXIMIZE
    if len(found := repeats.repeated(trials, goals[0], settings, up)):
        run.log_csv(folder / "repeats.csv", found)
        save(repeats.draw(trials, goals[0], found, settings), folder / "figures" / "repeats.png")
    if best := study.best():
        front = [
            {"trial": t.number, "values": dict(zip(goals, t.values, strict=True)), "params": t.params} for t in best
        ]
        write_json(folder / "best.json", {"best": front})
        run.log_file(folder / "best.json")
        # tags: a parameter of a run could not be corrected by a later, better trial
        run.set_tags({f"best.{path}": value for path, value in best[0].params.items()})
        run.log_metrics({f"best/{goal}": value for goal, value in zip(goals, best[0].values, strict=True)})
        draw(study, goals, folder)
        run.log_folder(folder / "figures")
        run.log_file(folder / "sweep.html")
    return found


def draw(study: SharedStudy, goals: list[str], folder: Path) -> None:
    """Optuna's plots: `figures/<plot>.png`, and all of them in `sweep.html`, which needs nothing else to be opened."""
    (folder / "figures").mkdir(exist_ok=True)
    html: list[str] = []
    with warnings.catch_warnings(), plt.rc_context():  # Optuna changes the style of every later figure
        warnings.simplefilter("ignore", ExperimentalWarning)  # its pictures may change, and we only look at them
        warnings.filterwarnings("ignore", "Attempting to set identical")  # all trials have one value of something
        for name, plot in plots(study, goals).items():
            figure = plot(pictures).figure
            if name.startswith("parallel"):  # the lines of one axis' grid mean nothing beside those of the others
                for axes in figure.axes:
                    axes.grid(False)
            figure.set_size_inches(4 + 1.6 * max(3, len(study.best()[0].params)), 5)
            figure.savefig(folder / "figures" / f"{name}.png", dpi=DPI, bbox_inches="tight")
            plt.close(figure)
            html.append(plot(pages).to_html(full_html=False, include_plotlyjs=not html))
    text = PAGE.format(name=escape(study.name), plots="\n".join(html))
    write_text(folder / "sweep.html", text)


def plots(study: SharedStudy, goals: list[str]) -> dict[str, Callable[[Any], Any]]:
    """Name -> draws the plot with one of Optuna's two sets of plots."""
    found: dict[str, Callable[[Any], Any]] = {}
    if 1 < len(goals) < 4:
        found["pareto"] = partial(_call, "plot_pareto_front", copied(study, range(len(goals))), target_names=goals)
    for number, goal in enumerate(goals):
        end = f"_{goal.replace('/', '_')}" if len(goals) > 1 else ""
        alone = copied(study, [number])
        names = {"history": "plot_optimization_history", "parallel": "plot_parallel_coordinate"}
        complete = [trial.value for trial in alone.trials if trial.state == TrialState.COMPLETE]
        if len(complete) >= LEAST_TRIALS and len(set(complete)) > 1:
            names["importances"] = "plot_param_importances"
        found |= {f"{key}{end}": partial(_call, name, alone, target_name=goal) for key, name in names.items()}
    return found


def copied(study: SharedStudy, goals: Sequence[int]) -> optuna.Study:
    """The trials, of some goals; a path is cut to its last part where that is one path's alone.

    A trial that did not end well is not drawn, but keeps its place: the others' numbers are those of the table.
    """
    trials, paths = study.trials(), _paths(study)
    last = [path.rpartition(".")[2] for path in paths]
    names = {path: name if last.count(name) == 1 else path for path, name in zip(paths, last, strict=True)}
    copy = optuna.create_study(directions=[study.optuna.directions[goal] for goal in goals])
    for trial in trials:
        copy.add_trial(
            optuna.trial.create_trial(
                state=trial.state if trial.state in DONE else TrialState.FAIL,
                values=[trial.values[goal] for goal in goals] if trial.state == TrialState.COMPLETE else None,
                params={names[path]: value for path, value in trial.params.items()},
                distributions={names[path]: drawn for path, drawn in trial.distributions.items()},
                intermediate_values=trial.intermediate_values,
            )
        )
    return copy


def _call(name: str, study: optuna.Study, kind: Any, **named: Any) -> Any:
    return getattr(kind, name)(study, **named)
