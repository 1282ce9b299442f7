"""Tiles that are cut from simulated micrographs."""

import numpy as np
import pytest

from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.physics.tiles import MAX_COVERED, MIN_TILE_NM, cut_tile

FIELD_NM, PIXEL_NM = 16.0, 0.08


def micrograph(covered_rows: int) -> LabelledMicrograph:
    """A field of 200 pixels, whose values are its pixels' numbers, with one particle that fills the first rows."""
    instances = np.zeros((200, 200), np.int32)
    instances[:covered_rows] = 1
    image = np.arange(200 * 200, dtype=np.float32).reshape(200, 200)
    return LabelledMicrograph(image=image, pixel_size_nm=PIXEL_NM, name="field", instances=instances, group="field")


def test_a_tile_is_a_square_part_of_its_field_at_any_place_and_of_any_size():
    tiles = [cut_tile(micrograph(0), FIELD_NM, np.random.default_rng(seed)) for seed in range(1000)]
    sides_nm = np.array([len(tile.image) * tile.pixel_size_nm for tile in tiles])
    assert sides_nm.min() == pytest.approx(MIN_TILE_NM, rel=0.05)
    assert sides_nm.max() == pytest.approx(FIELD_NM, rel=0.05)
    assert np.median(sides_nm) == pytest.approx(np.sqrt(MIN_TILE_NM * FIELD_NM), rel=0.1)
    for tile in tiles[:20]:
        side = len(tile.image)
        top, left = divmod(int(tile.image[0, 0]), 200)
        assert np.array_equal(tile.image, micrograph(0).image[top : top + side, left : left + side])


def test_a_tile_shows_some_film_or_is_the_whole_field():
    for seed in range(50):
        tile = cut_tile(micrograph(150), FIELD_NM, np.random.default_rng(seed))
        assert (tile.image < 150 * 200).mean() <= MAX_COVERED
    assert cut_tile(micrograph(200), FIELD_NM, np.random.default_rng(0)).image.shape == (200, 200)
