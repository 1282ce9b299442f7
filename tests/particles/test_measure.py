"""Analytic shapes, scikit-image as the judge, and the laws of scale and rotation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ellipe
from skimage.measure import perimeter_crofton, regionprops

from hrtem_lab.micrograph import InputError
from hrtem_lab.particles.measure import MEASUREMENTS, measure
from tests.particles.scenes import ellipse, rectangle
from tests.strategies import instance_maps

PIXEL_NM = 0.05
LENGTHS = ["equivalent_diameter_nm", "feret_max_nm", "feret_min_nm", "perimeter_nm"]


def one(mask, pixel_size_nm=PIXEL_NM):
    return measure(mask.astype(np.int32), pixel_size_nm).loc[1]


def many(draw, *sizes):
    """Mean of the measures over 24 directions and positions between the pixels, and the largest deviation from it."""
    rng = np.random.default_rng(0)
    frame = measure_all([draw(*sizes, rng.uniform(0, 180), rng.uniform(-0.5, 0.5, 2)) for _ in range(24)])
    return frame.mean(), (frame - frame.mean()).abs().max()


def measure_all(shapes):
    side = max(len(shape) for shape in shapes)
    row = [n * np.pad(s, (0, side - len(s))).astype(np.int32) for n, s in enumerate(shapes, start=1)]
    return measure(np.concatenate(row, axis=1), PIXEL_NM)[[*LENGTHS, "area_nm2", "circularity", "solidity"]]


@pytest.mark.parametrize(("long_px", "short_px"), [(20, 20), (36, 36), (80, 80), (40, 20), (60, 30), (90, 25)])
def test_discs_and_ellipses_within_two_percent(long_px, short_px):
    mean, spread = many(ellipse, long_px, short_px)
    around = 2 * long_px * ellipe(1 - (short_px / long_px) ** 2)
    truth = np.array([np.sqrt(long_px * short_px), long_px, short_px, around]) * PIXEL_NM
    np.testing.assert_allclose(mean[LENGTHS], truth, rtol=0.02)
    assert mean["area_nm2"] == pytest.approx(np.pi / 4 * long_px * short_px * PIXEL_NM**2, rel=0.01)
    assert mean["circularity"] == pytest.approx(np.pi**2 * long_px * short_px / around**2, abs=0.02)
    assert mean["solidity"] > 0.98
    assert (spread[LENGTHS[:3]] < PIXEL_NM).all()


@pytest.mark.parametrize(("long_px", "short_px"), [(20, 20), (40, 40), (40, 20), (90, 30)])
def test_squares_and_rectangles_within_two_percent_but_for_their_corners(long_px, short_px):
    mean, _ = many(rectangle, long_px, short_px)
    corner = 0.8  # px, lost at a right angle
    assert mean["area_nm2"] == pytest.approx(long_px * short_px * PIXEL_NM**2, rel=0.02)
    assert mean["feret_min_nm"] == pytest.approx(short_px * PIXEL_NM, abs=PIXEL_NM / 2)
    assert mean["feret_max_nm"] == pytest.approx((np.hypot(long_px, short_px) - 2 * corner) * PIXEL_NM, rel=0.02)
    assert mean["perimeter_nm"] == pytest.approx((2 * (long_px + short_px) - 4 * corner) * PIXEL_NM, rel=0.02)


def test_a_large_square_loses_nothing_that_counts():
    found = one(rectangle(200, 200, 30.0))
    np.testing.assert_allclose(found[["feret_min_nm", "feret_max_nm"]].astype(float), [10, 10 * np.sqrt(2)], rtol=0.02)
    assert found["circularity"] == pytest.approx(np.pi / 4, rel=0.02)
    assert found["aspect_ratio"] == pytest.approx(np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("angle_from_columns_to_rows", [0, 30, 90, 120, 170])
def test_orientation_is_counterclockwise_on_a_screen(angle_from_columns_to_rows):
    found = one(ellipse(60, 20, angle_from_columns_to_rows))["orientation_deg"]
    assert (found + angle_from_columns_to_rows + 90) % 180 == pytest.approx(90, abs=1)


def test_centroid_in_pixels_and_nm():
    mask = np.zeros((30, 40), dtype=np.int32)
    mask[10:13, 20:25] = 1
    found = one(mask)
    assert tuple(found[["row_px", "column_px"]]) == (11, 22)
    assert tuple(found[["row_nm", "column_nm"]]) == pytest.approx((0.55, 1.1))


def test_solidity_and_circularity_fall_for_a_dumbbell():
    row, column = np.mgrid[:60, :100]
    mask = (np.hypot(row - 30, column - 28) < 20) | (np.hypot(row - 30, column - 72) < 20) | (
        (np.abs(row - 30) < 4) & (np.abs(column - 50) < 25)
    )  # fmt: skip
    found = one(mask)
    judge = regionprops(mask.astype(int))[0]
    assert found["solidity"] == pytest.approx(judge.solidity, abs=0.02)
    assert found["solidity"] < 0.9
    assert found["perimeter_nm"] == pytest.approx(perimeter_crofton(mask) * PIXEL_NM, rel=0.03)


@pytest.mark.parametrize("seed", range(4))
def test_skimage_agrees_on_a_rough_particle(seed):
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:120, :120] - 60
    angle = np.arctan2(row, column)
    mask = np.hypot(row, column) < 35 + sum(rng.normal(0, 1) * np.cos(k * angle + k) for k in range(2, 7))
    found, judge = one(mask), regionprops(mask.astype(int))[0]
    assert found["feret_max_nm"] == pytest.approx(judge.feret_diameter_max * PIXEL_NM, rel=0.02)
    assert found["solidity"] == pytest.approx(judge.solidity, abs=0.02)
    assert found["perimeter_nm"] == pytest.approx(judge.perimeter_crofton * PIXEL_NM, rel=0.02)
    widths = [np.ptp(np.argwhere(mask) @ [np.sin(t), np.cos(t)]) for t in np.deg2rad(np.arange(180))]
    assert found["feret_min_nm"] == pytest.approx((min(widths) + 0.5) * PIXEL_NM, rel=0.02)


@given(instance_maps(), st.floats(0.01, 100))
def test_any_map_is_measured_and_lengths_scale(instances, factor):
    small, large = measure(instances, 1.0), measure(instances, factor)
    assert list(small.index) == np.unique(instances[instances > 0]).tolist()
    assert small["area_nm2"].sum() == np.count_nonzero(instances)
    np.testing.assert_allclose(large[LENGTHS], small[LENGTHS] * factor)
    for name in ("aspect_ratio", "circularity", "solidity", "eccentricity", "orientation_deg"):
        np.testing.assert_allclose(large[name], small[name])
    assert ((small[["circularity", "solidity"]] > 0) & (small[["circularity", "solidity"]] <= 1)).all(axis=None)
    assert (small["feret_max_nm"] >= small["feret_min_nm"]).all()


@settings(max_examples=30)
@given(instance_maps())
def test_a_quarter_turn_changes_no_size(instances):
    names = [*LENGTHS, "area_nm2", "aspect_ratio", "circularity", "solidity", "eccentricity", "touches_edge"]
    turned = measure(np.rot90(instances), PIXEL_NM)[names].astype(float)
    np.testing.assert_allclose(measure(instances, PIXEL_NM)[names].astype(float), turned, rtol=1e-6, atol=1e-6)


def test_one_pixel():
    mask = np.zeros((5, 5), dtype=np.int32)
    mask[2, 2] = 3
    found = measure(mask, 2.0).loc[3]
    assert found["area_nm2"] == 4
    assert np.isnan(found["orientation_deg"])
    assert found["shape"] is None
    errors = [name for name in MEASUREMENTS if "_se_" in name]
    assert not found.drop(["orientation_deg", "neighbour_nm", "shape", *errors]).isna().any()


def test_the_nearest_neighbour_is_found_by_centroids():
    instances = np.zeros((60, 60), dtype=np.int32)
    for number, (row, column) in {1: (10, 10), 4: (10, 22), 9: (50, 40)}.items():
        instances[row - 2 : row + 3, column - 2 : column + 3] = number
    far = np.hypot(40, 18)
    found = measure(instances, 0.5)["neighbour_nm"]
    assert found.to_dict() == pytest.approx({1: 6, 4: 6, 9: 0.5 * far})
    assert measure((instances == 4).astype(np.int32), 0.5)["neighbour_nm"].isna().all()


def test_the_border_is_seen():
    instances = np.zeros((9, 9), dtype=np.int32)
    instances[0, 4], instances[4:6, 8], instances[1:3, 1:3], instances[8, 0] = 1, 2, 3, 9
    assert measure(instances, 1.0)["touches_edge"].to_dict() == {1: True, 2: True, 3: False, 9: True}


def test_an_empty_map_gives_every_column():
    found = measure(np.zeros((8, 8), dtype=np.int32), 1.0)
    assert found.empty
    assert tuple(found.columns) == MEASUREMENTS
    assert found.index.name == "particle"
    assert found.dtypes.equals(measure(np.ones((8, 8), dtype=np.int32), 1.0).dtypes)


def test_the_pixel_must_be_positive():
    with pytest.raises(InputError, match="pixel_size_nm is 0"):
        measure(np.ones((2, 2), dtype=np.int32), 0.0)


def test_a_particle_at_what_is_not_valid_touches_the_edge():
    instances = np.zeros((60, 60), np.int32)
    instances[10:20, 10:20], instances[30:40, 10:20], instances[30:40, 40:50] = 1, 2, 3
    valid = np.ones((60, 60), bool)
    valid[:10] = valid[:, 50:] = False
    assert measure(instances, 0.1, valid)["touches_edge"].tolist() == [True, False, True]
    assert not measure(instances, 0.1)["touches_edge"].any()
