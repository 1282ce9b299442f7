"""Preprocessing standardises every image, and resampled masks stay on their particles."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import downscale_local_mean

from hrtem_lab.micrograph import InputError, Micrograph
from hrtem_lab.paths import CONF
from hrtem_lab.segmentation.preprocessing import Preprocessing, resample
from tests.segmentation.scenes import PIXEL_NM, PREPROCESSING, mask_of, plain
from tests.strategies import image_shapes, resolving_pixel_sizes_nm

UNCUT = Preprocessing(pixel_size_nm=PIXEL_NM, clip_sigma=1e6, hot_sigma=1e6)


def noise(shape=(120, 140), seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape)


def quadratic(shape):
    row, column = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    return 30 * row - 20 * column + 25 * row**2 - 15 * column**2 + 10 * row * column + 500


@given(image_shapes, resolving_pixel_sizes_nm, st.floats(0.02, 0.1))
def test_the_shape_is_that_of_the_same_field_at_the_models_pixel(shape, pixel_size_nm, wanted_nm):
    preprocessing = Preprocessing(pixel_size_nm=wanted_nm)
    micrograph = plain(noise(shape), pixel_size_nm)
    result = preprocessing(micrograph)
    assert result.shape == preprocessing.shape(micrograph)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    for length, old in zip(result.shape, shape, strict=True):
        assert length == pytest.approx(max(1, old * pixel_size_nm / wanted_nm), abs=0.51)


@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.05, 0.09])
@pytest.mark.parametrize("shape", [(64, 64), (65, 200), (33, 300)])
def test_the_scale_is_robust(shape, pixel_size_nm):
    image = noise(shape)
    image[:10, :10] = 1e4  # a lump that no mean would forgive
    result = UNCUT(plain(image, pixel_size_nm))
    assert np.median(result) == pytest.approx(0, abs=1e-5)
    assert 1.4826 * np.median(np.abs(result)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("shape", [(160, 160), (100, 333), (50, 47)])
def test_a_quadratic_change_of_the_light_is_removed(shape):
    even, uneven = UNCUT(plain(noise(shape))), UNCUT(plain(noise(shape) + quadratic(shape)))
    assert np.abs(even - uneven).max() < 1e-3  # of the noise; the light changed by more than a hundred


def test_a_particle_is_not_removed():
    particle = mask_of([(100, 140, 25)], 300) > 0
    result = UNCUT(plain(noise((300, 300)) - 5 * particle))
    assert result[particle].mean() - result[~particle].mean() == pytest.approx(-5, abs=0.5)


@given(st.floats(0.01, 1e3), st.floats(-1e3, 1e3))
def test_the_unit_of_grey_levels_does_not_matter(scale, offset):
    image = noise((40, 44))
    one, other = PREPROCESSING(plain(image)), PREPROCESSING(plain(scale * (image + offset)))
    np.testing.assert_allclose(other, one, atol=5e-3)


def test_inverting_the_contrast_inverts_the_result():
    image = noise()
    np.testing.assert_allclose(PREPROCESSING(plain(-image)), -PREPROCESSING(plain(image)), atol=1e-5)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotating_the_micrograph_rotates_the_result(turns):
    image = noise()
    turned = PREPROCESSING(plain(np.rot90(image, turns)))
    np.testing.assert_allclose(turned, np.rot90(PREPROCESSING(plain(image)), turns), atol=1e-3)


def test_hot_pixels_are_replaced_by_their_neighbourhood():
    clean = noise((100, 100))
    hot = clean.copy()
    spots = np.random.default_rng(1).integers(1, 99, (8, 2))
    hot[tuple(spots.T)] = 1000
    unclipped = Preprocessing(pixel_size_nm=PIXEL_NM, clip_sigma=1e6)
    result = unclipped(plain(hot))
    assert np.abs(result).max() < 6
    others = np.ones(clean.shape, dtype=bool)
    others[tuple(spots.T)] = False
    np.testing.assert_allclose(result[others], unclipped(plain(clean))[others], atol=0.05)
    assert np.abs(UNCUT(plain(hot))).max() > 500


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 65535.0, 1e6 + 0.37])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 2), (97, 41), (256, 256)])
@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.05, 0.07])
def test_an_image_of_one_grey_level_is_zero(value, shape, pixel_size_nm):
    np.testing.assert_array_equal(PREPROCESSING(plain(np.full(shape, value), pixel_size_nm)), 0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3), (3, 2), (700, 33)])
def test_the_smallest_and_longest_images(shape):
    result = PREPROCESSING(plain(noise(shape)))
    assert result.shape == shape
    assert np.isfinite(result).all()


def test_an_image_of_two_grey_levels_has_a_scale():
    image = np.zeros((60, 60))
    image[20:30, 20:30] = 255
    result = PREPROCESSING(plain(image))
    assert np.isfinite(result).all()
    assert result[20:30, 20:30].mean() > result[40:, 40:].mean() + 1


def test_values_are_cut_where_asked():
    result = Preprocessing(pixel_size_nm=PIXEL_NM, clip_sigma=2.0)(plain(noise()))
    assert np.abs(result).max() == 2


def test_the_given_image_stays_as_it_was():
    image = noise().astype(np.float32)
    before = image.copy()
    PREPROCESSING(plain(image))
    np.testing.assert_array_equal(image, before)


def test_a_pixel_coarser_than_the_model_was_trained_for_is_refused():
    with pytest.raises(
        InputError, match=r"overview: a pixel is 0.12 nm, and this model was trained for at most 0.11"
    ) as caught:
        PREPROCESSING(plain(noise(), 0.12, "overview"))
    assert "\n" not in str(caught.value)
    PREPROCESSING(plain(noise(), 0.11))


def test_a_micrograph_too_coarse_for_a_lattice_keeps_its_pixels():
    coarse = replace(PREPROCESSING, max_pixel_size_nm=1.0)
    assert coarse(plain(noise((40, 60)), 0.5)).shape == (40, 60)
    assert coarse.working_pixel_size_nm(plain(noise((40, 60)), 0.5)) == 0.5
    assert coarse(plain(noise((40, 60)), 0.1)).shape == (80, 120)


@given(st.integers(20, 90), st.floats(0.02, 0.1), st.floats(0, 1), st.floats(0, 1))
def test_the_truth_lies_on_the_image(size, pixel_size_nm, down, across):
    """A bright disc is, after resampling, where its mask is."""
    radius = size / 5
    instances = mask_of([(radius + down * (size - 2 * radius), radius + across * (size - 2 * radius), radius)], size)
    micrograph = plain(instances * 1.0, pixel_size_nm)
    image = resample(micrograph.image, PREPROCESSING.shape(micrograph))
    truth = PREPROCESSING.resample_instances(micrograph, instances)
    assert truth.shape == image.shape
    agree = np.mean((image > 0.5) == (truth > 0))
    edge = 2 * np.pi * radius / size**2 * max(1, 0.05 / pixel_size_nm)  # share of the pixels on the disc's edge
    assert agree > 1 - edge
    centres = [np.argwhere(m).mean(0) for m in (image > 0.5, truth > 0)]
    np.testing.assert_allclose(*centres, atol=0.6)


def test_the_truth_at_the_same_pixel_is_the_truth():
    instances = mask_of([(30, 30, 20), (70, 70, 15)], 100)
    np.testing.assert_array_equal(PREPROCESSING.resample_instances(plain(np.zeros((100, 100))), instances), instances)


def test_making_an_image_coarser_does_not_alias():
    fine = noise((400, 400)).astype(np.float32)
    coarse = resample(fine, (100, 100))
    assert coarse.std() < 0.5  # a plain cubic would keep all of the noise
    assert np.corrcoef(coarse.ravel(), downscale_local_mean(fine, (4, 4)).ravel())[0, 1] > 0.85


def test_the_defaults_are_those_of_the_configuration():
    settings = yaml.safe_load((CONF / "preprocessing" / "standard.yaml").read_text())
    del settings["_target_"]
    assert asdict(Preprocessing()) == settings


def with_void(image, rows=40, fill=0.0):
    """The image with empty rows above it, and its mask."""
    filled = np.concatenate([np.full((rows, image.shape[1]), fill), image])
    valid = np.ones(filled.shape, dtype=bool)
    valid[:rows] = False
    return Micrograph(image=filled.astype(np.float32), pixel_size_nm=PIXEL_NM, name="drawn", valid=valid)


@pytest.mark.parametrize("fill", [0.0, -1e4, 1e4, 500.0])
def test_what_is_not_valid_has_no_part_in_the_scale(fill):
    image = noise((160, 140)) * 30 + 500 + 0.1 * quadratic((160, 140))
    alone, beside = UNCUT(plain(image)), UNCUT(with_void(image, fill=fill))
    assert (beside[:40] == 0).all()
    np.testing.assert_allclose(beside[40:], alone, atol=2e-3)


def test_what_is_not_valid_is_zero_on_any_grid():
    micrograph = replace(with_void(noise((160, 140)), fill=99.0), pixel_size_nm=PIXEL_NM / 3)
    result = PREPROCESSING(micrograph)
    assert result.shape == PREPROCESSING.shape(micrograph)
    assert (result[:13] == 0).all()
    assert np.abs(result[14:]).mean() > 0.5
