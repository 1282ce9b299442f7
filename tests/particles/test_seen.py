"""What a network told of a particle's pixels."""

import numpy as np
import pytest

from hrtem_lab.particles import OUTPUTS, SEEN, lattice_features, seen_features
from tests.particles.scenes import particle, single


def two():
    instances = np.zeros((12, 20), dtype=np.int32)
    instances[2:6, 2:6], instances[6:10, 10:18] = 7, 3
    return instances


def test_means_are_over_the_outline():
    maps = np.random.default_rng(0).random((2, 12, 20), dtype=np.float32)
    found = seen_features(maps, two())
    assert found.index.tolist() == [3, 7]
    assert list(found.columns) == list(SEEN) == [f"seen_{name}" for name in OUTPUTS]
    for plane, name in zip(maps, SEEN, strict=True):
        assert found.loc[7, name] == pytest.approx(plane[2:6, 2:6].mean(), rel=1e-6)
        assert found.loc[3, name] == pytest.approx(plane[6:10, 10:18].mean(), rel=1e-6)


@pytest.mark.parametrize("outputs", [0, 1])
def test_what_the_network_does_not_tell_is_not_known(outputs):
    found = seen_features(np.ones((outputs, 12, 20)), two())
    assert (found.iloc[:, :outputs] == 1).all(axis=None)
    assert found.iloc[:, outputs:].isna().all(axis=None)


def test_without_particles_there_are_no_rows():
    found = seen_features(np.ones((2, 5, 5)), np.zeros((5, 5), dtype=np.int32))
    assert found.shape == (0, len(SEEN))


def test_they_stand_beside_those_of_the_lattice():
    image, instances = particle(*single(), pixel_size_nm=0.05)
    maps = np.full((2, *image.shape), 0.25, dtype=np.float32)
    alone, told = (lattice_features(image, instances, 0.05, m) for m in (None, maps))
    assert (told[list(SEEN)] == 0.25).all(axis=None)
    assert alone[list(SEEN)].isna().all(axis=None)
    others = [name for name in alone if name not in SEEN]
    np.testing.assert_array_equal(alone[others], told[others])
