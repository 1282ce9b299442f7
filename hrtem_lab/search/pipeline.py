"""The pipeline of `sweep`: check the space, open the study, let the workers work, say what came of it."""

from __future__ import annotations

import difflib
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from omegaconf import DictConfig
from optuna.trial import TrialState

from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.progress import bar, console, quiet
from hrtem_lab.files import make_folder
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF, workspace
from hrtem_lab.search import finals, outcome, repeats
from hrtem_lab.search.pool import Crew
from hrtem_lab.search.study import SharedStudy, seeded
from hrtem_lab.search.worker import Plan
from hrtem_lab.tracking.provenance import provenance
from hrtem_lab.tracking.runs import Run, create_run, start_run
from hrtem_lab.tracking.store import connect

if TYPE_CHECKING:
    import pandas as pd

    from hrtem_lab.search.objectives import Objective


def sweep(config: DictConfig) -> None:
    """Everything from the space to the best settings.

    Raises:
        InputError: The space or the storage is not right, or too many trials have failed.
        KeyboardInterrupt: The user has stopped it; the trials that ended are kept.
    """
    quiet()
    chosen = HydraConfig.get()
    if "sweep" not in config:
        names = ", ".join(sorted(file.stem for file in (CONF / "sweep").glob("*.yaml")))
        raise InputError(f"what is to be searched is missing: give +sweep=NAME, one of {names}")
    words = tuple(chosen.overrides.task)
    name = config.study or f"{config.name}_{chosen.runtime.choices['sweep']}"
    folder = make_folder(Path(config.output or workspace() / "outputs" / config.name / name).absolute())
    objective: Objective = build(config.sweep.objective)
    plan = Plan(words, str(config.storage or folder / "study.journal"), name)
    check(plan, objective)
    uri = connect(config.name)
    study = plan.open()
    plan = replace(plan, parent=parent_run(study, uri, config, folder), failures=study.failures())
    with start_run(name, run_id=plan.parent) as run:
        presses, deaths = _work(plan, study, objective, folder)
        if presses < 2:
            _show(plan, study, outcome.write(study, plan.goals, folder, run), folder, uri)
        _end(plan, study, presses, deaths, folder)
        if config.finalize and not presses:
            _finalize(plan, study, objective, folder, run)


def check(plan: Plan, objective: Objective) -> None:
    """Refuse, before the first trial, what could not work.

    Raises:
        InputError: A path, a goal or the number of something is not right.
    """
    config, goals = plan.config, plan.goals
    for key in ("workers", "n_trials", "repeats"):
        if not isinstance(config[key], int) or config[key] < 1:
            raise InputError(f"{key} is {config[key]}, expected a whole number of at least 1")
    if not goals:
        raise InputError("sweep.maximize and sweep.minimize are empty: give a metric, such as maximize: [val/dice]")
    for goal in goals:
        if goal not in objective.metrics:
            near = difflib.get_close_matches(goal, objective.metrics, 1, 0.0)[0]
            raise InputError(f"{goal} is not a validation metric of this sweep; did you mean {near}?")
    if config.finalize and len(goals) > 1:
        raise InputError(f"finalize=true needs one goal, there are {', '.join(goals)}: leave it out, or choose one")
    if config.finalize and repeats.SEED in plan.space:
        raise InputError(
            "finalize=true trains under seeds of its own, and seed is part of the space: leave one of them out; "
            "repeats.csv compares what was tried under several seeds"
        )
    _ = plan.drawn, plan.grid
    try:
        seeded(build(config.sampler), config.seed, plan.grid)(0)
        build(config.pruner)
    except (TypeError, ValueError, InstantiationException) as error:
        raise InputError(f"the sampler or the pruner cannot be made: {error}; check its settings") from error


def parent_run(study: SharedStudy, uri: str, config: DictConfig, folder: Path) -> str:
    """The MLflow run of the study in this store; made by the first who comes."""
    key = f"run in {uri}"
    with study.place.lock():
        if known := study.optuna.user_attrs.get(key):
            return known
        tags = provenance() | {"folder": str(folder), "study": study.name}
        run_id = create_run(config.name, study.name, tags)
        study.optuna.set_user_attr(key, run_id)
    with start_run(study.name, run_id=run_id) as run:
        run.log_config(to_plain(config), folder)
    return run_id


def _work(plan: Plan, study: SharedStudy, objective: Objective, folder: Path) -> tuple[int, int]:
    """Let the workers work where there is something left to do; how often Ctrl-C was pressed and a worker has died."""
    study.bury()
    done = len(study.done())
    if done:
        console.print(f"Going on with study {study.name}: {done} of {plan.n_trials} trials are done", soft_wrap=True)
    left = study.left(plan.n_trials)
    if left <= 0:
        return 0, 0
    with bar("Simulating exit waves") as progress:
        objective.prepare(plan.config, progress)
    crew = Crew(plan, study, min(plan.config.workers, left), folder)
    return crew.run(), crew.deaths


def _show(plan: Plan, study: SharedStudy, found: pd.DataFrame, folder: Path, uri: str) -> None:
    """Print the best settings and where to look next."""
    for trial in study.best()[:5]:
        reached = ", ".join(f"{goal} {value:.4g}" for goal, value in zip(plan.goals, trial.values, strict=True))
        console.print(f"Best: trial {trial.number}, {reached}", highlight=False)
        words = shlex.join(plan.train_words(trial.params))
        console.print(f"  python -m hrtem_lab.train {words}", soft_wrap=True, highlight=False, markup=False)
    if len(found):  # the best single trial may owe that to its seed
        console.print(f"Best mean: {repeats.said(plan.goals[0], found)}", soft_wrap=True, highlight=False, markup=False)
    for what, where in (("Plots and tables", folder), ("Compare trials", f"make ui   ({uri})")):
        console.print(f"{what + ':':21}{where}", soft_wrap=True, highlight=False, markup=False)


def _end(plan: Plan, study: SharedStudy, presses: int, deaths: int, folder: Path) -> None:
    """Say why a sweep ends before it is complete."""
    again = f"python -m hrtem_lab.sweep {shlex.join(plan.words)}"
    failed = max(study.failures() - plan.failures, deaths)
    if failed > plan.config.max_failures:
        errors = ["", *(trial.user_attrs.get("error", "its process died") for trial in study.trials(TrialState.FAIL))]
        raise InputError(
            f"{failed} trials failed, more than max_failures={plan.config.max_failures}; the last: {errors[-1]} "
            f"(see {folder / 'logs'}); the same command goes on"
        )
    if presses:
        told = f"Stopped after {len(study.done())} of {plan.n_trials} trials. To continue:\n  {again}"
        console.print(told, soft_wrap=True, highlight=False, markup=False)
        raise KeyboardInterrupt
    if running := len(study.trials(TrialState.RUNNING)):
        console.print(
            f"{running} trials still run elsewhere; the same command shows their results then", soft_wrap=True
        )


def _finalize(plan: Plan, study: SharedStudy, objective: Objective, folder: Path, run: Run) -> None:
    """Train the best and the default settings again, and say whether tuning has gained anything."""
    if len(study.done()) < plan.n_trials or not study.best():
        console.print("Not all trials have ended: nothing is trained again yet")
        return
    rows = finals.finals(plan, study, objective, plan.config.repeats)
    run.log_csv(folder / "finals.csv", rows)
    found = finals.summary(rows)
    run.log_metrics(found, "final")
    finals.show(plan.goals[0], plan.directions[0], found, len(rows))
