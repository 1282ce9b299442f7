"""What happens to a frame on its way to the file, each treatment alone."""

import numpy as np
import pytest
from scipy.ndimage import median_filter

from hrtem_lab.physics import Postprocessing

NOTHING = {"shrunk": 0.0, "median": 0.0, "blurred": 0.0, "eight_bit": 0.0, "hot": 0.0}
NOTHING |= {"gamma": 0.0, "jpeg": 0.0, "scale_bar": 0.0}


def only(**settings):
    return Postprocessing(**(NOTHING | settings))


def frame(size=120, seed=0):
    return np.random.default_rng(seed).poisson(40, (size, size)).astype(np.float32)


def treated(postprocessing, image=None, size=None, seed=0):
    image = frame() if image is None else image
    return postprocessing(image, size or len(image), np.random.default_rng(seed))


def test_no_treatment_changes_nothing():
    np.testing.assert_array_equal(treated(only()), frame())


@pytest.mark.parametrize("size", [120, 119, 61, 31, 1])
@pytest.mark.parametrize("seed", range(6))
def test_size_and_type(size, seed):
    image = treated(Postprocessing(), size=size, seed=seed)
    assert image.shape == (size, size)
    assert image.dtype == np.float32
    assert np.isfinite(image).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_same_random_state_gives_the_same_image_and_leaves_the_frame_alone(seed):
    camera = frame()
    one = treated(Postprocessing(hot=1.0), camera, 60, seed)
    np.testing.assert_array_equal(camera, frame())
    np.testing.assert_array_equal(one, treated(Postprocessing(hot=1.0), camera, 60, seed))
    assert not np.array_equal(one, treated(Postprocessing(hot=1.0), camera, 60, seed + 10))


@pytest.mark.parametrize("seed", range(6))
def test_eight_bits(seed):
    image = treated(only(eight_bit=1.0, clip=0.05), seed=seed)
    np.testing.assert_array_equal(image, np.round(image))
    assert (image.min(), image.max()) == (0, 255)
    assert np.mean(image == 0) < 0.1
    order = np.argsort(frame(), axis=None)
    assert (np.diff(image.ravel()[order]) >= 0).all()  # grey levels keep their order


def test_gamma_bends_the_grey_levels_and_keeps_their_ends():
    ramp = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1))
    exponents = []
    for seed in range(40):
        image = treated(only(eight_bit=1.0, clip=0.0, gamma=0.5), ramp, seed=seed)
        assert (image.min(), image.max()) == (0, 255)
        exponents.append(np.log(image[0, 128] / 255) / np.log(128 / 255))
    assert 0.66 < min(exponents) < 0.8
    assert 1.3 < max(exponents) < 1.51
    assert np.log(exponents).mean() == pytest.approx(0, abs=0.15)


@pytest.mark.parametrize("seed", range(4))
def test_jpeg_changes_a_little_and_moves_nothing(seed):
    smooth = np.add.outer(np.hanning(96), np.hanning(96)).astype(np.float32)
    plain, stored = (treated(only(eight_bit=1.0, jpeg=share), smooth, seed=seed) for share in (0.0, 1.0))
    assert 0 < np.abs(stored - plain).max() < 16
    assert np.corrcoef(plain.ravel(), stored.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [40, 200, 512])
def test_a_scale_bar_is_a_bar_in_the_lower_part(size, seed):
    noise = np.random.default_rng(9).normal(0, 1, (size, size)).astype(np.float32)
    plain, marked = (treated(only(eight_bit=1.0, scale_bar=share), noise, seed=seed) for share in (0.0, 1.0))
    changed = np.argwhere(plain != marked)
    assert len(changed) > 0
    assert changed[:, 0].min() > 0.65 * size
    assert longest_run(marked) >= 0.1 * size


def longest_run(image):
    """Pixels of the longest horizontal line of pure black or white in the lowest sixth."""
    runs = [len(run) for row in image[-(len(image) // 6) :] for run in "".join(LETTER[v] for v in row).split(" ")]
    return max(runs)


class Letters(dict):
    def __missing__(self, value):
        return " "


LETTER = Letters({0.0: "b", 255.0: "w"})


def test_frequencies_are_those_of_the_settings():
    noise = np.random.default_rng(9).normal(0, 1, (64, 64)).astype(np.float32)
    bars = [longest_run(treated(only(eight_bit=1.0, scale_bar=0.3), noise, seed=s)) >= 6 for s in range(200)]
    assert 0.2 < np.mean(bars) < 0.4


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_frame_of_one_grey_level(value):
    assert np.isfinite(treated(Postprocessing(eight_bit=1.0), np.full((60, 60), value, dtype=np.float32), 30)).all()


def test_the_median_is_that_of_the_neighbours():
    image = treated(only(median=1.0))
    np.testing.assert_array_equal(image, median_filter(frame(), size=3, mode="nearest"))


@pytest.mark.parametrize("seed", range(6))
def test_blurring_has_the_standard_deviation_of_the_settings(seed):
    noise = np.random.default_rng(1).normal(0, 1, (300, 300)).astype(np.float32)
    sigma = 0.9
    blurred = treated(only(blurred=1.0, blur_px=(sigma, sigma)), noise, seed=seed)
    correlation = np.mean(blurred[:, 1:] * blurred[:, :-1]) / np.mean(blurred**2)
    assert correlation == pytest.approx(np.exp(-1 / (4 * sigma**2)), abs=0.03)


@pytest.mark.parametrize("size", [20, 60, 120, 300])
def test_hot_pixels_are_few_and_bright(size):
    for seed in range(20):
        changed = treated(only(hot=1.0), frame(size), seed=seed) != frame(size)
        assert 1 <= changed.sum() <= max(1, size**2 / 5000)
        assert treated(only(hot=1.0), frame(size), seed=seed)[changed].min() >= 2 * frame(size).max()


@pytest.mark.parametrize("size", [97, 60, 40, 37])
def test_a_smaller_image_shows_the_same_places(size):
    """A ramp stays the ramp: no way of shrinking shifts the image against its truth."""
    row, column = (np.mgrid[:120, :120] + 0.5) / 120
    shrunk = (np.mgrid[:size, :size] + 0.5) / size
    for seed in range(20):
        for ramp, place in ((row, shrunk[0]), (column, shrunk[1])):
            image = treated(only(), ramp.astype(np.float32), size, seed)
            assert np.abs(image - place)[2:-2, 2:-2].max() < 0.51 / 120  # half a pixel of the camera


def test_frequency_and_factor_of_shrinking_are_those_of_the_settings():
    rng = np.random.default_rng(0)
    factors = np.array([Postprocessing(shrunk=0.3, shrink=(1.5, 2.5)).sample_shrink_factor(rng) for _ in range(1000)])
    assert np.mean(factors != 1) == pytest.approx(0.3, abs=0.05)
    assert 1.5 <= factors[factors != 1].min() < 1.6
    assert 2.4 < factors.max() <= 2.5
    assert {only().sample_shrink_factor(rng) for _ in range(10)} == {1.0}
