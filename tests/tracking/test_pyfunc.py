"""The model as MLflow serves it."""

import numpy as np
import pytest

from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.preprocessing import Preprocessing
from hrtem_lab.tracking.pyfunc import ParticleModel
from tests.models import Dark


@pytest.mark.parametrize("fill", [0.0, 5000.0, np.nan])
def test_nothing_is_found_in_an_empty_border(fill: float):
    """And what is found beside it does not depend on what it holds."""
    served = ParticleModel()
    served.segmenter = NetworkSegmenter(net=Dark(), preprocessing=Preprocessing())
    image = np.random.default_rng(0).normal(1000, 30, (96, 128)).astype(np.float32)
    image[40:60, 60:80] -= 300
    bordered = image.copy()
    bordered[:, :32] = fill
    (probability,) = served.predict(None, bordered[None], {"pixel_size_nm": 0.05})
    assert (probability[:, :32] == 0).all()
    assert probability[45:55, 65:75].min() > 0.5
    (without,) = served.predict(None, image[None, :, 32:], {"pixel_size_nm": 0.05})
    assert probability[:, 40:] == pytest.approx(without[:, 8:], abs=0.2)
