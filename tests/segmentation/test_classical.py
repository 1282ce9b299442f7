"""Classical methods on drawn particles and on empty fields."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.filters import threshold_otsu
from sklearn.ensemble import RandomForestClassifier

from hrtem_lab.evaluation import pixel_counts, ratios
from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.classical import (
    BUDGET,
    CUES,
    METHODS,
    BandPass,
    BraggFilter,
    ChanVese,
    KMeansClusters,
    LocalThreshold,
    Otsu,
    PixelForest,
    RandomWalker,
    Watershed,
    cue_map,
    load_method,
    save_method,
    threshold_otsu_shifted,
)
from tests.segmentation.scenes import DISCS, PREPROCESSING, dark_discs, labelled, lattice_discs, mask_of, plain
from tests.strategies import image_shapes

UNTRAINED = [kind for kind in METHODS.values() if kind is not PixelForest]
SEPARABLE = [Otsu, Watershed, BandPass, ChanVese]
CUED = [Otsu, LocalThreshold, Watershed, ChanVese, RandomWalker, KMeansClusters]
ELSEWHERE = ((60, 130, 30), (130, 60, 30))


def dice(method, micrograph):
    return ratios(**pixel_counts(method(micrograph) > 0, micrograph.mask))["dice"]


@pytest.mark.parametrize("kind", CUED)
def test_dark_discs_are_found(kind, monkeypatch):
    candidates = list(kind(preprocessing=PREPROCESSING).candidates())[:: 1 if kind is Otsu else 5]  # others take longer
    monkeypatch.setattr(kind, "candidates", lambda self: candidates)
    tuned = kind(preprocessing=PREPROCESSING).tune([dark_discs(0, contrast=2.0), dark_discs(1, contrast=2.0)])
    assert tuned.cue == "dark"
    assert dice(tuned, dark_discs(2, ELSEWHERE, contrast=2.0)) > 0.8


@pytest.mark.parametrize("kind", [BandPass, BraggFilter])
def test_lattices_are_found_in_particles_without_contrast(kind):
    tuned = kind(preprocessing=PREPROCESSING).tune([lattice_discs(0), lattice_discs(1)])
    assert dice(tuned, lattice_discs(2, ELSEWHERE)) > 0.8


@pytest.mark.parametrize(("cue", "sign"), [("bright", 3.0), ("dark", -3.0), ("rough", 0.0)])
def test_the_cue_is_chosen_by_what_sets_particles_apart(cue, sign):
    instances = mask_of(DISCS)
    noise = np.random.default_rng(0).normal(0, 1, instances.shape)
    image = noise + sign * (instances > 0) if sign else noise * (1 + 3 * (instances > 0))
    tuned = Otsu(preprocessing=PREPROCESSING).tune([labelled(image, instances)])
    assert tuned.cue == cue
    assert dice(tuned, labelled(image, instances)) > 0.9


@pytest.mark.parametrize("kind", SEPARABLE)
def test_noise_holds_no_particle_at_a_high_separability(kind):
    method = kind(preprocessing=PREPROCESSING, separability=0.7)
    for seed in range(5):
        noise = plain(np.random.default_rng(seed).normal(size=(180, 180)))
        assert not method(noise).any()
        assert not method.score_map(PREPROCESSING(noise)).any()


def test_noise_has_no_bragg_spot():
    method = BraggFilter(preprocessing=PREPROCESSING)
    assert not any(method(plain(np.random.default_rng(seed).normal(size=(180, 180)))).any() for seed in range(5))


@pytest.mark.parametrize("kind", UNTRAINED)
def test_an_image_of_one_grey_level_holds_no_particle(kind):
    method = kind(preprocessing=PREPROCESSING)
    assert not method(plain(np.full((70, 90), 7.0))).any()
    assert not method(plain(np.zeros((1, 1)))).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2), (1, 300)])
@pytest.mark.parametrize("kind", UNTRAINED)
def test_an_image_of_a_single_row_is_accepted(kind, shape):
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert kind(preprocessing=PREPROCESSING).score_map(image).shape == shape


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(UNTRAINED), image_shapes, st.sampled_from(CUES))
def test_any_image_size_is_accepted(kind, shape, cue):
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    method = kind(preprocessing=PREPROCESSING, **({"cue": cue} if kind in CUED else {}))
    score_map = method.score_map(image)
    assert score_map.shape == shape
    assert score_map.min() >= -0.5
    assert score_map.max() <= 1.5  # bicubic resampling swings a little beyond 0 and 1


@pytest.mark.parametrize("kind", UNTRAINED)
def test_every_method_has_the_same_number_of_settings_to_choose_from(kind):
    method = kind(preprocessing=PREPROCESSING)
    candidates = list(method.candidates())
    assert len(candidates) == BUDGET
    assert len({repr(c) for c in candidates}) == len(candidates)
    assert all(hasattr(method, key) for candidate in candidates for key in candidate)


def test_the_threshold_is_otsus():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, 3000), rng.normal(6, 1, 1000)]).reshape(40, 100).astype(np.float32)
    np.testing.assert_array_equal(threshold_otsu_shifted(values, 0.0, 0.0), values > threshold_otsu(values))
    counts = [threshold_otsu_shifted(values, factor, 0.0).sum() for factor in (-0.3, 0.0, 0.3)]
    assert counts[0] > counts[1] > counts[2]


def test_separability_is_the_share_of_the_variance_between_the_classes():
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(400, 400)).astype(np.float32)
    # a normal distribution cut in the middle: 2 / pi
    assert threshold_otsu_shifted(normal, 0.0, 0.62).any()
    assert not threshold_otsu_shifted(normal, 0.0, 0.65).any()
    two = np.where(rng.random((400, 400)) < 0.3, 5.0, 0.0).astype(np.float32)
    assert threshold_otsu_shifted(two, 0.0, 0.999).any()


@pytest.mark.parametrize("cue", CUES)
def test_a_cue_is_large_where_its_particles_are(cue):
    instances = mask_of(DISCS)
    noise = np.random.default_rng(0).normal(0, 1, instances.shape)
    image = {
        "dark": noise - 3 * (instances > 0),
        "bright": noise + 3 * (instances > 0),
        "rough": noise * (1 + 3 * (instances > 0)),
    }
    values = cue_map(image[cue], cue, 4.0)
    inside, outside = values[instances > 0], values[instances == 0]
    assert inside.mean() > outside.mean() + 2 * outside.std()


@pytest.mark.parametrize(("spacing_nm", "seen"), [(0.2355, True), (0.45, False), (0.13, False)])
def test_the_band_passes_its_spacings_alone(spacing_nm, seen):
    micrograph = lattice_discs(0, spacing_nm=spacing_nm)
    method = BandPass(preprocessing=PREPROCESSING, spacing_nm=(0.2, 0.29), blur_nm=0.4, separability=0.7)
    assert bool(method(micrograph).any()) == seen


class Drawn:
    """Training data of drawn micrographs."""

    def micrographs(self, stage):
        assert stage == "train"
        return [dark_discs(seed, contrast=3.0) for seed in range(3)]


def learned_forest(tmp_path):
    return PixelForest(
        preprocessing=PREPROCESSING,
        classifier=RandomForestClassifier(8, min_samples_leaf=5, random_state=0),
        pixels=300,
    ).learn(Drawn(), tmp_path)


def test_a_forest_of_pixels_learns_what_a_particle_is(tmp_path):
    tuned = learned_forest(tmp_path).tune([dark_discs(8, contrast=3.0)])
    assert dice(tuned, dark_discs(9, ELSEWHERE, contrast=3.0)) > 0.9


@pytest.mark.parametrize("kind", METHODS.values())
def test_a_saved_method_finds_the_same(kind, tmp_path):
    method = learned_forest(tmp_path) if kind is PixelForest else kind(preprocessing=PREPROCESSING)
    method = replace(method, min_diameter_nm=0.7)
    save_method(method, tmp_path)
    loaded = load_method(tmp_path)
    assert (type(loaded), loaded.min_diameter_nm) == (kind, 0.7)
    np.testing.assert_array_equal(loaded(dark_discs(2)), method(dark_discs(2)))
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".pkl"]


def test_what_is_no_method_is_refused_in_one_line(tmp_path):
    (tmp_path / "method.json").write_text('{"method": "sorcery"}')
    with pytest.raises(InputError, match=r"cannot be read \(KeyError: 'sorcery'\)"):
        load_method(tmp_path)
