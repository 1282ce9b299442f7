"""Images that nobody should measure are what they are called."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hrtem_lab.physics import ExitWave, ImageSimulator
from hrtem_lab.physics.faulty_images import FAULTS, faults_of, simulate


@pytest.fixture(scope="module")
def wave() -> ExitWave:
    """A field of 8 nm with a disc of phase, and a film."""
    row, column = np.mgrid[:256, :256] - 128
    disc = np.hypot(row, column) < 60
    film = gaussian_filter(np.random.default_rng(0).normal(size=disc.shape), 2, mode="wrap")
    phase = 0.5 * disc + 0.3 * film / film.std()
    return ExitWave(np.exp(1j * phase).astype(np.complex64), disc.astype(np.int32), 8 / 256, "disc", tuple)


@pytest.mark.parametrize("kind", FAULTS)
def test_every_kind_gives_an_image_and_the_same_one_again(wave: ExitWave, kind: str):
    one, two = (FAULTS[kind](wave, ImageSimulator(), np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(one.image, two.image)
    assert one.image.std() > 0


def test_a_pixel_size_is_wrong_by_its_factor(wave: ExitWave):
    true = simulate(wave, ImageSimulator(), np.random.default_rng(2)).pixel_size_nm
    for kind, factor in {"pixel size too small": 0.5, "pixel size ten times too large": 10.0}.items():
        wrong = FAULTS[kind](wave, ImageSimulator(), np.random.default_rng(2)).pixel_size_nm
        assert wrong == pytest.approx(factor * true)


def test_a_crystal_has_spots_at_the_spacings_of_a_metal(wave: ExitWave):
    from hrtem_lab.analysis.image_statistics import PowerSpectrum

    strongest = []
    for seed in range(6):
        micrograph = FAULTS["crystal"](wave, ImageSimulator(), np.random.default_rng(seed))
        spectrum = PowerSpectrum.of_image(micrograph.image, micrograph.pixel_size_nm, 256)
        power = np.where(spectrum.frequency_per_nm > 2, spectrum.mean, 0)
        strongest.append(1 / spectrum.frequency_per_nm.ravel()[power.argmax()])
    fits = [min(abs(d - known) for known in (0.2355, 0.2045, 0.2265, 0.196, 0.2246, 0.1945, 0.144)) for d in strongest]
    assert np.median(fits) < 0.012


def test_what_needs_a_particle_is_not_made_of_an_empty_field(wave: ExitWave):
    from dataclasses import replace

    empty = replace(wave, instances=np.zeros_like(wave.instances))
    assert set(faults_of(empty)) == {"crystal", "diffraction pattern", "photograph"}
    assert set(faults_of(wave)) == set(FAULTS)
