"""The paper's features against a plain loop, and what is wrong with them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_lab.micrograph import InputError
from hrtem_lab.particles.groschner import GROSCHNER_FEATURES, groschner_features, ring_sums
from tests.particles.scenes import particle, single


def loop(amplitude, rings):
    """Ring by ring, as one would write it down."""
    row, column = (np.arange(n) - n // 2 for n in amplitude.shape)
    radius = np.hypot(row[:, None], column) * (2 * rings / min(amplitude.shape))
    return np.array([amplitude[(radius >= r) & (radius < r + 1)].sum() for r in range(rings)])


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 100))
def test_ring_sums_are_those_of_a_loop(rows, columns, rings):
    amplitude = np.random.default_rng(0).random((rows, columns))
    np.testing.assert_allclose(ring_sums(amplitude, rings), loop(amplitude, rings), atol=1e-12)


def test_five_features_of_a_drawn_particle():
    image, instances = particle(*single(), margin_nm=3.0)
    found = groschner_features(image, instances * 7, 0.05)
    assert list(found.columns) == list(GROSCHNER_FEATURES)
    assert found.index.tolist() == [7]
    rows, columns = np.nonzero(instances)
    box = (image - image.min())[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] / np.ptp(image)
    assert found["intensity_mean"].iloc[0] == pytest.approx(box.mean())
    assert found["intensity_std"].iloc[0] == pytest.approx(box.std())
    sums = loop(np.abs(np.fft.fftshift(np.fft.fft2(box))), 100)
    assert found["ring_centre"].iloc[0] == pytest.approx(np.average(np.arange(100), weights=sums))


def test_they_change_with_the_box():
    """The flaw: twice the pixels in the same crystal, and every ring feature is another."""
    fine, coarse = (
        groschner_features(*particle(*single(), pixel_size_nm=p, margin_nm=3.0), p).iloc[0] for p in (0.03, 0.06)
    )
    assert abs(np.log(fine["ring_mean"] / coarse["ring_mean"])) > 0.5


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_constant_or_nan_image_is_described(value):
    found = groschner_features(np.full((9, 9), value), np.ones((9, 9), dtype=np.int32), 0.05)
    assert found["intensity_std"].tolist() == [0]
    assert groschner_features(np.zeros((9, 9)), np.zeros((9, 9), dtype=np.int32), 0.05).empty


def test_shapes_have_to_agree():
    with pytest.raises(InputError, match="shape"):
        groschner_features(np.zeros((3, 3)), np.zeros((3, 4), dtype=np.int32), 0.05)
