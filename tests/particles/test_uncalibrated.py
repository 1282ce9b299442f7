"""Particles of unknown pixel size: the same features at any of them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_lab.particles.feature_names import LATTICE_FEATURES
from hrtem_lab.particles.features import lattice_features
from hrtem_lab.particles.uncalibrated import estimate_pixel_nm, uncalibrated_features
from tests.particles.scenes import fringes, particle, single, twinned

PIXEL_NM = 0.05


@pytest.mark.parametrize("pixel_size_nm", [0.02, 0.035, 0.05, 0.08])
def test_the_pixel_is_read_off_the_lattice(pixel_size_nm):
    image, instances = particle(*single(), pixel_size_nm=pixel_size_nm)
    assert estimate_pixel_nm(image, instances == 1) == pytest.approx(pixel_size_nm, rel=0.02)


@pytest.mark.parametrize("pixel_size_nm", [0.0235, 0.03, 0.045])
def test_fundamental_and_harmonic_in_different_bands(pixel_size_nm):
    """Fringes 10, 7.9 and 5.2 pixels apart, whose second harmonic is the stronger one."""
    harmonic = particle(fringes(0.2355, 20.0, 0.4), fringes(0.2355 / 2, 20.0, 0.6), pixel_size_nm=pixel_size_nm)
    assert estimate_pixel_nm(harmonic[0], harmonic[1] == 1) == pytest.approx(pixel_size_nm, rel=0.02)


def test_the_pixel_size_that_is_given_does_not_matter():
    image, instances = particle(*twinned(), margin_nm=2.5)
    one, other = (uncalibrated_features(image, instances, p) for p in (0.05, 3.0))
    pd.testing.assert_frame_equal(one, other)


def test_gold_is_described_as_if_its_pixel_were_known():
    image, instances = particle(*twinned(), margin_nm=2.5)
    found = uncalibrated_features(image, instances * 3, 1.0)
    known = lattice_features(image, instances * 3, PIXEL_NM)
    assert list(found.columns) == list(LATTICE_FEATURES)
    assert found.index.equals(known.index)
    names = ["equivalent_diameter_nm", "peak_angle_deg", "twin_misfit_deg", "asymmetry_max", "contrast", "solidity"]
    np.testing.assert_allclose(found[names], known[names], rtol=0.15, atol=0.6)
    assert found["spacing_nm"].iloc[0] == pytest.approx(0.2355, rel=0.01)


def test_a_larger_lattice_has_the_features_of_gold_magnified():
    """CdSe of 0.351 nm in a particle of 7.45 nm looks as gold in one of 5 nm does."""
    wide = particle(fringes(0.351, 20.0), fringes(0.351, 90.53), diameter_nm=7.45, margin_nm=2.5)
    gold = particle(
        fringes(0.2355, 20.0), fringes(0.2355, 90.53), diameter_nm=5.0, pixel_size_nm=0.03355, margin_nm=1.7
    )
    one, other = (uncalibrated_features(*drawn, 1.0).iloc[0] for drawn in (wide, gold))
    names = ["equivalent_diameter_nm", "peak_angle_deg", "peak1_contrast", "amplitude_cv_max"]
    np.testing.assert_allclose(one[names], other[names], rtol=0.25)


def test_a_particle_without_fringes_takes_the_pixel_of_the_others():
    image, instances = particle(*single(), margin_nm=2.5)
    bare, disc = particle(margin_nm=2.5, seed=1)
    both = uncalibrated_features(np.hstack([image, bare]), np.hstack([instances, 2 * disc]), 1.0)
    assert both.loc[2, "equivalent_diameter_nm"] == pytest.approx(both.loc[1, "equivalent_diameter_nm"], rel=0.02)
    assert both.loc[2, "peak_count"] == 0
    alone = uncalibrated_features(bare, disc, 1.0).loc[1]
    assert np.isnan(alone["equivalent_diameter_nm"])
    assert alone["solidity"] > 0.98


def test_a_crop_cut_by_hand_is_a_particle_of_all_its_pixels():
    image, _ = particle(*single(), margin_nm=0.0)
    found = uncalibrated_features(image, np.ones(image.shape, dtype=np.int32), 1.0).loc[1]
    assert found["ring_peak_count"] == 2
    assert np.isnan(found["contrast"])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 14), st.integers(1, 14))
def test_any_small_particle_is_described(seed, height, width):
    rng = np.random.default_rng(seed)
    instances = np.pad((rng.random((height, width)) < 0.7).astype(np.int32) * 2, (3, 0))
    image = rng.integers(0, 255, instances.shape).astype(np.uint8)
    found = uncalibrated_features(image, instances, 1.0)
    assert list(found.columns) == list(LATTICE_FEATURES)
    assert not np.isinf(found.to_numpy()).any()
