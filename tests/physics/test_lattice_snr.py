"""The signal-to-noise ratio of drawn lattices, against the statistics of counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_lab.physics.lattice_snr import lattice_snr
from hrtem_lab.physics.visibility import RESOLVED
from tests.physics.lattices import PIXEL_NM, SIZE, G, counted, lattice, window

ELSEWHERE = np.array([[3.0, -3.0], [1.0, 4.1], [2.0, 1.0]])
BEYOND = np.array([[12.6, 0.0], [9.0, 9.0], [0.0, -30.0]])


@pytest.mark.parametrize("electrons", [3.0, 300.0])
@pytest.mark.parametrize("modulation", [0.1, 0.3])
def test_a_drawn_lattice_is_as_significant_as_counting_allows(electrons, modulation):
    """Of n electrons, a modulation m gives the amplitude n m / 2 against a noise of the root of n."""
    frames = [counted(lattice(electrons, modulation), seed) for seed in range(30)]
    found = [lattice_snr(frame, window(), PIXEL_NM, G) for frame in frames]
    n = electrons * np.count_nonzero(window())
    # the noise adds its own power, and the level is measured where the lattice's side lobes are
    assert np.median(found) == pytest.approx(modulation / 2 * np.sqrt(n), rel=0.15)


@pytest.mark.parametrize("radius_nm", [1.0, 2.0])
def test_the_level_of_the_noise_is_known_to_a_tenth(radius_nm):
    """Noise moves so strong a lattice's amplitude by less than a hundredth: what scatters is the level beside it."""
    frames = [counted(lattice(300.0, 0.3), seed) for seed in range(60)]
    found = [lattice_snr(frame, window(radius_nm), PIXEL_NM, G)[0] for frame in frames]
    assert np.std(found) < 0.1 * np.mean(found)


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_the_unit_of_the_image_does_not_count(scale, offset):
    frame = counted(lattice(100.0, 0.2)).astype(float)
    found = lattice_snr(frame, window(), PIXEL_NM, G)
    np.testing.assert_allclose(lattice_snr(scale * frame + offset, window(), PIXEL_NM, G), found, rtol=1e-3)


@pytest.mark.parametrize("g", [ELSEWHERE, BEYOND], ids=["no reflection", "beyond Nyquist"])
def test_no_signal_where_no_lattice_is(g):
    assert (lattice_snr(counted(lattice(100.0, 0.2)), window(), PIXEL_NM, g) < RESOLVED).all()
    assert (lattice_snr(counted(lattice(100.0, 0.2)), window(), PIXEL_NM, BEYOND) == 0).all()


@pytest.mark.parametrize(("radius_nm", "seen"), [(0.3, False), (0.45, False), (0.6, True)])
def test_a_few_fringes_are_no_lattice(radius_nm, seen):
    found = lattice_snr(counted(lattice(3000.0, 0.3)), window(radius_nm), PIXEL_NM, G)
    assert (found > RESOLVED).all() == seen


@pytest.mark.parametrize("edge_nm", [5, 15, 60])
def test_a_lattice_is_seen_however_large_its_window(edge_nm):
    row, column = np.mgrid[: 10 * edge_nm, : 10 * edge_nm] * 0.1
    frame = counted((100 * (1 + 0.5 * np.cos(2 * np.pi * (row * G[0, 0] + column * G[0, 1])))).astype(np.float32))
    found = lattice_snr(frame, np.ones(frame.shape, dtype=bool), 0.1, G)
    assert (found > RESOLVED).all()


def test_a_spot_a_little_off_is_found():
    off = G[:1] + np.array([[0.05, -0.05]])  # as relaxation or a wrong calibration may have it
    strong, there = (lattice_snr(counted(lattice(1000.0, 0.2)), window(), PIXEL_NM, g)[0] for g in (off, G[:1]))
    assert strong > 0.6 * there


def test_noise_is_not_significant():
    rng = np.random.default_rng(0)
    frames = [rng.poisson(100, (SIZE, SIZE)).astype(np.float32) for _ in range(100)]
    found = np.array([lattice_snr(frame, window(), PIXEL_NM, np.concatenate([G[:1], ELSEWHERE])) for frame in frames])
    assert found.max() < RESOLVED
    assert found.mean() == pytest.approx(1.3, abs=0.3)  # the largest of nine places near by


def test_speckle_as_strong_as_the_lattice_hides_it():
    rng = np.random.default_rng(0)
    k = np.hypot(*np.meshgrid(*[np.fft.fftfreq(SIZE, PIXEL_NM)] * 2))
    speckle = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIZE, SIZE))) * (k < 6)).real
    image = lattice(1e4, 0.1)
    alone, hidden = (
        lattice_snr(image + s * 1e4 * speckle / speckle.std(), window(), PIXEL_NM, G[:1])[0] for s in (0, 1.0)
    )
    assert alone > 10 * RESOLVED
    assert hidden < RESOLVED


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_no_contrast(value):
    assert not lattice_snr(np.full((20, 20), value, np.float32), np.ones((20, 20), dtype=bool), PIXEL_NM, G).any()


def test_no_window_and_no_reflections():
    assert not lattice_snr(lattice(10.0, 0.2), window(-1.0), PIXEL_NM, G).any()
    assert lattice_snr(lattice(10.0, 0.2), window(), PIXEL_NM, np.empty((0, 2))).shape == (0,)
