"""Spaces: distributions, what is refused, and the configuration of a trial."""

import json
from typing import Any

import pytest
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hrtem_lab.micrograph import InputError
from hrtem_lab.search.space import compose_trial_config, make_distributions, make_grid, to_overrides

CONFIG = OmegaConf.create(
    {
        "rate": 0.1,
        "size": 4,
        "window": None,
        "method": {"_target_": "difflib.SequenceMatcher", "a": "x"},
        "seen": "${size}",
    }
)


@pytest.mark.parametrize(
    ("path", "arguments", "distribution"),
    [
        ("rate", {"low": 1e-5, "high": 1e-2, "log": True}, FloatDistribution(1e-5, 1e-2, log=True)),
        ("size", {"low": 2, "high": 8, "step": 2}, IntDistribution(2, 8, step=2)),
        ("rate", {"low": 0, "high": 1}, FloatDistribution(0, 1)),  # what is there has a fraction
        ("window", {"low": 0, "high": 1}, IntDistribution(0, 1)),
        ("window", {"choices": [None, 3, "a", True]}, CategoricalDistribution([None, 3, "a", True])),
        ("window", {"choices": [[1, 2], [3]]}, CategoricalDistribution(["[1, 2]", "[3]"])),
        ("loss", {"choices": ["dice", "dice_bce"]}, CategoricalDistribution(["dice", "dice_bce"])),
        ("method.b", {"choices": ["y"]}, CategoricalDistribution(["y"])),  # its class takes it
    ],
)
def test_a_path_has_the_distribution_of_its_arguments(path: str, arguments: dict[str, Any], distribution: Any):
    assert make_distributions({path: arguments}, CONFIG) == {path: distribution}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"rat": {"low": 0, "high": 1}}, "did you mean rate?"),
        ({"method.c": {"low": 0, "high": 1}}, "did you mean method."),
        ({"loss": {"choices": ["dice", "dicee"]}}, "loss 'dicee' does not exist; there are dice, dice_bce"),
        ({"rate": {"low": 0.0, "hihg": 1.0}}, "expected low and high"),
        ({"rate": {"low": 1.0, "high": 0.0}}, "expected low and high"),
        ({"rate": {"low": 0.0, "high": 1.0, "log": True}}, "expected low and high"),
        ({"rate": {"choices": [], "low": 1}}, "expected low and high"),
        ({"rate": {"choices": []}}, "expected low and high"),
        ({}, "sweep.space is empty"),
    ],
)
def test_a_wrong_space_is_refused_in_one_line(space: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message.replace("?", r"\?")) as error:
        make_distributions(space, CONFIG)
    assert "\n" not in str(error.value)


def test_a_grid_holds_every_value():
    distributions = make_distributions(
        {
            "rate": {"low": 0.0, "high": 0.3, "step": 0.1},
            "size": {"low": 1, "high": 5, "step": 2},
            "window": {"choices": ["a", None]},
        },
        CONFIG,
    )
    assert make_grid(distributions) == {
        "rate": pytest.approx([0, 0.1, 0.2, 0.3]),
        "size": [1, 3, 5],
        "window": ["a", None],
    }
    with pytest.raises(InputError, match="rate has no end of values"):
        make_grid(make_distributions({"rate": {"low": 0.0, "high": 1.0}}, CONFIG))


SPACE: dict[str, Any] = {
    "model.scheduler.max_lr": {"low": 1e-6, "high": 1e-2},
    "loss": {"choices": ["dice", "dice_bce"]},
    "model.net.decoder_channels": {"choices": [[8, 8], [16, 8]]},
    "methods.watershed.cue": {"choices": ["dark", "bright"]},
    "data.window_nm": {"choices": [None, 6.0]},
    "forest.max_features": {"choices": ["it's", "a ${b}"]},
    "specimen.film_nm": {"choices": [["it's", 'a "b"', None, True, 0.5]]},
}


def test_the_parameters_of_a_trial_replace_what_the_command_was_given():
    overrides = ["+experiment=quickstart", "+sweep=unet", "loss=dice", "model.scheduler.max_lr=1.0", "seed=3"]
    params = {
        "model.scheduler.max_lr": 1.25e-05,
        "loss": "dice_bce",
        "model.net.decoder_channels": "[16, 8]",
        "methods.watershed.cue": "bright",
        "data.window_nm": None,
        "forest.max_features": "a ${b}",
        "specimen.film_nm": json.dumps(["it's", 'a "b"', None, True, 0.5]),
    }
    config = compose_trial_config(overrides, params, SPACE)
    assert config.model.scheduler.max_lr == 1.25e-05
    assert config.model.loss._target_ == "hrtem_lab.segmentation.losses.SumLoss"
    assert config.model.net.decoder_channels == [16, 8]
    assert config.methods.watershed.cue == "bright"
    assert config.data.window_nm is None
    assert config.forest.max_features == "a ${b}"
    assert config.specimen.film_nm == ["it's", 'a "b"', None, True, 0.5]
    assert (config.seed, config.data.seed, config.name) == (3, 3, "quickstart")


def test_parameters_are_written_as_overrides():
    assert to_overrides({"loss": "dice_bce", "data.window_nm": 6.0}, SPACE) == ["loss=dice_bce", "++data.window_nm=6.0"]
