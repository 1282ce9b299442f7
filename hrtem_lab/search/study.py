"""An Optuna study that several processes and machines work on together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from hrtem_lab.micrograph import InputError
from hrtem_lab.saved_settings import describe_differences
from hrtem_lab.search.heartbeat import LivenessMonitor, mark_owner
from hrtem_lab.search.storage import open_backend

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States of the trials that count towards `n_trials`."""

SamplerFactory = Callable[[int], BaseSampler]
"""Makes the sampler of a trial from the trial's number."""


class SharedStudy:
    """One study, identified by its name in a storage; created on first use.

    Args:
        storage: Value of `storage=`.
        name: Name of the study.
        directions: One direction per objective.
        settings: Settings that all trials have in common. They are stored with the study.
        on_dead_trial: Called with every trial whose worker is found dead.

    Raises:
        InputError: The storage holds a study of this name with other settings.
    """

    def __init__(
        self,
        storage: str,
        name: str,
        directions: Sequence[StudyDirection],
        settings: Mapping[str, Any],
        on_dead_trial: Callable[[FrozenTrial], None] = lambda trial: None,
    ) -> None:
        self.on_dead_trial, self.name = on_dead_trial, name
        logging.getLogger("optuna").setLevel(logging.ERROR)
        self.backend, self.liveness = open_backend(storage), LivenessMonitor()
        with self.backend.lock():  # else several processes would create the tables of a new database at once
            self.storage = self.backend.open()
            try:
                self.optuna = optuna.load_study(study_name=name, storage=self.storage)
            except KeyError:
                self.optuna = optuna.create_study(storage=self.storage, study_name=name, directions=list(directions))
                self.optuna.set_user_attr("settings", dict(settings))
        stored = self.optuna.user_attrs.get("settings", {})
        if changed := describe_differences(stored, settings):
            raise InputError(
                f"study {name} in {storage} has other settings: {changed}; go on with those that are there, or begin "
                "another with study=NAME"
            )

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """All trials, or those in the given states."""
        return self.optuna.get_trials(deepcopy=False, states=states or None)

    def finished_trials(self) -> list[FrozenTrial]:
        """Trials that ended without an error, pruned ones included."""
        return self.trials(*FINISHED)

    def parameter_names(self) -> list[str]:
        """Paths of the parameters of all trials, in the order of the space."""
        return list(dict.fromkeys(path for trial in self.trials() for path in trial.params))

    def n_failures(self) -> int:
        """Number of failed trials that were not tried again."""
        retried = sum("retry_of" in trial.user_attrs for trial in self.trials())
        return len(self.trials(TrialState.FAIL)) - retried

    def n_remaining(self, n_trials: int) -> int:
        """Number of trials out of `n_trials` that are neither finished nor running."""
        return n_trials - len(self.trials(*FINISHED, TrialState.RUNNING))

    def best_trials(self) -> list[FrozenTrial]:
        """The best trial (the first of equal ones) or the Pareto front; empty before a trial is complete."""
        best = self.optuna.best_trials if self.trials(TrialState.COMPLETE) else []
        return best if len(self.optuna.directions) > 1 else best[:1]

    def ask(
        self,
        n_trials: int,
        make_sampler: SamplerFactory,
        pruner: BasePruner,
        distributions: dict[str, BaseDistribution],
    ) -> Trial | None:
        """Create a trial for this process, or return None when no more trials are needed.

        The parameters depend on the trial's number and on the trials before it, not on the process that asks. So a
        sweep that was stopped continues as if it had not been stopped.

        Args:
            n_trials: Number of finished trials that the study needs.
            make_sampler: Makes the sampler for a trial's number.
            pruner: Pruner of the trial.
            distributions: Distribution of each parameter.
        """
        with self.backend.lock():
            self._fail_stale_trials()
            if self.n_remaining(n_trials) <= 0:
                return None
            sampler = make_sampler(len(self.trials()))
            study = optuna.load_study(study_name=self.name, storage=self.storage, sampler=sampler, pruner=pruner)
            trial = study.ask(distributions)
            mark_owner(trial)
            return trial

    def tell(self, trial: Trial, values: Sequence[float] | None, state: TrialState) -> None:
        """Store the result of a trial, unless the trial was marked as failed in the meantime."""
        self.optuna.tell(trial.number, values, state, skip_if_finished=True)

    def fail_stale_trials(self) -> list[FrozenTrial]:
        """Mark trials of dead workers as failed and enqueue each once more.

        Returns:
            The trials that were marked.
        """
        with self.backend.lock():
            return self._fail_stale_trials()

    def _fail_stale_trials(self) -> list[FrozenTrial]:
        stale = [trial for trial in self.trials(TrialState.RUNNING) if not self.liveness.is_alive(trial)]
        for trial in stale:
            self.optuna.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            if "retry_of" not in trial.user_attrs:
                self.optuna.enqueue_trial(trial.params, user_attrs={"retry_of": trial.number})
            self.on_dead_trial(trial)
        return stale


def sampler_factory(
    make: Callable[..., BaseSampler], seed: int, grid: Mapping[str, Sequence[Any]] | None
) -> SamplerFactory:
    """Make a function that returns the sampler for a trial's number, each with a seed of its own.

    Args:
        make: Sampler class or partial that takes `seed`, and `search_space` for a grid.
        seed: Seed of the sweep, from which the seeds of the trials are derived.
        grid: Values of each parameter for a grid sampler, whose seed is the same for all trials; else None.
    """
    if grid is not None:
        return lambda number: make(search_space=grid, seed=seed)
    return lambda number: make(seed=int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))
