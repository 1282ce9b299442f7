"""Defaults of the simulator are values of the configuration, which would otherwise stand in two places unnoticed."""

from dataclasses import asdict
from typing import Any

import pytest
from omegaconf import OmegaConf

from hrtem_lab.paths import CONF
from hrtem_lab.physics import Film, ImageSimulator, ImagingConditionRanges, Postprocessing


def as_lists(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("postprocessing/common", Postprocessing()),
        ("microscope/tem_300kV", ImagingConditionRanges()),
        ("support/carbon", Film()),
    ],
)
def test_defaults_are_those_of_a_file(name, default):
    settings = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    assert settings.pop("_target_") == f"hrtem_lab.physics.{type(default).__name__}"
    assert as_lists(asdict(default)) == settings


@pytest.mark.parametrize("name", ["simulate", "data/simulated"])
def test_the_largest_pixel_is_the_same_everywhere(name):
    settings = OmegaConf.load(CONF / f"{name}.yaml")
    assert settings.imaging.max_pixel_size_nm == ImageSimulator().max_pixel_size_nm
