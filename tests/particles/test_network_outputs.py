"""Features from the outputs of a network."""

import numpy as np
import pytest

from hrtem_lab.particles import NETWORK_FEATURES, NETWORK_OUTPUTS, lattice_features, network_features
from tests.particles.scenes import particle, single


def two():
    instances = np.zeros((12, 20), dtype=np.int32)
    instances[2:6, 2:6], instances[6:10, 10:18] = 7, 3
    return instances


def test_means_are_over_the_outline():
    outputs = np.random.default_rng(0).random((2, 12, 20), dtype=np.float32)
    found = network_features(outputs, two())
    assert found.index.tolist() == [3, 7]
    assert list(found.columns) == list(NETWORK_FEATURES) == [f"seen_{name}" for name in NETWORK_OUTPUTS]
    for plane, name in zip(outputs, NETWORK_FEATURES, strict=True):
        assert found.loc[7, name] == pytest.approx(plane[2:6, 2:6].mean(), rel=1e-6)
        assert found.loc[3, name] == pytest.approx(plane[6:10, 10:18].mean(), rel=1e-6)


@pytest.mark.parametrize("outputs", [0, 1])
def test_outputs_that_the_network_lacks_are_nan(outputs):
    found = network_features(np.ones((outputs, 12, 20)), two())
    assert (found.iloc[:, :outputs] == 1).all(axis=None)
    assert found.iloc[:, outputs:].isna().all(axis=None)


def test_without_particles_there_are_no_rows():
    found = network_features(np.ones((2, 5, 5)), np.zeros((5, 5), dtype=np.int32))
    assert found.shape == (0, len(NETWORK_FEATURES))


def test_they_stand_beside_those_of_the_lattice():
    image, instances = particle(*single(), pixel_size_nm=0.05)
    outputs = np.full((2, *image.shape), 0.25, dtype=np.float32)
    alone, with_network = (lattice_features(image, instances, 0.05, m) for m in (None, outputs))
    assert (with_network[list(NETWORK_FEATURES)] == 0.25).all(axis=None)
    assert alone[list(NETWORK_FEATURES)].isna().all(axis=None)
    others = [name for name in alone if name not in NETWORK_FEATURES]
    np.testing.assert_array_equal(alone[others], with_network[others])
