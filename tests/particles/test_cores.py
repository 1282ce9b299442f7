"""Cores of drawn particles."""

import numpy as np
import pytest
from hypothesis import given
from skimage.measure import label

from hrtem_lab.particles.cores import cores
from hrtem_lab.particles.separate import separate
from tests.particles.scenes import discs, instances_of, square
from tests.strategies import masks, pixel_sizes_nm


def test_the_core_of_a_disc_is_a_disc_of_half_its_radius():
    for radius in (10, 25, 40):
        core = cores(instances_of(discs((80, 120, radius))))
        assert np.sqrt(core.sum() / np.pi) == pytest.approx(radius / 2, abs=1)
        assert core[80, 120]


def test_the_border_of_the_image_is_no_edge():
    """Half a disc has half the core of the disc, and what fills the image is core."""
    whole = instances_of(discs((80, 120, 30)))
    np.testing.assert_array_equal(cores(whole[80:]), cores(whole)[80:])
    assert cores(np.ones((5, 6), dtype=np.int32)).all()


@given(masks(), pixel_sizes_nm)
def test_every_particle_has_a_core_of_its_own(mask, pixel_size_nm):
    instances = separate(mask, 0.5, pixel_size_nm, min_diameter_nm=0)
    core = cores(instances)
    assert set(instances[core]) == set(range(1, instances.max() + 1))
    assert not (core & (instances == 0)).any()


def test_cores_of_particles_that_touch_are_apart():
    instances = instances_of(square(40, 60), square(80, 60), square(60, 100))
    assert label(instances > 0).max() == 1
    assert label(cores(instances)).max() == 3
