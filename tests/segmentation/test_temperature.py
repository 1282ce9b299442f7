"""Temperature scaling finds the most likely temperature, which corrects the confidence."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss
from torch import nn

from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.temperature import fit_temperature
from tests.segmentation.scenes import Pointwise, dark_discs, noise, unet

pytestmark = pytest.mark.usefixtures("full_precision")


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_logits_are_divided_by_the_temperature(temperature):
    image = noise(40, 50)
    for tta in (False, True):
        found = unet(Pointwise(), temperature=temperature, tta=tta).score_map(image)
        np.testing.assert_allclose(found, expit((-2 * image + 0.3) / temperature), atol=1e-6)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_of_sampled_labels_is_recovered(temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 40_000)
    truth = rng.random(len(logits)) < expit(logits / temperature)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.05)


def test_the_temperature_of_a_perfect_network_is_bounded():
    logits = noise(1000)
    assert fit_temperature(logits, logits > 0) == pytest.approx(0.1, rel=0.01)


def test_tuning_finds_the_most_likely_temperature_of_an_overconfident_network():
    """Noise of deviation 1, particles at -2 on 22 % of the field: the odds at x are exp(-2 x - 2) * 0.22 / 0.78.

    The network says five times the logarithm of that, of an image that has been standardised.
    """

    class Sure(nn.Module):
        def forward(self, images):
            return 5 * (-2 * images - 2 + np.log(0.22 / 0.78))

    def loss(method, micrograph):
        return log_loss(micrograph.mask.ravel(), method.segment(micrograph).particle_probability.ravel())

    sure, shown, fresh = unet(Sure()), dark_discs(0, contrast=2.0), dark_discs(2, contrast=2.0)
    tuned = sure.tune([shown])
    assert 3 < tuned.temperature < 9
    for factor in (0.8, 1.25):
        assert loss(tuned, shown) < loss(replace(tuned, temperature=factor * tuned.temperature), shown)
    assert loss(tuned, fresh) < loss(sure, fresh) / 2


def test_without_validation_the_temperature_stays():
    assert unet(Pointwise(), temperature=1.5).tune([]).temperature == 1.5


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan])
def test_an_impossible_temperature_is_refused(temperature):
    with pytest.raises(InputError, match="temperature"):
        unet(Pointwise(), temperature=temperature)
