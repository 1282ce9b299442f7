"""Mistakes in a sweep's configuration that are found before the first trial."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from hrtem_lab.cli.build import build_or_refuse
from hrtem_lab.cli.config_keys import SEED
from hrtem_lab.micrograph import InputError
from hrtem_lab.search.spec import StudySpec

if TYPE_CHECKING:
    from hrtem_lab.search.objectives import Objective


def check_spec(spec: StudySpec, objective: Objective) -> None:
    """Check everything that can be checked without running a trial.

    Raises:
        InputError: A path of the space, an objective, a number, the sampler or the pruner is not right.
    """
    config = spec.config
    for key in ("workers", "n_trials", "repeats"):
        if not isinstance(config[key], int) or config[key] < 1:
            raise InputError(f"{key} is {config[key]}, expected a whole number of at least 1")
    _check_objective_names(spec.objective_names, objective)
    if config.finalize:
        _check_finalize(spec)
    _ = spec.distributions, spec.grid
    _check_sampler_and_pruner(spec)


def _check_objective_names(names: list[str], objective: Objective) -> None:
    if not names:
        raise InputError("sweep.maximize and sweep.minimize are empty: give a metric, such as maximize: [val/dice]")
    for name in names:
        if name not in objective.metrics:
            closest = difflib.get_close_matches(name, objective.metrics, 1, 0.0)[0]
            raise InputError(f"{name} is not a validation metric of this sweep; did you mean {closest}?")


def _check_finalize(spec: StudySpec) -> None:
    if len(spec.objective_names) > 1:
        names = ", ".join(spec.objective_names)
        raise InputError(f"finalize=true needs one objective, there are {names}: leave it out, or choose one")
    if SEED in spec.space:
        raise InputError(
            "finalize=true trains under seeds of its own, and seed is part of the space: leave one of them out; "
            "repeats.csv compares what was tried under several seeds"
        )


def _check_sampler_and_pruner(spec: StudySpec) -> None:
    build_or_refuse(spec.config.pruner, "the pruner")
    try:
        spec.make_sampler()(0)
    except (TypeError, ValueError) as error:
        raise InputError(f"the sampler cannot be made: {error}; check its settings") from error
