"""The pipeline of `sweep`: check the space, open the study, run trials, and report the results."""

from __future__ import annotations

import shlex
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig
from optuna.trial import TrialState

from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.compose import chosen_option, command_overrides
from hrtem_lab.cli.progress import console, progress_bar, quiet
from hrtem_lab.files import make_folder, write_json
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF, workspace
from hrtem_lab.pipelines.run_report import write_run_report
from hrtem_lab.search.checks import check_spec
from hrtem_lab.search.pool import PoolResult, WorkerPool
from hrtem_lab.search.results import show_results, write_results
from hrtem_lab.search.retrain import retrain_best_and_default, show_gain, summarize
from hrtem_lab.search.signals import StopRequest
from hrtem_lab.search.spec import StudySpec
from hrtem_lab.search.study import SharedStudy
from hrtem_lab.search.worker import WorkerTask
from hrtem_lab.tracking.provenance import provenance
from hrtem_lab.tracking.runs import Run, create_run, start_run
from hrtem_lab.tracking.store import connect

if TYPE_CHECKING:
    from hrtem_lab.search.objectives import Objective


class SweepState(Enum):
    """How far a sweep is when a call of the command ends."""

    COMPLETE = auto()
    RUNNING_ELSEWHERE = auto()
    """Other processes still run trials."""
    STOPPED = auto()
    """The user stopped it."""
    FAILED = auto()
    """More trials have failed than `max_failures` allows."""


def sweep(config: DictConfig) -> None:
    """Search for the best settings.

    Raises:
        InputError: The space or the storage is not right, or too many trials have failed.
        KeyboardInterrupt: The user stopped it. Finished trials are kept.
    """
    spec, folder = make_spec(config)
    objective: Objective = build(config.sweep.objective)
    quiet()  # not before: the objective imports Lightning, which sets the level of its messages
    check_spec(spec, objective)
    uri = connect(config.name)
    study = spec.open_study()
    task = WorkerTask(spec, study_run_id(study, uri, config, folder), study.n_failures())
    with start_run(spec.name, run_id=task.parent_run_id) as run:
        result = _run_trials(task, study, objective, folder)
        if result.stop_request is not StopRequest.IMMEDIATELY:
            comparison = write_results(study, spec.objective_names, folder, run)
            write_run_report(config, folder, run)
            show_results(spec, study, comparison, folder, uri)
        n_failures = max(study.n_failures() - task.failures_before, result.worker_failures)
        state = sweep_state(result.stop_request, n_failures, study, config.max_failures)
        if state is SweepState.FAILED:
            raise InputError(_describe_failures(n_failures, study, config.max_failures, folder))
        _show_state(state, spec, study)
        if state is SweepState.STOPPED:
            raise KeyboardInterrupt
        if config.finalize:
            _finalize(spec, study, objective, folder, run)
            write_run_report(config, folder, run)


def make_spec(config: DictConfig) -> tuple[StudySpec, Path]:
    """Define the study from the running command.

    Returns:
        The study and the output folder, which is created.

    Raises:
        InputError: No search space was chosen.
    """
    if "sweep" not in config:
        names = ", ".join(sorted(file.stem for file in (CONF / "sweep").glob("*.yaml")))
        raise InputError(f"what is to be searched is missing: give +sweep=NAME, one of {names}")
    name = config.study or f"{config.name}_{chosen_option('sweep')}"
    folder = make_folder(Path(config.output or workspace() / "outputs" / config.name / name).absolute())
    return StudySpec(command_overrides(), str(config.storage or folder / "study.journal"), name), folder


def study_run_id(study: SharedStudy, uri: str, config: DictConfig, folder: Path) -> str:
    """Identifier of the study's MLflow run in this store. The first process creates the run."""
    key = f"run in {uri}"
    with study.backend.lock():
        run_id: str | None = study.optuna.user_attrs.get(key)
        if run_id:
            return run_id
        run_id = create_run(config.name, study.name, provenance() | {"folder": str(folder), "study": study.name})
        study.optuna.set_user_attr(key, run_id)
    with start_run(study.name, run_id=run_id) as run:
        run.log_config(to_plain(config), folder)
    return run_id


def _run_trials(task: WorkerTask, study: SharedStudy, objective: Objective, folder: Path) -> PoolResult:
    """Let workers run the trials that remain."""
    spec = task.spec
    study.fail_stale_trials()
    if n_finished := len(study.finished_trials()):
        console.print(
            f"Going on with study {study.name}: {n_finished} of {spec.n_trials} trials are done", soft_wrap=True
        )
    n_remaining = study.n_remaining(spec.n_trials)
    if n_remaining <= 0:
        return PoolResult()
    with progress_bar("Simulating exit waves") as progress:
        objective.prepare(spec.config, progress)
    return WorkerPool(task, study, min(spec.config.workers, n_remaining), folder).run()


def sweep_state(stop_request: StopRequest, n_failures: int, study: SharedStudy, max_failures: int) -> SweepState:
    """Decide how far a sweep is.

    Args:
        stop_request: Request of the user.
        n_failures: Number of failures in this call of the command.
        study: The study.
        max_failures: Number of failures that are tolerated.
    """
    if n_failures > max_failures:
        return SweepState.FAILED
    if stop_request is not StopRequest.NONE:
        return SweepState.STOPPED
    return SweepState.RUNNING_ELSEWHERE if study.trials(TrialState.RUNNING) else SweepState.COMPLETE


def _describe_failures(n_failures: int, study: SharedStudy, max_failures: int, folder: Path) -> str:
    errors = [trial.user_attrs.get("error", "its process died") for trial in study.trials(TrialState.FAIL)]
    return (
        f"{n_failures} trials failed, more than max_failures={max_failures}; the last: {errors[-1] if errors else ''} "
        f"(see {folder / 'logs'}); the same command goes on"
    )


def _show_state(state: SweepState, spec: StudySpec, study: SharedStudy) -> None:
    """Print how to continue a sweep that is not complete."""
    if state is SweepState.STOPPED:
        n_finished, command = len(study.finished_trials()), f"python -m hrtem_lab.sweep {shlex.join(spec.overrides)}"
        text = f"Stopped after {n_finished} of {spec.n_trials} trials. To continue:\n  {command}"
        console.print(text, soft_wrap=True, highlight=False, markup=False)
    if state is SweepState.RUNNING_ELSEWHERE:
        n_running = len(study.trials(TrialState.RUNNING))
        console.print(
            f"{n_running} trials still run elsewhere; the same command shows their results then", soft_wrap=True
        )


def _finalize(spec: StudySpec, study: SharedStudy, objective: Objective, folder: Path, run: Run) -> None:
    """Train with the best and with the default settings again, and print whether the search has gained anything."""
    if len(study.finished_trials()) < spec.n_trials or not study.best_trials():
        console.print("Not all trials have ended: nothing is trained again yet")
        return
    values = retrain_best_and_default(spec, study, objective, spec.config.repeats, run)
    run.log_csv(folder / "finals.csv", values)
    summary = summarize(values)
    write_json(folder / "finals.json", summary)
    run.log_metrics(summary, "final")
    show_gain(spec.objective_names[0], spec.directions[0], summary, len(values))
