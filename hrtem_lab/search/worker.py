"""A worker process: it runs trial after trial, and imports libraries and opens the stores only once."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from optuna import TrialPruned
from optuna.trial import Trial, TrialState

from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.progress import quiet
from hrtem_lab.cli.user_errors import one_line
from hrtem_lab.micrograph import InputError
from hrtem_lab.search.heartbeat import heartbeat
from hrtem_lab.search.messages import STOP, EpochEnded, TrialEnded, TrialStarted, WorkerMessage
from hrtem_lab.search.signals import set_worker_signals
from hrtem_lab.search.space import compose_trial_config
from hrtem_lab.search.spec import StudySpec
from hrtem_lab.tracking.runs import Run, start_run, to_yaml
from hrtem_lab.tracking.store import connect

if TYPE_CHECKING:
    from hrtem_lab.search.objectives import Objective


@dataclass(frozen=True)
class WorkerTask:
    """Task of a worker process.

    Attributes:
        spec: The study.
        parent_run_id: MLflow run of the study.
        failures_before: Number of failed trials of the study before this call of the command.
    """

    spec: StudySpec
    parent_run_id: str
    failures_before: int = 0


class Worker:
    """Runs trials and reports on them.

    Args:
        task: Task of this worker.
        connection: Pipe to the pool: messages go out, and `STOP` comes in.
    """

    def __init__(self, task: WorkerTask, connection: Connection) -> None:
        self.task, self.spec, self.connection = task, task.spec, connection
        self.objective: Objective = build(self.spec.config.sweep.objective)
        quiet()  # not before: the objective imports Lightning, which sets the level of its messages
        connect(self.spec.config.name)
        self.study = self.spec.open_study()

    def run(self) -> None:
        """Run trials until the study has enough, too many have failed, or the pool says stop."""
        while not self._should_stop() and not self._too_many_failures():
            trial = self.spec.ask(self.study)
            if trial is None:
                return
            self._send(TrialStarted(trial.number))
            with heartbeat(trial), start_run(f"trial {trial.number}", self.task.parent_run_id) as run:
                trial.set_user_attr("run", run.id)
                self._run_trial(trial, run)

    def _run_trial(self, trial: Trial, run: Run) -> None:
        """Run one trial to its end, with a result or an error; only KeyboardInterrupt leaves it earlier."""
        started, values, state = time.perf_counter(), None, TrialState.FAIL
        try:
            values, state = self._evaluate(trial, run), TrialState.COMPLETE
        except TrialPruned:
            state = TrialState.PRUNED
            run.set_tags({"pruned": "true"})
        except Exception as error:
            traceback.print_exc()
            reason = one_line(f"{type(error).__name__}: {error}")
            trial.set_user_attr("error", reason)
            run.set_tags({"error": reason})
            run.fail()
        self.study.tell(trial, values, state)
        self._send(TrialEnded(trial.number, state.name, values, time.perf_counter() - started))

    def _evaluate(self, trial: Trial, run: Run) -> list[float]:
        """Compute the value of each objective; all metrics go to the MLflow run.

        Raises:
            InputError: A value is not finite.
        """
        config = compose_trial_config(self.spec.overrides, trial.params, self.spec.space)
        run.log_params(trial.params)
        run.log_text(to_yaml(to_plain(config)), "config.yaml")

        def report(epoch: int, n_epochs: int, epoch_metrics: Mapping[str, float]) -> bool:
            return self._report_epoch(trial, epoch, n_epochs, epoch_metrics)

        metrics = self.objective(config, run, report)
        run.log_metrics(metrics)
        values = [metrics[name] for name in self.spec.objective_names]
        for name, value in zip(self.spec.objective_names, values, strict=True):
            if not np.isfinite(value):
                raise InputError(f"{name} is {value}: it is not defined for these settings")
        return values

    def _report_epoch(self, trial: Trial, epoch: int, n_epochs: int, epoch_metrics: Mapping[str, float]) -> bool:
        """Pass on what an epoch reached.

        Returns:
            Whether to prune the trial. Optuna prunes studies of one objective only.
        """
        name = self.spec.objective_names[0]
        self._send(EpochEnded(trial.number, epoch, n_epochs, epoch_metrics.get(name)))
        if len(self.spec.objective_names) > 1 or name not in epoch_metrics:
            return False
        trial.report(epoch_metrics[name], epoch)
        return epoch < n_epochs and trial.should_prune()

    def _too_many_failures(self) -> bool:
        return self.study.n_failures() - self.task.failures_before > self.spec.config.max_failures

    def _send(self, message: WorkerMessage) -> None:
        try:
            self.connection.send(message)
        except OSError:  # the pool's process was killed; `_should_stop` will notice
            return

    def _should_stop(self) -> bool:
        """Whether the pool has said stop, or its process has died."""
        try:
            return self.connection.poll() and self.connection.recv() == STOP
        except (EOFError, OSError):  # the other end of the pipe is closed
            return True


def run_worker(task: WorkerTask, connection: Connection, log: Path) -> None:
    """Run a worker: the target of a process, which exits with 130 when it is terminated."""
    set_worker_signals()
    _redirect_output(log)
    try:
        Worker(task, connection).run()
    except KeyboardInterrupt:
        sys.exit(130)


def _redirect_output(log: Path) -> None:
    """Append standard output and error to a file: the terminal belongs to the pool's display."""
    log.parent.mkdir(exist_ok=True)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)
