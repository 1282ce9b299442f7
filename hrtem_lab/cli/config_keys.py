"""Properties of the keys of the configuration: one table for all commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SEED, SPECIMEN_SEED = "seed", "data.library.seed"
"""Keys that make a training an independent repetition: other weights to begin with, and other specimens."""


@dataclass(frozen=True)
class ConfigKey:
    """Properties of one key.

    Attributes:
        is_path: The value is a path: the command line passes it on literally, and it may not be empty.
        is_machine: The key says where and by how many processes the work is done. No result depends on it.
        is_mutable: The value may change while a study of `sweep` goes on.
        affects_validation: The validation micrographs depend on it.
        affects_weights: The trained weights depend on it. A group that is interpolated into `data` or `model` counts
            there, not by itself.
    """

    is_path: bool = False
    is_machine: bool = False
    is_mutable: bool = False
    affects_validation: bool = False
    affects_weights: bool = False


PLAIN = ConfigKey()
PATH = ConfigKey(is_path=True)
MACHINE = ConfigKey(is_machine=True)
MUTABLE = ConfigKey(is_mutable=True)
WEIGHTS = ConfigKey(affects_weights=True)
VALIDATION = ConfigKey(affects_validation=True)
DATA = ConfigKey(affects_validation=True, affects_weights=True)

KEYS: dict[str, ConfigKey] = {
    # several commands
    "model": ConfigKey(is_path=True, affects_weights=True),  # a section of train, a path elsewhere
    "output": ConfigKey(is_path=True, is_mutable=True),
    "seed": WEIGHTS,
    "name": PLAIN,
    "features": PLAIN,
    "specimen": PLAIN,
    "microscope": PLAIN,
    "postprocessing": PLAIN,
    "preprocessing": PLAIN,
    # train
    "trainer": WEIGHTS,
    "callbacks": WEIGHTS,
    "start": ConfigKey(is_path=True, affects_weights=True),
    "kept_of_start": WEIGHTS,
    "kept_settings": PLAIN,
    "keep": WEIGHTS,
    "seeds": PLAIN,
    "group_folds": PLAIN,
    "matrix": PLAIN,
    "deterministic": PLAIN,  # either way a training goes on from its checkpoint
    "methods": PLAIN,
    "tuning_views": PLAIN,
    # train and forest
    "forest": PLAIN,
    "references": PLAIN,
    "views": PLAIN,
    "test_views": PLAIN,
    "folds": PLAIN,
    "tables": ConfigKey(is_path=True, is_machine=True),
    "more_tables": PLAIN,
    "data": DATA,
    "data._target_": DATA,
    "data.library": DATA,
    "data.imaging": DATA,
    "data.validation": DATA,
    "data.test": DATA,
    "data.seed": DATA,
    "data.preprocessing": WEIGHTS,
    "data.augmentation": WEIGHTS,
    "data.window_nm": WEIGHTS,
    "data.samples": WEIGHTS,
    "data.batch_size": WEIGHTS,
    "data.workers": MACHINE,
    "data.root": ConfigKey(is_path=True, affects_validation=True, affects_weights=True),
    "data.pixel_size_nm": DATA,
    "set": PLAIN,
    "files": PLAIN,
    "data.layout": DATA,
    "data.splitter": DATA,
    "data.cache": ConfigKey(is_path=True, is_machine=True),
    "data.share": DATA,
    # sweep
    "sweep": PLAIN,
    "sampler": MUTABLE,
    "pruner": MUTABLE,
    "n_trials": MUTABLE,
    "workers": ConfigKey(is_machine=True, is_mutable=True),
    "storage": ConfigKey(is_path=True, is_mutable=True),
    "study": MUTABLE,
    "max_failures": MUTABLE,
    "finalize": MUTABLE,
    "repeats": MUTABLE,
    # simulate
    "n": PLAIN,
    "preview": PLAIN,
    "export": PLAIN,
    "images": PLAIN,
    "cluster": MACHINE,
    "library": PLAIN,
    "imaging": PLAIN,
    # promote, sync and ui
    "run": PLAIN,
    "folder": ConfigKey(is_path=True, is_machine=True),
    "open": MACHINE,
    # evaluate
    "models": PLAIN,
    "stage": PLAIN,
    "reference": PLAIN,
    # predict and statistics
    "input": PATH,
    "calibration": PATH,
    "masks": PATH,
    "leave_out": PATH,
    "threshold": PLAIN,
    "min_diameter_nm": PLAIN,
    "exports": PLAIN,
    "labelled": PLAIN,
    "tta": PLAIN,
    "engine": PLAIN,
    "outline": PLAIN,
    "pixel_size_nm": PLAIN,
    "overrule": PLAIN,
    "frames": PLAIN,
    "signal": PLAIN,
    "label": PLAIN,
    "report": PLAIN,
    "material": PLAIN,
    "bodies": PLAIN,
    "read_limit_s": MACHINE,
    "read_limit_gib": MACHINE,
    "against": PATH,
    # export and serve
    "format": PLAIN,
    "host": MACHINE,
    "port": MACHINE,
    "token": MACHINE,
    "max_upload_mib": MACHINE,
    "upload_limit_s": MACHINE,
    "analysis_limit_s": MACHINE,
    "max_waiting": MACHINE,
    "max_kept": MACHINE,
    "keep_s": MACHINE,
    "resamples": PLAIN,
}
"""Every key at the top of a command's configuration, and every key of `data`."""

NESTED_KEYS: dict[str, ConfigKey] = {
    "library.root": ConfigKey(is_path=True, is_machine=True),  # a cache: its content does not depend on its place
    "root": PATH,
    "path": PATH,
    "label_file": PATH,
    "workers": MACHINE,
    "cluster": MACHINE,
    "folder": MACHINE,
}
"""Properties of a key of this name at any depth, where `KEYS` does not list it; the first that fits counts."""

MUTABLE_KEYS = tuple(key for key, properties in KEYS.items() if properties.is_mutable)
"""Keys that may change while a study goes on."""
RESUME_KEYS = tuple(key for key, properties in KEYS.items() if properties.affects_weights and "." not in key)
"""Top-level keys that have to be the same for a training to go on from its checkpoint."""


def key_properties(key: str) -> ConfigKey:
    """Properties of a dotted key; those of a key that no table lists are all false."""
    if key in KEYS:
        return KEYS[key]
    return next((value for name, value in NESTED_KEYS.items() if key.endswith(f".{name}")), PLAIN)


def is_path(key: str) -> bool:
    """Whether a key holds a path."""
    return key_properties(key).is_path


def drop_machine_keys(node: Any, prefix: str = "") -> Any:
    """The configuration without machine-specific keys: only what can affect a result.

    Args:
        node: A part of the configuration as plain dicts and lists.
        prefix: Dotted key of that part, empty for the whole configuration.
    """
    if isinstance(node, dict):
        keys = {name: f"{prefix}.{name}".lstrip(".") for name in node}
        kept = {name: key for name, key in keys.items() if not key_properties(key).is_machine}
        return {name: drop_machine_keys(node[name], key) for name, key in kept.items()}
    if isinstance(node, list):
        return [drop_machine_keys(value, f"{prefix}.{index}") for index, value in enumerate(node)]
    return node


def validation_settings(data: dict[str, Any]) -> dict[str, Any]:
    """Select what the validation micrographs depend on.

    Args:
        data: The section `data` as plain dicts. A key of it that `KEYS` does not list is kept.
    """
    return {name: value for name, value in data.items() if KEYS.get(f"data.{name}", VALIDATION).affects_validation}
