"""A last layer learns from some drawn micrographs what others show, and stays what it was where that weighs more."""

from dataclasses import replace

import numpy as np
import pytest

from hrtem_lab.evaluation import pixel_counts, ratios
from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation import last_layer
from hrtem_lab.segmentation.last_layer import LastLayer
from tests.segmentation.scenes import Pointwise, Tiny, dark_discs, discs_elsewhere, unet


def drawn(seed: int):
    return dark_discs(seed, discs_elsewhere(seed), contrast=3.0)


def learned(count: int = 500, temperature: float = 1.0):
    layer = LastLayer(unet(Tiny(), temperature=temperature))
    return layer.learn([layer.draw(drawn(seed), count, np.random.default_rng(seed)) for seed in range(3)])


def test_it_learns_what_is_drawn() -> None:
    other = drawn(9)
    scores = [
        ratios(**pixel_counts(other.mask, segmenter.segment(other).particle_probability > 0.5))["dice"]
        for segmenter in (unet(Tiny()), learned())
    ]
    assert scores[0] < 0.6
    assert scores[1] > 0.95


def test_the_temperature_changes_nothing() -> None:
    other = drawn(9)
    cold, hot = (learned(temperature=t).segment(other).particle_probability for t in (1.0, 2.0))
    assert np.mean(np.abs(cold - hot)) < 0.02


def test_it_stays_what_it_was_where_that_weighs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_layer, "STRENGTH", 1e6)
    before, after = (segmenter.segment(drawn(9)).particle_probability for segmenter in (unet(Tiny()), learned()))
    np.testing.assert_allclose(after, before, atol=2e-3)  # rounding of bfloat16


def test_nothing_is_drawn_where_nobody_can_say_or_beside_the_image() -> None:
    micrograph = drawn(0)
    left = np.zeros(micrograph.mask.shape, bool)
    left[:, :90] = True
    instances = np.where(left, 0, 1).astype(np.int32)
    pixels = LastLayer(unet(Tiny())).draw(
        replace(micrograph, instances=instances, ignored=left), 400, np.random.default_rng(0)
    )
    assert set(pixels.targets) == {1.0}
    assert 120 < len(pixels.targets) < 240  # half of the image, which is padded from 180 to 192 pixels
    assert pixels.surrounds.shape == (len(pixels.targets), 4 * 25)


def test_a_network_without_a_convolution_is_refused() -> None:
    with pytest.raises(InputError, match="does not end with a convolution"):
        LastLayer(unet(Pointwise()))
