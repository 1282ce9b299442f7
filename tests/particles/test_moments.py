"""Moments agree with SciPy's."""

import numpy as np
import pytest
from scipy.stats import kurtosis, skew

from hrtem_lab.particles.moments import standardised_moment


@pytest.mark.parametrize("shape", [(7,), (3, 50)])
def test_moments_are_those_of_scipy(shape):
    values = np.random.default_rng(0).gamma(2.0, size=shape) + 1e3
    np.testing.assert_allclose(standardised_moment(values, 3), skew(values, axis=-1), rtol=1e-9)
    np.testing.assert_allclose(standardised_moment(values, 4), kurtosis(values, axis=-1, fisher=False), rtol=1e-9)
