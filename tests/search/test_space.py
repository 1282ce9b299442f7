"""Spaces: what is drawn, what is refused, and the configuration that comes of it."""

import json
from typing import Any

import pytest
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hrtem_lab.micrograph import InputError
from hrtem_lab.search.space import composed, distributions, grid, overrides

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
    ("path", "given", "drawn"),
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
def test_a_path_is_drawn_as_its_arguments_say(path: str, given: dict[str, Any], drawn: Any):
    assert distributions({path: given}, CONFIG) == {path: drawn}


@pytest.mark.parametrize(
    ("space", "said"),
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
def test_what_cannot_be_drawn_is_refused_in_one_line(space: dict[str, Any], said: str):
    with pytest.raises(InputError, match=said.replace("?", r"\?")) as error:
        distributions(space, CONFIG)
    assert "\n" not in str(error.value)


def test_a_grid_holds_every_value():
    drawn = distributions(
        {
            "rate": {"low": 0.0, "high": 0.3, "step": 0.1},
            "size": {"low": 1, "high": 5, "step": 2},
            "window": {"choices": ["a", None]},
        },
        CONFIG,
    )
    assert grid(drawn) == {"rate": pytest.approx([0, 0.1, 0.2, 0.3]), "size": [1, 3, 5], "window": ["a", None]}
    with pytest.raises(InputError, match="rate has no end of values"):
        grid(distributions({"rate": {"low": 0.0, "high": 1.0}}, CONFIG))


SPACE: dict[str, Any] = {
    "model.scheduler.max_lr": {"low": 1e-6, "high": 1e-2},
    "loss": {"choices": ["dice", "dice_bce"]},
    "model.net.decoder_channels": {"choices": [[8, 8], [16, 8]]},
    "methods.watershed.cue": {"choices": ["dark", "bright"]},
    "data.window_nm": {"choices": [None, 6.0]},
    "forest.max_features": {"choices": ["it's", "a ${b}"]},
    "specimen.film_nm": {"choices": [["it's", 'a "b"', None, True, 0.5]]},
}


def test_a_trial_has_its_values_whatever_the_command_said():
    words = ["+experiment=quickstart", "+sweep=unet", "loss=dice", "model.scheduler.max_lr=1.0", "seed=3"]
    values = {
        "model.scheduler.max_lr": 1.25e-05,
        "loss": "dice_bce",
        "model.net.decoder_channels": "[16, 8]",
        "methods.watershed.cue": "bright",
        "data.window_nm": None,
        "forest.max_features": "a ${b}",
        "specimen.film_nm": json.dumps(["it's", 'a "b"', None, True, 0.5]),
    }
    config = composed(words, values, SPACE)
    assert config.model.scheduler.max_lr == 1.25e-05
    assert config.model.loss._target_ == "hrtem_lab.segmentation.losses.SumLoss"
    assert config.model.net.decoder_channels == [16, 8]
    assert config.methods.watershed.cue == "bright"
    assert config.data.window_nm is None
    assert config.forest.max_features == "a ${b}"
    assert config.specimen.film_nm == ["it's", 'a "b"', None, True, 0.5]
    assert (config.seed, config.data.seed, config.name) == (3, 3, "quickstart")


def test_words_of_a_trial_can_be_given_to_a_command():
    assert overrides({"loss": "dice_bce", "data.window_nm": 6.0}, SPACE) == ["loss=dice_bce", "++data.window_nm=6.0"]
