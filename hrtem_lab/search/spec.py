"""The definition of a study: what was asked for on the command line, and everything that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from omegaconf import DictConfig
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial

from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.config_keys import MUTABLE_KEYS, drop_machine_keys
from hrtem_lab.evaluation import current_metric_name
from hrtem_lab.search.space import compose_trial_config, make_distributions, make_grid, override_key, to_overrides
from hrtem_lab.search.study import SamplerFactory, SharedStudy, sampler_factory
from hrtem_lab.tracking.runs import mark_killed


@dataclass(frozen=True)
class StudySpec:
    """Definition of a study, small enough to be sent to other processes, each of which composes its configuration.

    Attributes:
        overrides: Overrides of the `sweep` command.
        storage: Journal file or URL of the database.
        name: Name of the study in the storage.
    """

    overrides: tuple[str, ...]
    storage: str
    name: str

    @cached_property
    def config(self) -> DictConfig:
        """Configuration of the command, before a trial changes it."""
        return compose_trial_config(self.overrides, {}, {})

    @cached_property
    def space(self) -> dict[str, Mapping[str, Any]]:
        """Search space: path in the configuration -> keyword arguments of Optuna's `suggest_*`."""
        return to_plain(self.config.sweep.space)

    @cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distribution of each path."""
        return make_distributions(self.space, self.config)

    @cached_property
    def grid(self) -> dict[str, list[Any]] | None:
        """All values of each path for a grid sampler; else None."""
        return make_grid(self.distributions) if self.config.sampler._target_.endswith("GridSampler") else None

    @property
    def objective_names(self) -> list[str]:
        """Names of the metrics that are optimized; names of earlier versions are replaced."""
        return [current_metric_name(name) for name in (*self.config.sweep.maximize, *self.config.sweep.minimize)]

    @property
    def directions(self) -> list[StudyDirection]:
        """Direction of each objective."""
        n_maximize, n_minimize = (len(self.config.sweep[key]) for key in ("maximize", "minimize"))
        return n_maximize * [StudyDirection.MAXIMIZE] + n_minimize * [StudyDirection.MINIMIZE]

    @property
    def n_trials(self) -> int:
        """Number of finished trials that the study needs, at most the number of combinations of a grid."""
        grid_size = int(np.prod([len(values) for values in self.grid.values()])) if self.grid else np.inf
        return int(min(self.config.n_trials, grid_size))

    def make_sampler(self) -> SamplerFactory:
        """Make the function that returns a trial's sampler."""
        return sampler_factory(build(self.config.sampler), self.config.seed, self.grid)

    def make_pruner(self) -> BasePruner:
        """Make the pruner."""
        pruner: BasePruner = build(self.config.pruner)
        return pruner

    def settings(self) -> dict[str, Any]:
        """Settings that all trials have in common: the configuration without what may change between two calls."""
        config: dict[str, Any] = to_plain(self.config)
        return {key: drop_machine_keys(value, key) for key, value in config.items() if key not in MUTABLE_KEYS}

    def open_study(self) -> SharedStudy:
        """Open the study, and create it on first use."""

        def close_run(trial: FrozenTrial) -> None:
            mark_killed(trial.user_attrs.get("run", ""))

        return SharedStudy(self.storage, self.name, self.directions, self.settings(), close_run)

    def ask(self, study: SharedStudy) -> Trial | None:
        """Create the next trial; None when no more trials are needed."""
        return study.ask(self.n_trials, self.make_sampler(), self.make_pruner(), self.distributions)

    def train_overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Overrides for `train` to train with the parameters of a trial."""
        replaced = {*MUTABLE_KEYS, *params, "sweep"}
        kept = [
            override
            for override in self.overrides
            if (key := override_key(override)) not in replaced and not key.startswith("sweep.")
        ]
        return [*kept, *to_overrides(params, self.space)]
