"""Fields that are drawn from the thickness of bodies: what the wave knows and what the truth says belong together."""

from dataclasses import replace

import numpy as np
import pytest

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import ImageSimulator, ProjectedBodies
from hrtem_lab.physics.background import atomic_noise, sample_background, smooth_noise

BODIES = ProjectedBodies(size=400, seed=3, gpts=256)


def test_a_field_depends_on_seed_and_index_alone():
    first, again, other = BODIES[5], replace(BODIES, size=6)[5], BODIES[6]
    np.testing.assert_array_equal(first.wave, again.wave)
    np.testing.assert_array_equal(first.instances, again.instances)
    assert not np.array_equal(first.wave, other.wave)
    assert not np.array_equal(first.wave, replace(BODIES, seed=4)[5].wave)
    assert len(BODIES[:3]) == 3
    with pytest.raises(IndexError):
        BODIES[400]


def test_bodies_darken_exactly_where_the_truth_says_they_are():
    """Beside the same field with bodies that stop nothing, only the pixels of the bodies are darker."""
    dark = replace(BODIES, empty=0.0, lattice=0.0, contrast=(0.5, 0.5), diameter_nm=(3.0, 6.0))
    clear = replace(dark, contrast=(1e-12, 1e-12), inner_potential_V=(0.0, 0.0))
    for index in range(8):
        with_bodies, without = dark[index], clear[index]
        darker = np.abs(with_bodies.wave) < np.abs(without.wave) * (1 - 1e-6)
        inside = with_bodies.instances > 0
        assert inside.any()
        assert not darker[~inside].any()
        assert darker[inside].mean() > 0.98  # the outermost pixels are next to nothing thick


def test_coverage_and_share_of_empty_fields_are_those_asked_for():
    fields = [BODIES[i] for i in range(60)]
    empty = np.mean([not one.instances.any() for one in fields])
    assert 0.03 < empty < 0.3
    covered = [np.mean(one.instances > 0) for one in fields]
    assert max(covered) < 0.75


def test_an_image_of_a_field_has_its_truth():
    micrograph = ImageSimulator().simulate(BODIES[2], np.random.default_rng(0), ground_truth=False)
    assert micrograph.image.shape == micrograph.instances.shape
    assert np.isfinite(micrograph.image).all()


@pytest.mark.parametrize("change", [{"diameter_nm": (5.0, 2.0)}, {"diameter_nm": (1.0, 15.0)}, {"gpts": 0}])
def test_senseless_settings_are_refused(change):
    with pytest.raises(InputError, match="expected"):
        replace(BODIES, **change)


def test_noise_of_atoms_has_the_variance_of_their_number_at_low_frequency():
    """One atom per nm^2, each of weight 1: the sum over an area has the variance of the area."""
    rng = np.random.default_rng(0)
    sums = [atomic_noise(128, 0.1, rng)[:64, :64].sum() * 0.1**2 for _ in range(200)]
    assert np.var(sums) == pytest.approx(6.4**2, rel=0.25)


def test_smooth_noise_has_its_correlation_length():
    field = smooth_noise(512, 0.1, 0.8, np.random.default_rng(1))
    assert field.std() == pytest.approx(1)
    shift = 8  # 0.8 nm: a Gaussian of standard deviation s correlates as exp(-x^2 / (4 s^2))
    correlation = np.mean(field * np.roll(field, shift, axis=0))
    assert correlation == pytest.approx(np.exp(-1 / 4), abs=0.08)


def test_no_film_gives_a_plane_wave_and_a_thicker_film_more_speckle():
    stds = []
    for seed in range(40):
        phase, damping = sample_background(128, 0.1, 8.0, np.random.default_rng(seed))
        assert (damping >= 0).all()
        stds.append(phase.std())
    assert min(stds) == 0
    assert max(stds) > 0.05
