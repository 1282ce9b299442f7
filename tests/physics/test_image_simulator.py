"""Micrographs of waves that were drawn, so that the image itself says where the truth has to be."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.micrograph import CLASSES
from hrtem_lab.physics import Crystal, ImageSimulator, ImagingConditionRanges, Postprocessing
from hrtem_lab.physics.exit_wave import multislice
from hrtem_lab.physics.silhouettes import project_instances
from tests.physics.scenes import AU, drawn_wave, periodic_disc, placed, specimen_of

FIELD_NM, SIZE = 6.0, 200
NOTHING = dict.fromkeys(ImagingConditionRanges().ranges, (0.0, 0.0))
SHARP = ImagingConditionRanges(
    **NOTHING
    | {"dose_e_per_nm2": (1e6, 1e6), "dqe": (1.0, 1.0), "pixel_size_nm": (0.02, 0.05), "mtf_nyquist": (0.6, 0.6)}
)
PLAIN = Postprocessing(shrunk=0.0, median=0.0, blurred=0.0, eight_bit=0.0, hot=0.0)
ROUGH = Postprocessing(shrunk=1.0, median=1.0, blurred=1.0, eight_bit=1.0, hot=0.0)


def black_discs(*discs, particles=None):
    """A wave that discs of (row, column, radius) in pixels absorb altogether."""
    instances = np.zeros((SIZE, SIZE), dtype=np.int32)
    for number, disc in enumerate(discs, start=1):
        instances[periodic_disc(SIZE, *disc)] = number
    intensity = np.where(instances > 0, 0.05, 1.0)
    particles = particles or [placed(Crystal(AU, 2.0)) for _ in discs]
    return drawn_wave(intensity, instances, FIELD_NM, particles)


WAVE = black_discs((60, 70, 35), (140, 150, 25))
CROWD = black_discs((30, 30, 28), (40, 120, 35), (110, 60, 30), (130, 160, 40), (180, 90, 25))


def simulate(imaging, wave=WAVE, seed=0, **arguments):
    return imaging.simulate(wave, np.random.default_rng(seed), **arguments)


def overlap(micrograph):
    """Dice of what is dark in the image with the truth."""
    dark = micrograph.image < (micrograph.image.min() + micrograph.image.max()) / 2
    return 2 * np.count_nonzero(dark & micrograph.mask) / (np.count_nonzero(dark) + np.count_nonzero(micrograph.mask))


def test_the_same_random_state_gives_the_same_image():
    one, same, other = (simulate(ImageSimulator(), seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.image, same.image)
    np.testing.assert_array_equal(one.instances, same.instances)
    pd.testing.assert_frame_equal(one.ground_truth, same.ground_truth)
    assert one.metadata == same.metadata
    assert other.image.shape != one.image.shape or not np.array_equal(other.image, one.image)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("postprocessing", [PLAIN, ROUGH], ids=["plain", "rough"])
@pytest.mark.parametrize("window_nm", [None, 4.0, 50.0])
def test_the_truth_lies_on_the_image(seed, postprocessing, window_nm):
    micrograph = simulate(ImageSimulator(SHARP, postprocessing), CROWD, seed, window_nm=window_nm)
    assert micrograph.image.shape == micrograph.instances.shape
    assert micrograph.image.dtype == np.float32
    assert micrograph.instances.dtype == np.int32
    assert 0.1 < micrograph.mask.mean() < 0.6
    assert overlap(micrograph) > (0.98 if postprocessing is PLAIN else 0.95)


@pytest.mark.parametrize("pixel_nm", [0.025, 0.05])
def test_the_truth_of_atoms_lies_on_their_image(pixel_nm):
    """A cloud that looks the same from both sides: its shadow's centre is that of its truth, to a quarter pixel."""
    away = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        half = rng.uniform(-1, 1, (1500, 3))
        half = half[(half**2).sum(axis=1) < 1]
        centre = np.array([*rng.uniform(2, 3, 2), 1.5])
        specimen = specimen_of([np.concatenate([half, -half]) + centre])
        drawn = drawn_wave(np.ones((160, 160)), project_instances(specimen, 160), 5.0, [placed(Crystal(AU, 2.0))])
        wave = replace(drawn, wave=multislice(replace(specimen, absorption=0.3), 160))
        seen = simulate(ImageSimulator(replace(SHARP, pixel_size_nm=(pixel_nm, pixel_nm)), PLAIN), wave, seed)
        shadow = np.clip(np.median(seen.image) - seen.image, 0, None)
        shadow = np.where(shadow > 0.2 * shadow.max(), shadow, 0)
        index = np.indices(seen.image.shape)
        away.append((index * shadow).sum((1, 2)) / shadow.sum() - index[:, seen.mask].mean(axis=1))
    assert np.abs(np.mean(away, axis=0)).max() < 0.25


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("postprocessing", [PLAIN, ROUGH], ids=["plain", "rough"])
def test_pixels_times_size_are_the_field(seed, postprocessing):
    micrograph = simulate(ImageSimulator(SHARP, postprocessing), seed=seed)
    assert micrograph.pixel_size_nm * micrograph.image.shape[0] == pytest.approx(FIELD_NM)
    assert 0.02 * 0.99 < micrograph.pixel_size_nm < 0.08 * 1.01
    assert np.count_nonzero(micrograph.mask) * micrograph.pixel_size_nm**2 == pytest.approx(
        np.count_nonzero(WAVE.instances) * WAVE.sampling_nm**2, rel=0.05
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("postprocessing", [PLAIN, ROUGH], ids=["plain", "rough"])
def test_a_window_has_its_own_size_and_the_same_pixel(seed, postprocessing):
    micrograph, whole = (simulate(ImageSimulator(SHARP, postprocessing), seed=seed, window_nm=w) for w in (3.3, None))
    rows, columns = micrograph.image.shape
    assert rows == columns
    assert rows * micrograph.pixel_size_nm == pytest.approx(3.3, abs=micrograph.pixel_size_nm)
    assert micrograph.pixel_size_nm == pytest.approx(whole.pixel_size_nm, rel=0.02)


def test_windows_lie_anywhere():
    """In a periodic field the middle of a window is particle as often as any place is."""
    middles = []
    for seed in range(200):
        mask = simulate(
            ImageSimulator(replace(SHARP, pixel_size_nm=(0.05, 0.05)), PLAIN),
            seed=seed,
            window_nm=1.0,
            ground_truth=False,
        ).mask
        middles.append(mask[len(mask) // 2, len(mask) // 2])
    share = np.count_nonzero(WAVE.instances) / WAVE.instances.size
    assert np.mean(middles) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 200))


def test_the_largest_pixel():
    micrograph = simulate(ImageSimulator(SHARP, replace(ROUGH, shrink=(3.0, 3.9)), max_pixel_size_nm=0.06))
    assert micrograph.pixel_size_nm == pytest.approx(0.06, rel=0.01)
    coarse = simulate(ImageSimulator(replace(SHARP, pixel_size_nm=(0.07, 0.07)), ROUGH, max_pixel_size_nm=0.06))
    # the camera's own pixel stays, but for a number of pixels that transforms are fast with
    assert coarse.pixel_size_nm == pytest.approx(0.07, rel=0.03)


def test_a_particle_cut_by_the_edge_has_two_numbers():
    micrograph = simulate(ImageSimulator(SHARP, PLAIN), black_discs((100, 0, 30), (100, 100, 20)))
    size = len(micrograph.instances)
    left, right, middle = (micrograph.instances[size // 2, column] for column in (1, -2, size // 2))
    assert sorted([left, right, middle]) == [1, 2, 3]
    assert micrograph.ground_truth["particle_of_specimen"].loc[[left, right, middle]].tolist() == [1, 1, 2]
    assert micrograph.ground_truth.index.tolist() == [1, 2, 3]


def test_a_particle_in_a_corner_has_four_numbers():
    assert len(simulate(ImageSimulator(SHARP, PLAIN), black_discs((0, 0, 30))).ground_truth) == 4


def test_ground_truth_follows_its_particle():
    sizes = [placed(Crystal(AU, diameter)) for diameter in (2.5, 1.5)]
    micrograph = simulate(ImageSimulator(SHARP, PLAIN), black_discs((60, 150, 35), (140, 60, 25), particles=sizes))
    assert set(np.unique(micrograph.instances)) == {0, 1, 2}
    for number, row in micrograph.ground_truth.iterrows():
        area = np.count_nonzero(micrograph.instances == number)
        larger = area > np.count_nonzero(micrograph.mask) / 2
        assert row["diameter_nm"] == (2.5 if larger else 1.5)
        assert row["label"] in CLASSES


def test_without_ground_truth_the_image_and_the_mask_are_the_same():
    with_truth, without = (simulate(ImageSimulator(), ground_truth=wanted) for wanted in (True, False))
    np.testing.assert_array_equal(with_truth.image, without.image)
    np.testing.assert_array_equal(with_truth.mask, without.mask)
    assert without.ground_truth.empty


def test_names_and_groups():
    assert (simulate(ImageSimulator()).name, simulate(ImageSimulator()).group) == ("drawn", "drawn")
    renamed = simulate(ImageSimulator(), name="second view")
    assert (renamed.name, renamed.group) == ("second view", "drawn")
    assert renamed.metadata["voltage_kV"] == 300.0


def test_a_field_without_particles():
    wave = drawn_wave(np.ones((SIZE, SIZE)), np.zeros((SIZE, SIZE)), FIELD_NM)
    micrograph = simulate(ImageSimulator(), wave)
    assert not micrograph.mask.any()
    assert len(micrograph.ground_truth) == 0
    assert {"label", "diameter_nm", "particle_of_specimen"} <= set(micrograph.ground_truth.columns)
