"""All segmenters are tuned in the same way, and their score maps become particles."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.segmentation.segmenter import Segmenter, pooled_dice
from tests.segmentation.scenes import PIXEL_NM, PREPROCESSING, dark_discs, labelled, mask_of, plain


@dataclass(frozen=True, kw_only=True)
class Planted(Segmenter):
    """Finds pixels below minus `level`; records the images."""

    name: ClassVar[str] = "planted"
    level: float = 100.0
    offered: tuple[dict, ...] = ()
    shown: list = field(default_factory=list)

    def score_map(self, image):
        self.shown.append(image)
        return (image < -self.level).astype(np.float32)

    def candidates(self):
        return self.offered


def levels(*values):
    return tuple({"level": v} for v in values)


@pytest.mark.parametrize("order", [(1e9, 0.5, 1.5), (1.5, 1e9, 0.5)])
def test_tuning_finds_the_planted_best(order):
    tuned = Planted(preprocessing=PREPROCESSING, offered=levels(*order)).tune([dark_discs(contrast=8.0)])
    assert tuned.level == 1.5
    fresh = dark_discs(1, contrast=8.0)
    assert pooled_dice([tuned(fresh) > 0], [fresh.mask]) > 0.98


def test_tuning_uses_the_validation_micrographs_and_nothing_else():
    deep, shallow = dark_discs(contrast=8.0), dark_discs(contrast=2.0)
    for micrograph, best in ((deep, 1.5), (shallow, 0.5)):
        method = Planted(preprocessing=PREPROCESSING, offered=levels(0.5, 1.5))
        assert method.tune([micrograph]).level == best
        for image in method.shown:
            np.testing.assert_array_equal(image, PREPROCESSING(micrograph))


def test_tuning_changes_neither_the_segmenter_nor_its_other_settings():
    method = Planted(preprocessing=PREPROCESSING, offered=levels(1.5), min_diameter_nm=0.7, threshold=0.4)
    tuned = method.tune([dark_discs(contrast=8.0)])
    assert (method.level, tuned.level) == (100.0, 1.5)
    assert (tuned.min_diameter_nm, tuned.threshold, tuned.preprocessing) == (0.7, 0.4, PREPROCESSING)


@dataclass(frozen=True, kw_only=True)
class Sloping(Planted):
    """Scores the true pixels with 0.6, but a number of them with 0.3."""

    truth: LabelledMicrograph
    faint: int = 0

    def score_map(self, image):
        told = np.where(self.truth.mask, 0.6, 0.0).astype(np.float32)
        told.flat[np.flatnonzero(self.truth.mask)[: self.faint]] = 0.3
        return told


@pytest.mark.parametrize(("share", "chosen"), [(0.0, 0.5), (0.003, 0.5), (0.006, 0.2)])
def test_the_highest_of_equally_good_thresholds_is_taken(share, chosen):
    """Missing a fraction s of the true pixels costs s / (2 - s) of Dice."""
    truth = dark_discs(contrast=8.0)
    offered = tuple({"threshold": t} for t in (0.1, 0.2, 0.5, 0.9))
    method = Sloping(preprocessing=PREPROCESSING, offered=offered, truth=truth, faint=int(share * truth.mask.sum()))
    assert method.tune([truth]).threshold == chosen


def test_thresholds_share_their_score_maps():
    offered = tuple({"level": level, "threshold": t} for level in (0.5, 1.5) for t in (0.1, 0.5, 0.9))
    method = Planted(preprocessing=PREPROCESSING, offered=offered)
    method.tune([dark_discs(0), dark_discs(1)])
    assert len(method.shown) == 2 * 2


def test_specks_below_the_smallest_size_do_not_influence_the_threshold():
    """The higher threshold loses a rim of the particle, the lower one passes specks that are removed later."""
    particle, half = (mask_of([(90, 90, radius)]) > 0 for radius in (30, 27))
    specks = np.zeros_like(particle)
    specks[::6, ::6] = ~particle[::6, ::6]
    score_map = (0.4 * particle + 0.4 * half + 0.4 * specks).astype(np.float32)

    @dataclass(frozen=True, kw_only=True)
    class Seen(Planted):
        def score_map(self, image):
            return score_map

    truth = labelled(np.zeros(particle.shape), particle.astype(np.int32))
    tuned = Seen(preprocessing=PREPROCESSING, offered=({"threshold": 0.3}, {"threshold": 0.5})).tune([truth])
    assert tuned.threshold == 0.3


def test_a_speck_in_a_bare_field_counts_as_its_pixels():
    """In a mean over micrographs it would count as much as a large particle that is missed."""
    large, speck, bare = mask_of([(90, 90, 80)]) > 0, mask_of([(90, 90, 4)]) > 0, np.zeros((180, 180), dtype=bool)
    assert pooled_dice([large, speck], [large, bare]) == pytest.approx(1, abs=0.01)
    assert pooled_dice([bare, bare], [large, bare]) == 0


def test_dice_is_undefined_without_any_particle():
    nothing, something = np.zeros((9, 9), dtype=bool), np.eye(9, dtype=bool)
    assert np.isnan(pooled_dice([nothing], [nothing]))
    assert np.isnan(pooled_dice([], []))
    assert pooled_dice([nothing, something], [nothing, something]) == 1
    assert pooled_dice([something, something], [nothing, something]) == pytest.approx(2 / 3)  # what is invented there


@pytest.mark.parametrize("validation", [[], [labelled(np.zeros((60, 60)), np.zeros((60, 60), dtype=np.int32))]])
def test_without_a_particle_nothing_can_be_chosen(validation: list[LabelledMicrograph]):
    method = Planted(preprocessing=PREPROCESSING, offered=levels(1.0, 2.0))
    assert method.tune(validation).level == 100.0


@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.05, 0.08])
@pytest.mark.parametrize("shape", [(90, 140), (91, 33)])
def test_score_maps_are_on_the_grid_of_the_micrograph(pixel_size_nm, shape):
    image = np.random.default_rng(0).normal(size=shape)
    image[30:55, 8:18] -= 20
    micrograph = plain(image, pixel_size_nm)
    method = Planted(preprocessing=PREPROCESSING, level=3.0, min_diameter_nm=0.2)
    (probability,), instances, *_ = method.segment(micrograph)
    assert probability.shape == shape
    assert 0 <= probability.min() < probability.max() <= 1
    assert probability[36:49, 12:14].min() > 0.9
    np.testing.assert_array_equal(method(micrograph), instances)
    assert instances.dtype == np.int32
    assert set(np.unique(instances)) == {0, 1}
    assert np.mean((instances > 0) == (image < -10)) > 0.97


def test_the_threshold_and_the_smallest_size_are_used():
    probability = np.where(mask_of([(40, 40, 20), (120, 120, 6)]) > 0, 0.6, 0.1).astype(np.float32)
    for settings, found in (({}, 1), ({"threshold": 0.7}, 0), ({"min_diameter_nm": 0.3}, 2)):
        method = Planted(preprocessing=PREPROCESSING, **settings)
        assert method.label_instances(probability, PIXEL_NM).max() == found
