"""The values of a composed configuration: is one missing, or of another kind than the one it takes the place of?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hrtem_lab.cli.config_keys import is_path
from hrtem_lab.saved_settings import RENAMED_TARGETS, current_key

if TYPE_CHECKING:
    from omegaconf import DictConfig


def check_config(config: DictConfig) -> str | None:
    """A mistake in the configuration that Hydra hands to a running command, in one line; None if there is none.

    A value is judged by the one it replaces: a number stays a number, a list a list. None may be replaced by anything,
    and anything by None. `++key=value` is not judged, for an argument that takes more kinds than its default shows.
    """
    return _renamed(config) or _missing(config) or _unlike(config)


def walk(node: Any, prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Every dotted key of a configuration and whether its value is missing; an interpolation is not followed."""
    from omegaconf import DictConfig, OmegaConf

    names: list[Any] = list(node) if isinstance(node, DictConfig) else list(range(len(node)))
    for name in names:
        missing = OmegaConf.is_missing(node, name)
        yield f"{prefix}{name}", missing
        if not missing and not OmegaConf.is_interpolation(node, name) and OmegaConf.is_config(node[name]):
            yield from walk(node[name], f"{prefix}{name}.")


def _renamed(config: DictConfig) -> str | None:
    """Return a message for an old name of a key or of a class, which a user's own file of settings may hold."""
    from omegaconf import OmegaConf

    for key, missing in walk(config):
        if current_key(key) != key:
            return f"{key} is called {current_key(key)} now: rename it in your file of settings"
        target = OmegaConf.select(config, key) if key.endswith("_target_") and not missing else None
        if target in RENAMED_TARGETS:
            return f"{target} is called {RENAMED_TARGETS[target]} now: rename it at {key} in your file of settings"
    return None


def _missing(config: DictConfig) -> str | None:
    """Keys without a value, save those that a `_partial_` node leaves to its caller."""
    from omegaconf import OmegaConf

    def left_open(key: str) -> bool:
        return bool(OmegaConf.select(config, f"{key.rpartition('.')[0]}._partial_".lstrip(".")))

    missing = [key for key, empty in walk(config) if empty and not left_open(key)]
    if not missing:
        return None
    give = " ".join(f"{key}={'PATH' if is_path(key) else 'VALUE'}" for key in missing)
    return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: give {give}"


def _unlike(config: DictConfig) -> str | None:
    """Compare what the user's overrides made of the configuration with what it is without them."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import OverrideType
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    hydra = HydraConfig.get()
    loader = GlobalHydra.instance().config_loader()
    lines = [str(line) for line in OmegaConf.to_container(hydra.overrides.task, resolve=False) or []]
    overrides = OverridesParser.create().parse_overrides(lines)
    groups = [override for override in overrides if loader.get_group_options(override.key_or_group)]
    changed = [override for override in overrides if override.type is OverrideType.CHANGE and override not in groups]
    if not changed:
        return None
    chosen = [override.input_line for override in groups if override.input_line is not None]
    base = loader.load_configuration(hydra.job.config_name, chosen, RunMode.RUN)
    return next(filter(None, (_mismatch(override.key_or_group, base, config) for override in changed)), None)


def _mismatch(key: str, base: DictConfig, config: DictConfig) -> str | None:
    """Explain a value of another kind than the one it takes the place of; None where the kind is the same."""
    from omegaconf import OmegaConf
    from omegaconf.errors import InterpolationResolutionError

    try:
        now = OmegaConf.select(config, key)
    except InterpolationResolutionError as error:
        return f"{key} cannot be resolved: {str(error).splitlines()[0]}"
    was = OmegaConf.select(base, key, throw_on_missing=False, throw_on_resolution_failure=False)
    before, after = _kind(was), _kind(now)
    needed = {name for name, missing in walk(base) if missing}
    if is_path(key) and before != "section" and (now == "" or (now is None and key in needed)):
        return f"{key} is {'empty' if now == '' else 'null'}, expected a path: give {key}=PATH"
    if before == after or "nothing" in (before, after) or (before == "text" and after in ("number", "switch")):
        return None
    expected = {
        "number": f"a number such as {was}",
        "switch": "true or false",
        "text": f"a single value such as {was}",
        "list": f"a list such as {_shown(was)}",
        "section": "settings below it, such as " + f"{key}.{next(iter(was))}=..." if before == "section" else "",
    }
    return f"{key} is {_shown(now)}, expected {expected[before]}"


def _kind(value: Any) -> str:
    """Kind of a value, in a user's words."""
    from omegaconf import DictConfig, ListConfig

    kinds = {"nothing": type(None), "switch": bool, "number": int | float, "list": ListConfig, "section": DictConfig}
    return next((name for name, kind in kinds.items() if isinstance(value, kind)), "text")


def _shown(value: Any) -> str:
    """A value as one would type it."""
    if _kind(value) == "list":
        return "[" + ",".join(map(str, value)) + "]"
    return f"'{value}'" if _kind(value) == "text" else str(value)
