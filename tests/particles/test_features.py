"""Features of drawn crystals, invariances of the features, and unusual inputs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_lab.micrograph import InputError
from hrtem_lab.particles import features
from hrtem_lab.particles.feature_names import (
    FAMILY_QUESTIONS,
    FEATURE_FAMILIES,
    INTENSITY_FEATURES,
    LATTICE_FEATURES,
    SHAPE_FEATURES,
)
from hrtem_lab.particles.features import lattice_features
from hrtem_lab.particles.measure import measure
from tests.particles.scenes import faulted, fringes, particle, single, twinned

PIXEL_NM = 0.05
ROOM = {"margin_nm": 2.0}


def described(*waves, **drawn):
    image, instances = particle(*waves, **drawn)
    return lattice_features(image, instances, drawn.get("pixel_size_nm", PIXEL_NM)).loc[1]


@pytest.fixture(scope="module")
def kinds():
    return {"noise": described(), "fringe": described(fringes(0.2355, 20.0)), "single": described(*single()),
            "fault": described(*faulted()), "twin": described(*twinned())}  # fmt: skip


def test_columns_are_the_features(kinds):
    image, instances = particle()
    found = lattice_features(image, instances, PIXEL_NM)
    assert list(found.columns) == list(LATTICE_FEATURES)
    assert found.index.name == "particle"
    assert (found.dtypes == np.float64).all()
    assert all(LATTICE_FEATURES.values())
    assert FAMILY_QUESTIONS.keys() == FEATURE_FAMILIES.keys()


def test_noise_is_level_one_and_has_no_lattice(kinds):
    noise = kinds["noise"]
    assert noise.filter(like="power_").mean() == pytest.approx(1, abs=0.1)
    assert noise["std_ratio"] == pytest.approx(1, abs=0.1)
    assert noise["peak_count"] == 0
    assert noise[["spacing_nm", "step_gain", "asymmetry_max", "twin_misfit_deg"]].isna().all()


def test_features_tell_the_kinds_apart(kinds):
    table = pd.DataFrame(kinds).T
    assert table["peak_count"].tolist()[1:3] == [1, 3]
    assert table["ring_peak_count"].drop(["noise", "fault"]).to_dict() == {"fringe": 1, "single": 2, "twin": 3}
    assert table.loc["fault", "ring_peak_count"] in (2, 3)  # a fault in the middle splits the {111} that it shifts
    assert table["step_gain"].idxmax() == "fault"
    assert table.loc["fault", "step_deg"] == pytest.approx(120, abs=20)
    assert table.loc["fault", "step_normal_deg"] < 8
    assert table["asymmetry_max"].idxmax() == "twin"
    assert table["mirror_symmetry"].idxmax() == "twin"
    assert table.loc["twin", "twin_misfit_deg"] < 2
    assert (table["spacing_nm"].drop("noise") - 0.2355).abs().max() < 0.003
    assert table.loc["single", "peak_angle_deg"] == pytest.approx(70.53, abs=1)


def test_contrast_is_in_deviations_of_the_surround():
    assert described(noise=0.1)["contrast"] == pytest.approx(-2, abs=0.1)


@pytest.mark.parametrize("waves", [single(), faulted(), twinned()])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_change_nothing(waves, turns):
    image, instances = particle(*waves, **ROOM)
    still = lattice_features(image, instances, PIXEL_NM)
    turned = lattice_features(np.rot90(image, turns), np.rot90(instances, turns), PIXEL_NM)
    pd.testing.assert_frame_equal(still, turned, rtol=0.02, atol=0.02)


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-3, 1e4), st.floats(-1e4, 1e4))
def test_grey_levels_change_nothing(scale, offset):
    image, instances = particle(*faulted(), **ROOM)
    changed = lattice_features(scale * image + scale * offset, instances, PIXEL_NM)
    pd.testing.assert_frame_equal(lattice_features(image, instances, PIXEL_NM), changed, rtol=1e-4, atol=1e-4)


def test_padding_and_numbering_change_nothing():
    image, instances = particle(*twinned(), **ROOM)
    wide = np.pad(image, ((31, 0), (4, 57)), constant_values=55)
    padded = lattice_features(wide, np.pad(instances, ((31, 0), (4, 57))) * 9, PIXEL_NM)
    still = lattice_features(image, instances, PIXEL_NM)
    assert padded.index.tolist() == [9]
    pd.testing.assert_frame_equal(still, padded.rename({9: 1}).rename_axis("particle"), rtol=1e-6)


def test_a_free_turn_of_the_lattice_changes_little():
    names = ["peak1_contrast", "spacing_nm", "peak_angle_deg", "streak_max", "step_deg", "step_gain", "broadening_max"]
    table = pd.DataFrame([described(*faulted(angle))[names] for angle in (0, 17, 41, 73)])
    np.testing.assert_allclose(table / table.mean(), 1, atol=0.35)


def test_pixel_sizes_agree():
    names = ["spacing_nm", "peak_angle_deg", "step_deg", "step_gain", "ring_peak_count", "streak_max"]
    table = pd.DataFrame([described(*faulted(), pixel_size_nm=p)[names] for p in (0.03, 0.05, 0.07)])
    np.testing.assert_allclose(table / table.mean(), 1, atol=0.2)


def test_a_neighbour_is_neither_surround_nor_particle():
    image, instances = particle(*single(), **ROOM)
    alone = lattice_features(image, instances, PIXEL_NM).loc[1]
    image[:, -12:], instances[:, -12:] = 1e3, 2
    crowded = lattice_features(image, instances, PIXEL_NM).loc[1]
    assert crowded["contrast"] == pytest.approx(alone["contrast"], abs=0.2)
    assert crowded["peak1_contrast"] == pytest.approx(alone["peak1_contrast"])


def test_shapes_are_those_measured():
    image, instances = particle()
    pd.testing.assert_frame_equal(
        lattice_features(image, instances, PIXEL_NM)[list(SHAPE_FEATURES)],
        measure(instances, PIXEL_NM)[list(SHAPE_FEATURES)],
    )


@pytest.mark.parametrize("value", [0.0, np.nan, 7.5])
def test_a_constant_or_nan_image_has_only_a_shape(value):
    _, instances = particle()
    found = lattice_features(np.full(instances.shape, value), instances, PIXEL_NM).loc[1]
    assert found[list(SHAPE_FEATURES)].notna().all()
    assert found.drop(list(SHAPE_FEATURES)).isna().all()


def test_nan_around_the_particle_is_left_out():
    image, instances = particle(*single(), **ROOM)
    image[:20] = np.nan
    assert described(*single())["contrast"] == pytest.approx(
        lattice_features(image, instances, PIXEL_NM).loc[1, "contrast"], abs=0.2
    )


def test_a_full_image_has_no_surround():
    image, instances = particle(*single(), margin_nm=0.0)
    found = lattice_features(image, np.ones_like(instances), PIXEL_NM).loc[1]
    assert found[["contrast", "std_ratio", "power_4.25_per_nm"]].isna().all()
    assert found["peak_count"] == 3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 3.0), st.integers(1, 14), st.integers(1, 14), st.integers(0, 40))
def test_any_small_particle_is_described(seed, pixel_size_nm, height, width, margin):
    rng = np.random.default_rng(seed)
    instances = np.pad((rng.random((height, width)) < 0.7).astype(np.int32) * 2, (margin, 0))
    image = rng.integers(0, 255, instances.shape).astype(np.uint8)
    found = lattice_features(image, instances, pixel_size_nm)
    assert list(found.columns) == list(LATTICE_FEATURES)
    assert not np.isinf(found.to_numpy()).any()


@pytest.fixture
def without_limit(monkeypatch):
    """Describes a particle by all of it, however large it is."""

    def describe(*waves, **drawn):
        with monkeypatch.context() as patch:
            patch.setattr(features, "WINDOW_NM", 1e3)
            return described(*waves, **drawn)

    return describe


@pytest.mark.parametrize("diameter_nm", [2.0, 6.0, 12.0])
@pytest.mark.parametrize("pixel_size_nm", [0.04, 0.1])
def test_the_limit_does_not_touch_a_particle_of_12_nm(diameter_nm, pixel_size_nm, without_limit):
    drawn = {"diameter_nm": diameter_nm, "pixel_size_nm": pixel_size_nm}
    pd.testing.assert_series_equal(described(*faulted(), **drawn), without_limit(*faulted(), **drawn))


@pytest.mark.parametrize("diameter_nm", [14.0, 30.0])
def test_the_middle_of_a_large_particle_stands_for_its_lattice(diameter_nm, without_limit):
    drawn = {"diameter_nm": diameter_nm, "pixel_size_nm": 0.08}
    limited, whole = described(*twinned(), **drawn), without_limit(*twinned(), **drawn)
    same = [*SHAPE_FEATURES, *INTENSITY_FEATURES]
    pd.testing.assert_series_equal(limited[same], whole[same])
    assert limited["spacing_nm"] == pytest.approx(0.2355, rel=0.01)
    assert limited[["peak_count", "ring_peak_count"]].tolist() == [3, 3]
    assert limited["twin_misfit_deg"] < 1
    assert limited["asymmetry_max"] == pytest.approx(whole["asymmetry_max"], abs=0.1)
    ratio = (limited / whole).filter(like="power_")
    assert ratio.median() == pytest.approx(1, abs=0.2)  # the surround of one side stands for that of all


def test_the_transformed_window_does_not_grow_with_the_particle(monkeypatch):
    sizes = []

    def noted(image, mask, pixel_size_nm, transform=features.compute_spectrum, **how):
        sizes.append(max(mask.shape) * pixel_size_nm)
        return transform(image, mask, pixel_size_nm, **how)

    monkeypatch.setattr(features, "compute_spectrum", noted)
    found = described(*single(), diameter_nm=60.0, pixel_size_nm=0.1)
    assert len(sizes) == 2
    assert max(sizes) < 16
    assert found["equivalent_diameter_nm"] == pytest.approx(60, rel=0.01)
    assert found["power_4.25_per_nm"] > 3


def test_no_particles_is_an_empty_table():
    found = lattice_features(np.zeros((9, 9)), np.zeros((9, 9), dtype=np.int32), PIXEL_NM)
    assert found.shape == (0, len(LATTICE_FEATURES))
    assert found.index.name == "particle"


def test_one_line_errors():
    with pytest.raises(InputError, match="shape"):
        lattice_features(np.zeros((3, 3)), np.zeros((3, 4), dtype=np.int32), PIXEL_NM)
    with pytest.raises(InputError, match="pixel_size_nm"):
        lattice_features(np.zeros((3, 3)), np.zeros((3, 3), dtype=np.int32), 0.0)
