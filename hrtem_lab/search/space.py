"""From a search space to Optuna's distributions, and from a trial's parameters back to a configuration."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from hrtem_lab.cli.argv import quote
from hrtem_lab.cli.compose import argument_names, compose_config
from hrtem_lab.cli.config_checks import walk
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF

Params = Mapping[str, Any]
"""Parameters of a trial: path -> value, as Optuna stores it."""
Space = Mapping[str, Mapping[str, Any]]
"""Path or group of the configuration -> keyword arguments of Optuna's `suggest_float`, `_int` or `_categorical`."""

FIXED_GROUPS = {"sweep", "sampler", "pruner", "experiment"}
"""Groups of the configuration that a trial cannot choose from."""


def make_distributions(space: Space, config: DictConfig) -> dict[str, BaseDistribution]:
    """Make the distribution of each path.

    Choices become a categorical distribution. Integer bounds become an integer one, unless the value in the
    configuration is a float.

    Args:
        space: Search space.
        config: Configuration that a trial changes. Every path has to be in it, or to be an argument of a class in it.

    Raises:
        InputError: A path does not exist, a group has no such option, or Optuna does not take the arguments.
    """
    if not space:
        raise InputError("sweep.space is empty: expected a path of the configuration -> {low, high} or {choices}")
    known_paths = [*(key for key, _ in walk(config)), *_group_names()]
    return {path: _make_distribution(path, dict(bounds), config, known_paths) for path, bounds in space.items()}


def _make_distribution(
    path: str, arguments: dict[str, Any], config: DictConfig, known_paths: list[str]
) -> BaseDistribution:
    _check_path(path, config, known_paths)
    try:
        if "choices" in arguments:
            return CategoricalDistribution([to_choice(option) for option in _check_options(path, **arguments)])
        bounds = [arguments.get(key, 1) for key in ("low", "high", "step")]
        default = OmegaConf.select(config, path, throw_on_resolution_failure=False)
        is_integer = all(isinstance(bound, int) for bound in bounds) and not isinstance(default, float)
        return IntDistribution(**arguments) if is_integer else FloatDistribution(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the space of {path} is {arguments}: {error}; expected low and high with log or step, or choices"
        ) from error


def _check_path(path: str, config: DictConfig, known_paths: list[str]) -> None:
    """Raise InputError unless the path is known, or an argument that the class beside it takes."""
    if path in known_paths:
        return
    known_paths = [*known_paths, *_argument_paths(path, config)]
    if path not in known_paths:
        closest = difflib.get_close_matches(path, known_paths, 1, 0.0)[0]
        raise InputError(f"the space names {path}, which is not in the configuration; did you mean {closest}?")


def _check_options(path: str, choices: Sequence[Any]) -> Sequence[Any]:
    """Return the choices. Those of a group have to be files of it."""
    files = {file.stem for file in (CONF / path).glob("*.yaml")}
    for choice in choices if files else ():
        if choice not in files:
            raise InputError(f"{path} '{choice}' does not exist; there are {', '.join(sorted(files))}")
    return choices


def to_choice(option: Any) -> Any:
    """An option as Optuna stores it: a list becomes JSON."""
    return json.dumps(option) if isinstance(option, list) else option


def make_grid(distributions: Mapping[str, BaseDistribution]) -> dict[str, list[Any]]:
    """List all values of each path, for a grid sampler.

    Raises:
        InputError: A path has infinitely many values.
    """
    values: dict[str, list[Any]] = {}
    for path, distribution in distributions.items():
        if isinstance(distribution, CategoricalDistribution):
            values[path] = list(distribution.choices)
        elif isinstance(distribution, IntDistribution) and not distribution.log:
            values[path] = list(range(distribution.low, distribution.high + 1, distribution.step))
        elif isinstance(distribution, FloatDistribution) and distribution.step:
            count = round((distribution.high - distribution.low) / distribution.step) + 1
            values[path] = np.linspace(distribution.low, distribution.high, count).tolist()
        else:
            raise InputError(f"sampler=grid: {path} has no end of values; give it a step or choices in the space")
    return values


def compose_trial_config(overrides: Sequence[str], params: Params, space: Space) -> DictConfig:
    """Compose the configuration of a trial, whose parameters replace what the command was given.

    Args:
        overrides: Overrides of the command.
        params: Parameters of the trial.
        space: Search space.
    """
    kept = [override for override in overrides if override.startswith("~") or override_key(override) not in params]
    return compose_config("sweep", [*kept, *to_overrides(params, space)])


def override_key(override: str) -> str:
    """The key of an override, without `+`, `++` or `~`."""
    return override.lstrip("+~").partition("=")[0]


def to_overrides(params: Params, space: Space) -> list[str]:
    """Write the parameters of a trial as overrides of a command."""
    return [f"{'' if _is_group(path) else '++'}{path}={_format(path, params[path], space)}" for path in params]


def _format(path: str, value: Any, space: Space) -> str:
    """A value as Hydra reads it."""
    for option in space[path].get("choices", ()):
        if to_choice(option) == value and isinstance(option, list):
            return str(value)  # Hydra reads a list of JSON
    if isinstance(value, str) and not _is_group(path):
        return quote(value)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _is_group(path: str) -> bool:
    return (CONF / path).is_dir()


def _group_names() -> Iterator[str]:
    """Groups of the configuration that a trial may choose from."""
    return (folder.name for folder in CONF.iterdir() if folder.is_dir() and folder.name not in FIXED_GROUPS)


def _argument_paths(path: str, config: DictConfig) -> list[str]:
    """Paths of all arguments of the class that a path belongs to, those with default values included."""
    parent = path.rpartition(".")[0]
    target = OmegaConf.select(config, f"{parent}._target_", throw_on_resolution_failure=False)
    return [f"{parent}.{name}" for name in argument_names(target)] if target else []
