"""A user's mistake in one line: what was given, what is expected, what to do.

Each function returns None where it finds no mistake. `check_argv` runs before Hydra reads the command line,
`explain_compose_error` after Hydra refused it, `explain_runtime_error` after the command itself failed;
`config_checks.check_config` judges what Hydra composed.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrtem_lab.cli.argv import OPTIONS, quote
from hrtem_lab.cli.config_checks import walk

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig


def check_argv(options: Sequence[str], overrides: Sequence[str]) -> str | None:
    """Report an unknown option, or an argument that is not `key=value`."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    for option in options:
        if option.startswith("-") and option.split("=")[0] not in OPTIONS:
            key = option.lstrip("-").split("=")[0].replace("-", "_")
            return f"{option} is not an option; a setting is given as KEY=VALUE, such as {key}=...; --help lists them"
    parser = OverridesParser.create()
    for word in overrides:
        try:
            parser.parse_overrides([word])
        except HydraException:
            return _unreadable(word)
    return None


def _unreadable(word: str) -> str:
    """Why Hydra's grammar refuses a word."""
    key, equal, value = word.partition("=")
    if not equal:
        example = f"input={shlex.quote(word)}" if os.path.exists(word) else "seed=1"
        return f"'{word}' is not a setting: give KEY=VALUE, such as {example}"
    if not re.fullmatch(r"[+~]{0,2}[\w.$/@-]+", key):
        return f"'{key}' in '{word}' is not the name of a setting: give KEY=VALUE, such as seed=1"
    return f"cannot read the value of '{word}': quote it, {shlex.quote(f'{key}={quote(value)}')}"


def explain_compose_error(error: Exception, overrides: Sequence[str], conf: Path, config_name: str) -> str | None:
    """Name the override that Hydra could not apply, or give Hydra's message where no override is to blame."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    # Hydra answers a group's option that is a number by a ValueError, and YAML's errors come as they are
    ours = isinstance(error, HydraException | OmegaConfBaseException | ValueError) or "yaml" in type(error).__module__
    if not ours:
        return None
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return _first(parsed, conf, config_name) or one_line(_said(error))


def _said(error: Exception) -> str:
    """Hydra's words for an error, without its search path and its advice."""
    words = str(error) or str(error.__cause__ or type(error).__name__)
    if match := re.match(r"You must specify '(.+?)'.*?Available options:\s*(.*)", words, re.DOTALL):
        return f"{match[1]} is missing: give {match[1]}=NAME, one of {', '.join(match[2].split())}"
    if match := re.match(r"Ambiguous value for argument '(.*?)'\n|Sweep parameters '(.*?)' requires", words, re.DOTALL):
        key, _, value = (match[1] or match[2]).partition("=")
        as_list = shlex.quote(f"{key}=[{value}]")
        return f"{key}={value} is more than one value: add -m to run once for each, or give a list as {as_list}"
    return re.split(r"Config search path|\s+To append to your|\s+See https|\s+full_key:|\s+object_type=", words)[0]


def _first(overrides: list[Override], conf: Path, config_name: str) -> str | None:
    """The first override that the configuration has no place for."""
    from hydra import compose, initialize_config_dir

    groups = [override for override in overrides if (conf / override.key_or_group).is_dir()]
    for override in groups:
        if message := _unknown_option(override, conf / override.key_or_group):
            return message
    with initialize_config_dir(str(conf), version_base="1.3"):
        try:
            chosen = compose(config_name, return_hydra_config=True).hydra.runtime.choices
            for override in groups:
                if (message := _misplaced(override, chosen)) and not _composes(config_name, override):
                    return message
            given = [override.input_line for override in groups if not override.is_sweep_override()]
            base = compose(config_name, overrides=[line for line in given if line is not None])
        except Exception:  # a file of the configuration is at fault, or a group has to be chosen: Hydra's words say it
            return None
    keys = list(dict.fromkeys([*(key for key, _ in walk(base)), *(key for key in chosen if "hydra/" not in key)]))
    values = [override for override in overrides if override not in groups and not override.is_hydra_override()]
    return next(filter(None, (_no_place(override, base, keys) for override in values)), None)


def _unknown_option(override: Override, folder: Path) -> str | None:
    """A group has no such file."""
    given: Iterable[Any] = [override.value()]
    if override.is_sweep_override():
        listed = override.value_type is not None and override.value_type.name in ("CHOICE_SWEEP", "SIMPLE_CHOICE_SWEEP")
        given = override.sweep_iterator() if listed else []
    for name in (name for value in given for name in (value if isinstance(value, list) else [value])):
        if not (folder / f"{name}.yaml").is_file() and not override.is_delete():
            names = ", ".join(_nearest(str(name), (file.stem for file in folder.glob("*.yaml"))))
            given_name = "null" if name is None else name
            return f"{override.key_or_group} '{given_name}' does not exist; there are {names}"
    return None


def _composes(config_name: str, override: Override) -> bool:
    """Whether a group's override has its place: a list of several files has one that the choices do not tell of."""
    from hydra import compose
    from hydra.errors import ConfigCompositionException

    try:
        compose(config_name, overrides=[override.input_line or ""])
    except ConfigCompositionException:
        return False
    return True


def _misplaced(override: Override, chosen: Any) -> str | None:
    """A group that is given with a + it must not have, or without the + it needs."""
    key = override.key_or_group if override.package is None else f"{override.key_or_group}@{override.package}"
    line = (override.input_line or "").lstrip("+~")
    if override.is_add() and key in chosen:
        return f"{key} is {chosen[key]} already: to choose another write {line}, without the +"
    if key in chosen or override.is_add():
        return None
    return f"{key} is not part of this command by default: to add it write +{line}"


def _no_place(override: Override, base: DictConfig, keys: list[str]) -> str | None:
    """A key that is not in the configuration, or one that is to be added and is there already."""
    from omegaconf import OmegaConf

    key, line = override.key_or_group, (override.input_line or "").lstrip("+~")
    if key in keys and override.is_add():
        there = OmegaConf.select(base, key, throw_on_missing=False, throw_on_resolution_failure=False) is not None
        return f"{key} is in the configuration already: write {line}, without the +" if there else None
    if key in keys or override.is_add() or override.is_force_add():
        return None
    if near := _meant(key, keys):
        return f"{key} is not in the configuration; did you mean {near}?"
    add = "" if override.is_delete() else f", to add it write +{line}"
    return f"{key} is not in the configuration: --cfg job shows what is{add}"


def _meant(key: str, keys: list[str]) -> str | None:
    """The key that was meant: a neighbour spelt much the same, or else one of nearly the same name elsewhere."""
    above, _, name = key.rpartition(".")
    beside = {known.rpartition(".")[2]: known for known in keys if known.rpartition(".")[0] == above}
    for found in difflib.get_close_matches(name, beside, 1):
        return beside[found]
    alike = difflib.get_close_matches(name, [known.rpartition(".")[2] for known in keys], 1, 0.85)
    return next(iter(_nearest(key, (known for known in keys if known.rpartition(".")[2] in alike))), None)


def _nearest(name: str, names: Iterable[str]) -> list[str]:
    """Names, the most alike first."""
    return sorted(names, key=lambda other: (-difflib.SequenceMatcher(None, name, other).ratio(), other))


def explain_runtime_error(error: BaseException, overrides: Sequence[str]) -> str | None:
    """Give the message of an InputError, also of a wrapped one, and explain errors that come from outside the program.

    Those are weights that cannot be downloaded, a disk that is full or read-only, and an argument that a class does not
    take.
    """
    contract = sys.modules.get("hrtem_lab.micrograph")
    link: BaseException | None = error
    while link is not None:
        if contract is not None and isinstance(link, contract.InputError):
            # a worker of a data loader puts its traceback into the message; its last line is what was raised
            return one_line(re.sub(r"^Caught InputError.*InputError: ", "", str(link), flags=re.DOTALL))
        if type(link).__name__ == "LocalEntryNotFoundError":  # of huggingface_hub, which keeps ImageNet's weights
            return (
                "the weights that the encoder begins with cannot be downloaded from huggingface.co: connect to the "
                "network, or give model.net.encoder_weights=null to begin with none"
            )
        if message := explain_storage_error(link):
            return message
        link = link.__cause__
    if refused := re.search(r"call to target '(.+?)'.*unexpected keyword argument '(\w+)'", str(error), re.DOTALL):
        for key in (word.lstrip("+").partition("=")[0] for word in overrides if word.startswith("+")):
            if key.rpartition(".")[2] == refused[2]:
                return f"{key} is not an argument of {refused[1]}: check its spelling, or leave it out"
    return None


STORAGE_ERRORS = {
    errno.ENOSPC: "no space is left on the disk; free some, or give another output",
    errno.EDQUOT: "your disk quota is used up; free some of it, or give another output",
    errno.EFBIG: "the file is larger than you may write; raise the limit, or give another output",
    errno.EROFS: "the disk is read-only; give another output",
    errno.EACCES: "you may not write there; give another output, or change its permissions",
}
"""Meaning of an error of the operating system, and the way out."""
DATABASE_ERRORS = {
    "attempt to write a readonly database": errno.EACCES,
    "database or disk is full": errno.ENOSPC,
    "(sqlite3.OperationalError) disk I/O error": errno.EFBIG,
}
"""SQLite's words for the same."""


def explain_storage_error(error: BaseException) -> str | None:
    """Explain an error of a disk, or of a database on it, that cannot be written."""
    if isinstance(error, OSError) and error.errno in STORAGE_ERRORS:
        return f"{error.filename or 'a file'} cannot be written: {STORAGE_ERRORS[error.errno]}"
    for text, code in DATABASE_ERRORS.items():
        if text in str(error):
            return f"a database cannot be written: {STORAGE_ERRORS[code]} (MLFLOW_TRACKING_URI names that of MLflow)"
    return None


def one_line(text: str) -> str:
    """Join the lines of a text."""
    return " ".join(line.strip() for line in text.splitlines() if line.strip())
