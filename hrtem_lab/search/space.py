"""From the space of a sweep to Optuna's distributions, and from a trial's values back to a composed configuration."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from hrtem_lab.cli.argv import quote
from hrtem_lab.cli.config_checks import walk
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF

Values = Mapping[str, Any]
Space = Mapping[str, Mapping[str, Any]]
"""Path in the configuration, or group -> the keyword arguments of `suggest_float`, `_int` or `_categorical`."""


def distributions(space: Space, config: DictConfig) -> dict[str, BaseDistribution]:
    """What each path of the space is drawn from.

    Choices give a categorical; whole bounds give whole numbers, unless the value that is there has a fraction.

    Args:
        space: Of the sweep.
        config: What a trial changes; every path has to be in it, or to be an argument of a class in it.

    Raises:
        InputError: A path does not exist, a group has no such option, or the arguments are not those of Optuna.
    """
    if not space:
        raise InputError("sweep.space is empty: expected a path of the configuration -> {low, high} or {choices}")
    known = [*(key for key, _ in walk(config)), *_groups()]
    return {path: _distribution(path, dict(given), config, known) for path, given in space.items()}


def _distribution(path: str, given: dict[str, Any], config: DictConfig, known: list[str]) -> BaseDistribution:
    if path not in known and path not in (known := [*known, *_arguments(path, config)]):
        near = difflib.get_close_matches(path, known, 1, 0.0)
        raise InputError(f"the space names {path}, which is not in the configuration; did you mean {near[0]}?")
    try:
        if "choices" in given:
            return CategoricalDistribution([label(choice) for choice in _options(path, **given)])
        bounds = [given.get(key, 1) for key in ("low", "high", "step")]
        there = OmegaConf.select(config, path, throw_on_resolution_failure=False)
        whole = all(isinstance(bound, int) for bound in bounds) and not isinstance(there, float)
        return IntDistribution(**given) if whole else FloatDistribution(**given)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the space of {path} is {given}: {error}; expected low and high with log or step, or choices"
        ) from error


def _options(path: str, choices: Sequence[Any]) -> Sequence[Any]:
    """The choices; those of a group have to be files of it."""
    files = {file.stem for file in (CONF / path).glob("*.yaml")}
    for choice in choices if files else ():
        if choice not in files:
            raise InputError(f"{path} '{choice}' does not exist; there are {', '.join(sorted(files))}")
    return choices


def label(choice: Any) -> Any:
    """A choice as Optuna keeps it: a list becomes its text."""
    return json.dumps(choice) if isinstance(choice, list) else choice


def grid(drawn: Mapping[str, BaseDistribution]) -> dict[str, list[Any]]:
    """Every value of every path.

    Raises:
        InputError: One has no end of them.
    """
    values: dict[str, list[Any]] = {}
    for path, distribution in drawn.items():
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


def composed(words: Sequence[str], values: Values, space: Space) -> DictConfig:
    """The configuration of a trial: what the command was given, and over it the trial's values.

    Args:
        words: Overrides of the command.
        values: Path -> value, as Optuna keeps it.
        space: Of the sweep.
    """
    kept = [word for word in words if word.lstrip("+").partition("=")[0] not in values]
    ready = GlobalHydra.instance().is_initialized()  # by the command; not in a worker
    with nullcontext() if ready else initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("sweep", overrides=[*kept, *overrides(values, space)])


def overrides(values: Values, space: Space) -> list[str]:
    """A trial's values as words of a command."""
    return [f"{'' if _is_group(path) else '++'}{path}={_text(path, values[path], space)}" for path in values]


def _text(path: str, value: Any, space: Space) -> str:
    """A value as Hydra reads it."""
    for choice in space[path].get("choices", ()):
        if label(choice) == value and isinstance(choice, list):
            return str(value)  # JSON is Hydra's way to write a list, too
    if isinstance(value, str) and not _is_group(path):
        return quote(value)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _is_group(path: str) -> bool:
    return (CONF / path).is_dir()


def _groups() -> Iterator[str]:
    """Groups of the configuration that a trial may choose from."""
    own = {"sweep", "sampler", "pruner", "experiment"}
    return (folder.name for folder in Path(CONF).iterdir() if folder.is_dir() and folder.name not in own)


def _arguments(path: str, config: DictConfig) -> Iterator[str]:
    """Arguments that the class beside a path takes; the configuration may leave them at their defaults."""
    above = path.rpartition(".")[0]
    target = OmegaConf.select(config, f"{above}._target_", throw_on_resolution_failure=False)
    for parameter in inspect.signature(get_object(target)).parameters.values() if target else ():
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            yield f"{above}.{parameter.name}"
