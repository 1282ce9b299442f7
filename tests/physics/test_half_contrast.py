"""The half-contrast truth of drawn images without noise."""

import numpy as np
import pytest
from scipy.special import ndtr

from hrtem_lab.physics.half_contrast import half_contrast_instances

PIXEL_NM = 0.03


def place(field_nm=9.0):
    size = round(field_nm / PIXEL_NM)
    return (np.mgrid[:size, :size] - (size - 1) / 2) * PIXEL_NM


def diameter(region):
    return 2 * np.sqrt(np.count_nonzero(region) / np.pi) * PIXEL_NM


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_blurred_disc_ends_in_the_middle_of_its_edge_however_it_was_outlined(sign):
    distance = 2.5 - np.hypot(*place())
    image = 10 + sign * ndtr(distance / 0.1)
    for shift in (-0.3, 0.0, 0.3):
        found = half_contrast_instances(image, 3 * (distance + shift > 0).astype(np.int32), PIXEL_NM)
        assert set(np.unique(found)) == {0, 3}
        assert diameter(found) == pytest.approx(5.0, abs=0.02)


def test_a_sphere_ends_at_0_87_of_its_radius():
    radius = np.hypot(*place())
    thickness = np.sqrt(np.clip(1 - (radius / 2.5) ** 2, 0, None))
    found = half_contrast_instances(-thickness, (radius < 2.5).astype(np.int32), PIXEL_NM)
    assert diameter(found) / 5 == pytest.approx(0.873, abs=0.005)


def test_a_gap_inside_is_filled_and_fringes_do_not_count():
    row, column = place()
    distance = 2.5 - np.hypot(row, column)
    image = ndtr(distance / 0.1) * (1 + 3 * np.sin(2 * np.pi * (row + column) / 0.2355)) - (np.hypot(row, column) < 0.4)
    found = half_contrast_instances(image, (distance > 0).astype(np.int32), PIXEL_NM)
    assert diameter(found) == pytest.approx(5.0, abs=0.02)


def test_neighbours_stay_apart():
    row, column = place(12.0)
    left, right = 1.95 - np.hypot(row, column + 2), 1.95 - np.hypot(row, column - 2)
    instances = np.select([left > 0, right > 0], [1, 2]).astype(np.int32)
    found = half_contrast_instances(ndtr(left / 0.1) + 2 * ndtr(right / 0.1), instances, PIXEL_NM)
    for number in (1, 2):
        assert diameter(found == number) == pytest.approx(3.9, abs=0.05)


def test_what_the_image_does_not_show_has_no_half_contrast_outline():
    distance = 2.0 - np.hypot(*place())
    instances = (distance > 0).astype(np.int32)
    plain = np.ones(instances.shape)
    rings = ndtr(distance / 0.1) - 1.5 * np.exp(-(((distance - 0.3) / 0.15) ** 2))
    rings += 2 * np.exp(-(((distance + 0.25) / 0.15) ** 2))
    speckle = np.random.default_rng(0).normal(size=instances.shape)
    for image in (plain, rings, speckle):
        assert not half_contrast_instances(image, instances, PIXEL_NM).any()
    assert not half_contrast_instances(ndtr(distance), np.ones_like(instances), PIXEL_NM).any()
