"""The eight orientations of an image, and the mean prediction over them."""

import numpy as np
import pytest
from scipy.special import expit

from hrtem_lab.segmentation.orientations import ORIENTATIONS
from tests.segmentation.scenes import Tiny, Where, noise, unet

pytestmark = pytest.mark.usefixtures("full_precision")


def test_the_eight_orientations_differ_and_have_inverses():
    image = noise(5, 5)
    views = [turned(image) for turned, _ in ORIENTATIONS]
    assert len({view.tobytes() for view in views}) == 8
    for (_, back), view in zip(ORIENTATIONS, views, strict=True):
        np.testing.assert_array_equal(back(view), image)


@pytest.mark.parametrize("turned", [lambda a: np.rot90(a), lambda a: a[::-1], lambda a: np.rot90(a, 2)[:, ::-1]])
def test_an_augmented_network_does_not_depend_on_the_orientation(turned):
    image = noise(64, 96)
    plain, averaged = unet(Tiny()), unet(Tiny(), tta=True)
    assert np.abs(plain.score_map(turned(image)) - turned(plain.score_map(image))).max() > 1e-3
    np.testing.assert_allclose(averaged.score_map(turned(image)), turned(averaged.score_map(image)), atol=1e-6)


def test_augmentation_is_the_mean_of_probabilities():
    """The logits rise from left to right in a tile: half of the orientations reverse or transpose that."""
    image = noise(64, 64)
    along = expit(np.linspace(-3, 3, 64))
    views = [along[None, :], along[None, ::-1], along[:, None], along[::-1, None]]
    np.testing.assert_allclose(unet(Where(), tta=True).score_map(image), sum(views) / 4, atol=1e-6)
