"""The table of configuration keys: it is complete, and what is derived from it."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from hrtem_lab.cli.compose import compose_config
from hrtem_lab.cli.config_keys import (
    KEYS,
    MUTABLE_KEYS,
    RESUME_KEYS,
    SEED,
    SPECIMEN_SEED,
    drop_machine_keys,
    is_path,
    validation_settings,
)
from hrtem_lab.paths import CONF

COMMANDS = sorted(file.stem for file in CONF.glob("*.yaml"))
MORE = {
    "fetch": ["set=gold2022"],
    "predict": ["material=au"],
    "train": ["data=labelled", "callbacks=[ema]", "matrix=dose"],
    "sweep": ["+sweep=unet"],
}
"""Overrides that bring in keys which a command does not have by default."""


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    return {command: compose_config(command, MORE.get(command, [])) for command in COMMANDS}


def test_every_key_of_every_command_is_listed(composed: dict[str, Any]) -> None:
    needed = {str(key) for config in composed.values() for key in config}
    needed |= {f"data.{key}" for config in composed.values() if "data" in config for key in config.data}
    assert needed == set(KEYS)


def test_the_seeds_are_keys_of_a_training(composed: dict[str, Any]) -> None:
    for key in (SEED, SPECIMEN_SEED):
        assert OmegaConf.select(composed["sweep"], key) == 0


def test_keys_with_a_property() -> None:
    assert set(RESUME_KEYS) == {"seed", "start", "kept_of_start", "keep", "model", "trainer", "callbacks", "data"}
    budget = {"n_trials", "workers", "max_failures", "finalize", "repeats"}
    assert set(MUTABLE_KEYS) == {*budget, "storage", "study", "output", "sampler", "pruner"}
    paths = {
        "folder",
        "input",
        "output",
        "against",
        "model",
        "start",
        "calibration",
        "storage",
        "tables",
        "data.root",
        "data.cache",
        "leave_out",
        "masks",
    }
    assert {key for key in KEYS if is_path(key)} == paths
    assert is_path("data.library.root")
    assert is_path("some.thing.path")
    assert not is_path("some.thing")


def test_machine_keys_are_dropped_at_any_depth() -> None:
    data = {"root": "/labels", "workers": 2, "library": {"root": "/cache", "cluster": None, "count": 3}}
    config = {"workers": 4, "data": data, "parts": [{"folder": Path(), "size": 1}]}
    kept = {"root": "/labels", "library": {"count": 3}}
    assert drop_machine_keys(config) == {"data": kept, "parts": [{"size": 1}]}
    assert drop_machine_keys(data, "data") == kept


def test_validation_does_not_depend_on_how_a_network_is_trained() -> None:
    data = {"batch_size": 8, "samples": 512, "workers": 0, "library": {"count": 3}, "new_setting": 1}
    assert validation_settings(data) == {"library": {"count": 3}, "new_setting": 1}
