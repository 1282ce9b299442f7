"""Two networks: the second is asked where the first is unsure, and the better promise is believed."""

from dataclasses import replace

import numpy as np
import pytest

from hrtem_lab.evaluation import pixel_counts, ratios
from hrtem_lab.segmentation.groschner import Groschner2021
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.second_opinion import SecondOpinion
from hrtem_lab.segmentation.segmenter import Segmentation
from tests.models import Dark
from tests.segmentation.scenes import Pointwise, dark_discs, mask_of, unet

RULE = SecondOpinion(sure=0.85, lead=0.04, empty=0.4, least=0.3)
DISCS = mask_of([(50, 60, 26), (120, 140, 34)])


def answer(certainty: float, instances: np.ndarray = DISCS) -> Segmentation:
    """Particles of one probability on a background where there is none: the expected Dice follows from it."""
    return Segmentation((certainty * (instances > 0)).astype(np.float32)[None], instances)


def with_promise(dice: float) -> Segmentation:
    """An answer of a known expected Dice: 2 p A / (p A + A) = dice."""
    return answer(dice / (2 - dice))


def test_the_expected_dice_is_that_of_truths_drawn_from_the_probabilities():
    rng = np.random.default_rng(0)
    probability = np.where(DISCS > 0, rng.uniform(0.5, 1, DISCS.shape), rng.uniform(0, 0.1, DISCS.shape))
    scores = [ratios(**pixel_counts(DISCS > 0, rng.random(DISCS.shape) < probability))["dice"] for _ in range(50)]
    segmentation = Segmentation(probability.astype(np.float32)[None], DISCS)
    assert segmentation.expected_dice == pytest.approx(np.mean(scores), abs=0.002)
    assert answer(1.0).expected_dice == 1
    assert answer(1.0, 0 * DISCS).expected_dice == 0


def test_an_answer_that_is_sure_or_finds_nothing_stands():
    assert RULE.is_sure(with_promise(RULE.sure + 0.01))
    assert not RULE.is_sure(with_promise(RULE.sure - 0.01))
    assert RULE.is_sure(answer(0.0, 0 * DISCS))


@pytest.mark.parametrize(
    ("first", "second", "chosen"),
    [
        (0.6, 0.7, "second"),
        (0.7, 0.7 + RULE.lead / 2, "first"),
        (0.7, 0.6, "first"),
        (RULE.empty + 0.05, None, "first"),
        (RULE.empty - 0.05, None, "second"),
        (RULE.least - 0.05, RULE.least - 0.1, "nothing"),
        (RULE.least - 0.05, RULE.least + 0.05, "second"),
    ],
)
def test_the_better_promise_is_believed(first: float, second: float | None, chosen: str):
    answers = {"first": with_promise(first), "second": answer(0.0, 0 * DISCS)}
    if second is not None:
        answers["second"] = with_promise(second)
    believed = RULE.choose(*answers.values())
    assert believed.is_first_answer == (chosen == "first")
    if chosen == "nothing":
        assert not believed.instances.any()
        assert "too unlikely" in believed.notes[0]
    else:
        assert believed.instances is answers[chosen].instances
        assert len(believed.notes) == (chosen == "second")


@pytest.fixture
def pair() -> NetworkSegmenter:
    """A network that is unsure of dark discs, and one that is not, which takes coarse pixels as well."""
    second = unet(Dark())
    second = replace(second, preprocessing=replace(second.preprocessing, max_pixel_size_nm=1.0))
    return unet(Pointwise(-0.7), load_second=lambda: second)


def test_the_second_network_is_asked_where_the_first_is_unsure(pair: NetworkSegmenter):
    micrograph = dark_discs(contrast=6.0)
    alone = replace(pair, load_second=None).segment(micrograph)
    assert not RULE.is_sure(alone)
    both = pair.segment(micrograph)
    assert pair.second is not None
    np.testing.assert_array_equal(both.probabilities, pair.second.segment(micrograph).probabilities)
    assert "second network" in both.notes[0]


def test_the_second_network_is_not_even_loaded_where_the_first_is_sure():
    def load() -> NetworkSegmenter:
        raise AssertionError("it is not needed")

    micrograph = dark_discs(contrast=6.0)
    sure = unet(Dark(), load_second=load).segment(micrograph)
    assert sure.instances.max() == 3
    assert sure.notes == ()


def test_what_is_saved_comes_back_as_a_pair(tmp_path):
    first, second = unet(Groschner2021()), unet(Groschner2021(), threshold=0.6)
    replace(first, load_second=lambda: second).save(tmp_path)
    read = NetworkSegmenter.load(tmp_path, "torch", min_diameter_nm=2.0)
    assert read.second is not None
    assert read.second.second is None
    assert (read.threshold, read.second.threshold) == (0.5, 0.6)
    assert read.min_diameter_nm == read.second.min_diameter_nm == 2.0
    image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    assert not np.allclose(read.score_map(image), read.second.score_map(image))
