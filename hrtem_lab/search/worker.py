"""A process that takes trial after trial; what it loads, and the store, it pays for once."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from optuna import TrialPruned
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.config_keys import MUTABLE_KEYS, drop_machine_keys
from hrtem_lab.cli.progress import quiet
from hrtem_lab.cli.user_errors import one_line
from hrtem_lab.micrograph import InputError
from hrtem_lab.search.space import composed, distributions, grid, overrides
from hrtem_lab.search.study import SharedStudy, beating, seeded
from hrtem_lab.tracking.runs import Run, mark_killed, start_run, to_yaml
from hrtem_lab.tracking.store import connect

if TYPE_CHECKING:
    from hrtem_lab.search.objectives import Objective


@dataclass(frozen=True)
class Plan:
    """All that a worker has to be told.

    Attributes:
        words: Overrides of the command, from which every trial's configuration is composed anew.
        storage: Of the study.
        study: Its name.
        parent: MLflow run of the study.
        failures: Trials of the study that had failed before this call.
    """

    words: tuple[str, ...]
    storage: str
    study: str
    parent: str = ""
    failures: int = 0

    @cached_property
    def config(self) -> DictConfig:
        """Without the values of a trial."""
        return composed(self.words, {}, {})

    @cached_property
    def space(self) -> dict[str, Mapping[str, Any]]:
        """Path -> keyword arguments."""
        return OmegaConf.to_container(self.config.sweep.space, resolve=True)  # type: ignore[return-value]

    @cached_property
    def drawn(self) -> dict[str, BaseDistribution]:
        """Path -> what it is drawn from."""
        return distributions(self.space, self.config)

    @cached_property
    def grid(self) -> dict[str, list[Any]] | None:
        """Every value, where the sampler goes through all of them."""
        return grid(self.drawn) if self.config.sampler._target_.endswith("GridSampler") else None

    @property
    def goals(self) -> list[str]:
        """Names of the metrics that are optimised."""
        return [*self.config.sweep.maximize, *self.config.sweep.minimize]

    @property
    def directions(self) -> list[StudyDirection]:
        """One for each goal."""
        up, down = (len(self.config.sweep[key]) for key in ("maximize", "minimize"))
        return up * [StudyDirection.MAXIMIZE] + down * [StudyDirection.MINIMIZE]

    @property
    def n_trials(self) -> int:
        """How many the study needs: a grid has no more than its combinations."""
        size = int(np.prod([len(values) for values in self.grid.values()])) if self.grid else np.inf
        return int(min(self.config.n_trials, size))

    def train_words(self, params: Mapping[str, Any]) -> list[str]:
        """What `train` has to be given to train with the values of a trial."""
        key = lambda word: word.lstrip("+~").partition("=")[0]  # noqa: E731
        own = {*MUTABLE_KEYS, *params, "sweep"}
        kept = [word for word in self.words if key(word) not in own and not key(word).startswith("sweep.")]
        return [*kept, *overrides(params, self.space)]

    def open(self) -> SharedStudy:
        """The study."""

        def mourn(trial: FrozenTrial) -> None:
            mark_killed(trial.user_attrs.get("run", ""))

        return SharedStudy(self.storage, self.study, self.directions, settings(self.config), mourn)

    def take(self, study: SharedStudy) -> Trial | None:
        """The next trial."""
        sampler = seeded(build(self.config.sampler), self.config.seed, self.grid)
        return study.take(self.n_trials, sampler, build(self.config.pruner), self.drawn)


def settings(config: DictConfig) -> dict[str, Any]:
    """What all trials of a study have in common: the configuration without what may differ between two calls."""
    whole: Any = OmegaConf.to_container(config, resolve=True)
    return {key: drop_machine_keys(value, key) for key, value in whole.items() if key not in MUTABLE_KEYS}


@dataclass
class Worker:
    """Runs trials and tells of them.

    Attributes:
        plan: What to do.
        line: To the process that started it, which gets (what, ...) tuples and sends anything to make it stop.
    """

    plan: Plan
    line: Connection
    study: SharedStudy = field(init=False)
    objective: Objective = field(init=False)

    def __post_init__(self) -> None:
        quiet()
        connect(self.plan.config.name)
        self.study = self.plan.open()
        self.objective = build(self.plan.config.sweep.objective)

    def work(self) -> None:
        """Trial after trial, until the study has enough, too many have failed, or it is told to stop."""
        while not self._stopped() and self.study.failures() - self.plan.failures <= self.plan.config.max_failures:
            trial = self.plan.take(self.study)
            if trial is None:
                return
            self._say("trial", trial.number)
            with beating(trial), start_run(f"trial {trial.number}", self.plan.parent) as run:
                trial.set_user_attr("run", run.id)
                self._run(trial, run)

    def _run(self, trial: Trial, run: Run) -> None:
        """One trial to its end, be it good or bad; only Ctrl-C gets out."""
        started, values, state = time.perf_counter(), None, TrialState.FAIL
        try:
            values, state = self._measure(trial, run), TrialState.COMPLETE
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
        self._say("ended", trial.number, state.name, values, time.perf_counter() - started)

    def _measure(self, trial: Trial, run: Run) -> list[float]:
        """The goals' values of a trial; all that it measured goes to MLflow."""
        config = composed(self.plan.words, trial.params, self.plan.space)
        run.log_params(trial.params)
        run.log_text(to_yaml(to_plain(config)), "config.yaml")
        found = self.objective(config, run, lambda *told: self._told(trial, *told))
        run.log_metrics(found)
        values = [found[name] for name in self.plan.goals]
        for name, value in zip(self.plan.goals, values, strict=True):
            if not np.isfinite(value):
                raise InputError(f"{name} is {value}: it is not defined for these settings")
        return values

    def _told(self, trial: Trial, step: int, total: int, metrics: Mapping[str, float]) -> bool:
        """Pass on what an epoch reached; whether the trial is to be pruned. Optuna prunes for one objective only."""
        goal = self.plan.goals[0]
        self._say("epoch", trial.number, step, total, metrics.get(goal))
        if len(self.plan.goals) > 1 or goal not in metrics:
            return False
        trial.report(metrics[goal], step)
        return step < total and trial.should_prune()

    def _say(self, *words: Any) -> None:
        try:
            self.line.send(words)
        except OSError:  # the process that started it was killed; `_stopped` will see it
            return

    def _stopped(self) -> bool:
        try:
            return self.line.poll()  # a closed line has something to read, too: its end
        except OSError:
            return True


def work(plan: Plan, line: Connection, log: Path) -> None:
    """Be a worker: the target of a process.

    Ctrl-C is for the process that started it, which tells it to stop, or ends it by SIGTERM.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _write_to(log)
    try:
        Worker(plan, line).work()
    except KeyboardInterrupt:
        sys.exit(130)


def _write_to(log: Path) -> None:
    """Send what is printed to a file: the screen belongs to the lines of progress."""
    log.parent.mkdir(exist_ok=True)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)
