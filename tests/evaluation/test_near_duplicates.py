"""Images of one field are found however they were changed, and unrelated ones are not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, rotate, zoom

from hrtem_lab.evaluation import near_duplicates
from hrtem_lab.evaluation.near_duplicates import (
    MIN_INLIERS,
    count_agreeing_points,
    find_near_duplicates,
    hash_image,
    same_field_groups,
)


def field(seed: int, size: int = 220) -> np.ndarray:
    """A drawn micrograph: granular film, and a dark particle with fringes in another place for every seed."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:size, :size]
    image = gaussian_filter(rng.normal(size=(size, size)), 1.5) * 4
    centre = rng.uniform(0.3 * size, 0.7 * size, 2)
    disc = np.hypot(row - centre[0], column - centre[1]) < 40
    return np.where(disc, image - 2 + np.cos(row / 2 + column), image).astype(np.float32)


CHANGES = {
    "the same": lambda image: image,
    "shifted": lambda image: image[60:, :-50],
    "turned by a quarter": np.rot90,
    "turned by 17 degrees": lambda image: rotate(image, 17, reshape=False, mode="reflect")[35:-35, 35:-35],
    "mirrored": lambda image: image[:, ::-1],
    "rescaled": lambda image: zoom(image, 0.7, order=1),
    "renormalised": lambda image: np.exp(0.3 * image) * 1000 + 5,
    "all at once": lambda image: zoom(np.rot90(image[40:, :-40])[::-1], 1.3, order=1) * 3 - 7,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_same_field_is_found_however_it_was_changed(change) -> None:
    for seed in range(3):
        image = field(seed)
        assert count_agreeing_points(hash_image(image), hash_image(change(image))) >= MIN_INLIERS


def test_unrelated_fields_have_little_in_common() -> None:
    hashes = [hash_image(field(seed)) for seed in range(12)]
    found = [count_agreeing_points(hashes[i], hashes[j]) for i in range(12) for j in range(i)]
    assert max(found) < MIN_INLIERS / 2


def test_two_grains_of_one_crystal_are_two_fields() -> None:
    """The lattice is the same, and in the same direction; the noise is not."""
    row, column = np.mgrid[:200, :200]
    lattice = np.cos(row * 0.8 + column * 0.3) + np.cos(row * 0.3 - column * 0.8)
    hashes = [hash_image(lattice + np.random.default_rng(seed).normal(size=(200, 200))) for seed in range(4)]
    assert find_near_duplicates(hashes) == []


def test_pairs_are_found_and_joined() -> None:
    images = [field(0), field(1), np.rot90(field(0)), field(2), field(0)[:, 60:]]
    steps = []
    pairs = find_near_duplicates([hash_image(image) for image in images], lambda *step: steps.append(step))
    assert {pair[:2] for pair in pairs} == {(0, 2), (0, 4), (2, 4)}
    assert steps[-1] == (5, 5)
    assert len(set(same_field_groups(pairs, 5)[[0, 2, 4]])) == 1
    assert len(set(same_field_groups(pairs, 5))) == 3


def test_no_pair_is_lost_by_comparing_similar_images_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair that comparing each with each finds, though an image is compared with a fifth of the others."""
    monkeypatch.setattr(near_duplicates, "MAX_COMPARED", 10)
    hashes = [hash_image(field(seed)) for seed in range(40)]
    hashes += [hash_image(change(field(seed))) for seed in (3, 27) for change in CHANGES.values()]
    compared = [(i, j, count_agreeing_points(hashes[i], hashes[j])) for j in range(len(hashes)) for i in range(j)]
    assert find_near_duplicates(hashes) == sorted(pair for pair in compared if pair[2] >= MIN_INLIERS)


def test_more_copies_than_one_image_is_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of one field in which the noise changes: each is a duplicate of each."""
    monkeypatch.setattr(near_duplicates, "MAX_COMPARED", 4)
    rng = np.random.default_rng(0)
    frames = [field(0) + rng.normal(0, 0.3, (220, 220)) for _ in range(12)]
    assert len(find_near_duplicates([hash_image(frame) for frame in frames])) == 12 * 11 / 2


def test_a_blank_image_has_nothing_to_be_found_by() -> None:
    blank = hash_image(np.zeros((64, 64)))
    assert find_near_duplicates([blank, blank]) == []
    assert find_near_duplicates([blank, hash_image(field(0))]) == []
    assert find_near_duplicates([]) == []


@given(st.integers(2, 8), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=8))
def test_what_is_joined_by_others_is_joined(count: int, edges: list[tuple[int, int]]) -> None:
    pairs = [(i, j, 99) for i, j in edges if i < j < count]
    numbers = same_field_groups(pairs, count)
    assert len(numbers) == count
    assert all(numbers[i] == numbers[j] for i, j, _ in pairs)
    if not pairs:
        assert len(set(numbers.tolist())) == count
