"""Hydra's configuration as other subpackages need it: compose one anew, and ask what the running command was given."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from hrtem_lab.cli.argv import rename
from hrtem_lab.paths import CONF

if TYPE_CHECKING:
    from omegaconf import DictConfig


def compose_config(command: str, overrides: Sequence[str]) -> DictConfig:
    """Compose the configuration of a command, inside a running command as well as in a process of its own.

    Overrides may have old names of settings (`hrtem_lab.saved_settings`).
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    initialized = GlobalHydra.instance().is_initialized()
    with nullcontext() if initialized else initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(command, overrides=[rename(override) for override in overrides])


def command_overrides() -> tuple[str, ...]:
    """The overrides that the running command was given."""
    from hydra.core.hydra_config import HydraConfig

    return tuple(HydraConfig.get().overrides.task)


def command_line() -> str:
    """The running command as it can be typed again; empty where none runs, as in a call from Python."""
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        return ""
    hydra = HydraConfig.get()
    return shlex.join(["python", "-m", f"hrtem_lab.{hydra.job.config_name}", *hydra.overrides.task])


def chosen_option(group: str) -> str:
    """The option of a group that the running command was given, such as `unet` of `sweep`."""
    from hydra.core.hydra_config import HydraConfig

    option: str = HydraConfig.get().runtime.choices[group]
    return option


def argument_names(target: str) -> list[str]:
    """Names of the arguments that the class or function of a `_target_` takes by keyword."""
    from hydra.utils import get_object

    parameters = inspect.signature(get_object(target)).parameters.values()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
