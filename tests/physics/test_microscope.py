"""The microscope against abTEM, the formulas of a weak phase object, and the statistics of counting."""

import abtem
import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import ImagingConditionRanges, ImagingConditions
from hrtem_lab.physics.microscope import camera_pixels, expose, fourier_crop, record, wavelength_nm
from hrtem_lab.physics.microscope.camera import sample_poisson
from hrtem_lab.physics.microscope.conditions import AZIMUTH_PERIODS_DEG
from tests.strategies import defoci_nm, doses_e_per_nm2

GPTS, FIELD_NM = 128, 5.12
SAMPLING_NM = FIELD_NM / GPTS
WAVELENGTH_NM = 0.0019687


def exact(**settings):
    """A condition whose camera adds nothing, at the wave's own pixel, with one electron a pixel."""
    plain = {
        "mtf_nyquist": 1.0,
        "pixel_size_nm": SAMPLING_NM,
        "dose_e_per_nm2": SAMPLING_NM**-2,
        "focal_spread_nm": 0.0,
    }
    return ImagingConditions(**({"defocus_nm": 0.0} | plain | settings))


def random_wave(seed=0, cutoff_per_nm=6.0):
    rng = np.random.default_rng(seed)
    k = np.fft.fftfreq(GPTS, SAMPLING_NM)
    inside = np.hypot(k[:, None], k[None, :]) < cutoff_per_nm
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(GPTS, GPTS)) + 1j * rng.normal(size=(GPTS, GPTS))) * inside)
    return (1 + 0.3 * noise / np.abs(noise).std()).astype(np.complex64)


def grating(periods, amplitude):
    """A wave with this many periods of a cosine along the rows, of complex amplitude."""
    turn = 2 * np.pi * periods * np.arange(GPTS) / GPTS
    return np.broadcast_to((1 + amplitude * np.cos(turn))[:, None], (GPTS, GPTS)).astype(np.complex64).copy()


def contrast(image, periods):
    """Amplitude of a cosine in an image, with its sign, over the mean."""
    spectrum = np.fft.fft2(np.asarray(image))
    return 2 * spectrum[periods, 0].real / spectrum[0, 0].real


def resized(image, size):
    spectrum = torch.fft.rfft2(torch.as_tensor(image))
    return torch.fft.irfft2(fourier_crop(spectrum, size), (size, size)) * (size / len(image)) ** 2


def test_wavelength():
    # Williams and Carter, Transmission Electron Microscopy, table 1.2
    for voltage_kV, picometres in ((100, 3.701), (200, 2.508), (300, 1.9687)):
        assert wavelength_nm(voltage_kV) == pytest.approx(1e-3 * picometres, rel=3e-4)


@pytest.mark.parametrize(
    ("settings", "theirs"),
    [
        ({"defocus_nm": 40.0}, {"defocus": 400.0}),
        ({"defocus_nm": -40.0}, {"defocus": -400.0}),
        ({"cs_um": 15.0}, {"Cs": 15e4}),
        ({"astigmatism_nm": 4.0, "astigmatism_deg": 25.0}, {"C12": 40.0, "phi12": np.radians(25.0)}),
        ({"astigmatism_nm": 4.0, "astigmatism_deg": 120.0}, {"C12": 40.0, "phi12": np.radians(120.0)}),
        ({"defocus_nm": 10.0, "focal_spread_nm": 5.0}, {"defocus": 100.0, "focal_spread": 50.0}),
        ({"coma_nm": 200.0, "coma_deg": 200.0}, {"C21": 2000.0, "phi21": np.radians(200.0)}),
        ({"trefoil_nm": 200.0, "trefoil_deg": 100.0}, {"C23": 2000.0, "phi23": np.radians(100.0)}),
        ({"defocus_nm": 90.0, "convergence_mrad": 0.4}, {"defocus": 900.0, "angular_spread": 0.4}),
        (
            {
                "defocus_nm": 37.0,
                "cs_um": -12.0,
                "astigmatism_nm": 3.0,
                "astigmatism_deg": 70.0,
                "coma_nm": 150.0,
                "coma_deg": 310.0,
                "trefoil_nm": 80.0,
                "trefoil_deg": 15.0,
                "focal_spread_nm": 3.0,
                "convergence_mrad": 0.5,
            },
            {"defocus": 370.0, "Cs": -12e4, "C12": 30.0, "phi12": np.radians(70.0), "focal_spread": 30.0}
            | {"C21": 1500.0, "phi21": np.radians(310.0), "C23": 800.0, "phi23": np.radians(15.0)}
            | {"angular_spread": 0.5},
        ),
    ],
    ids=lambda value: "-".join(value),
)
@pytest.mark.parametrize("voltage_kV", [80.0, 300.0])
def test_the_image_is_abtems(settings, theirs, voltage_kV):
    wave = random_wave()
    with abtem.config.set({"device": "cpu", "diagnostics.progress_bar": False}):
        waves = abtem.Waves(wave, sampling=10 * SAMPLING_NM, energy=1e3 * voltage_kV)
        lens = abtem.CTF(energy=1e3 * voltage_kV, semiangle_cutoff=1e4, **theirs)
        expected = waves.apply_ctf(lens).intensity().compute(scheduler="single-threaded").array
    assert expected.std() > 0.1
    image = expose(wave, SAMPLING_NM, exact(voltage_kV=voltage_kV, **settings)).numpy()
    np.testing.assert_allclose(image, expected, atol=3e-5)


@given(defoci_nm, st.floats(-15, 15), st.integers(1, 30))
def test_a_weak_phase_object_has_the_contrast_of_the_formula(defocus_nm, cs_um, periods):
    k = periods / FIELD_NM
    chi = np.pi * (0.5 * 1e3 * cs_um * WAVELENGTH_NM**3 * k**4 - defocus_nm * WAVELENGTH_NM * k**2)
    image = expose(grating(periods, 0.01j), SAMPLING_NM, exact(defocus_nm=defocus_nm, cs_um=cs_um))
    assert contrast(image, periods) == pytest.approx(2 * 0.01 * np.sin(chi), abs=1e-4)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("periods", [14, 22])
def test_the_transfer_function_has_its_zeros_where_the_formula_puts_them(order, periods):
    zero_nm = order * FIELD_NM**2 / (WAVELENGTH_NM * periods**2)
    at, before, after = (
        contrast(expose(grating(periods, 0.01j), SAMPLING_NM, exact(defocus_nm=part * zero_nm)), periods)
        for part in (1.0, 0.8, 1.2)
    )
    assert abs(at) < 1e-4
    assert before * after < -1e-5


@given(st.floats(1, 60))
def test_underfocus_shows_atoms_dark_and_overfocus_bright(defocus_nm):
    """Below the first zero of the transfer function; an atom advances the phase."""
    under, over = (
        contrast(expose(grating(8, 0.01j), SAMPLING_NM, exact(defocus_nm=sign * defocus_nm)), 8) for sign in (1, -1)
    )
    assert under < 0 < over
    assert under == pytest.approx(-over, rel=1e-2, abs=1e-5)


@pytest.mark.parametrize("periods", [8, 16, 24])
def test_focal_spread_damps_as_its_formula_says(periods):
    # amplitude objects at Gaussian focus keep their contrast; Kirkland eq. 3.41
    k = periods / FIELD_NM
    damped = contrast(expose(grating(periods, 0.01), SAMPLING_NM, exact(focal_spread_nm=8.0)), periods)
    assert damped == pytest.approx(0.02 * np.exp(-((0.5 * np.pi * WAVELENGTH_NM * 8.0 * k**2) ** 2)), rel=1e-3)


@pytest.mark.parametrize("mtf_nyquist", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("pixels", [128, 96, 77])
def test_the_transfer_at_the_nyquist_frequency_is_that_of_the_conditions(pixels, mtf_nyquist):
    condition = exact(mtf_nyquist=mtf_nyquist, pixel_size_nm=FIELD_NM / pixels)
    for periods in (10, 20, 30):
        seen = contrast(expose(grating(periods, 0.01), SAMPLING_NM, condition), periods)
        assert seen == pytest.approx(0.02 * mtf_nyquist ** ((periods / (pixels / 2)) ** 2), rel=1e-3)


@given(st.floats(0.015, 0.3), defoci_nm, doses_e_per_nm2)
def test_every_electron_is_counted_once_for_any_pixel(pixel_size_nm, defocus_nm, dose):
    condition = ImagingConditions(defocus_nm=defocus_nm, pixel_size_nm=pixel_size_nm, dose_e_per_nm2=dose)
    wave = random_wave()
    expected = expose(wave, SAMPLING_NM, condition)
    assert expected.shape == (round(FIELD_NM / pixel_size_nm),) * 2
    assert expected.dtype == torch.float32
    # the lens takes away what the focal spread damps, the camera nothing
    through = expose(wave, SAMPLING_NM, exact(defocus_nm=defocus_nm, focal_spread_nm=3.0)).double().mean()
    assert float(expected.double().sum()) == pytest.approx(dose * FIELD_NM**2 * float(through), rel=1e-3)


def test_waves_in_a_batch_are_imaged_as_if_alone():
    waves = np.stack([random_wave(0), random_wave(1), grating(9, 0.2j)])
    condition = exact(defocus_nm=40.0, convergence_mrad=0.3, drift_nm=0.1, mtf_nyquist=0.3, pixel_size_nm=0.06)
    batch = expose(waves, SAMPLING_NM, condition)
    assert batch.shape == (3, 85, 85)
    for wave, image in zip(waves, batch, strict=True):
        np.testing.assert_allclose(image, expose(wave, SAMPLING_NM, condition), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("periods", [8, 16, 24])
@pytest.mark.parametrize("drift_deg", [0.0, 60.0, 90.0])
def test_drift_is_the_mean_of_moved_images(periods, drift_deg):
    still, steps = exact(defocus_nm=60.0), 64
    along = 0.3 * np.cos(np.radians(drift_deg)) * (np.arange(steps) + 0.5 - steps / 2) / steps  # the grating's rows
    wanted = contrast(expose(grating(periods, 0.1), SAMPLING_NM, still), periods) * np.mean(
        np.cos(2 * np.pi * periods / FIELD_NM * along)
    )
    moved = exact(defocus_nm=60.0, drift_nm=0.3, drift_deg=drift_deg)
    assert contrast(expose(grating(periods, 0.1), SAMPLING_NM, moved), periods) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("periods", [8, 16, 24])
def test_vibration_blurs_as_a_gaussian(periods):
    still, shaken = (
        expose(grating(periods, 0.1), SAMPLING_NM, exact(vibration_nm=v)).numpy().astype(float) for v in (0, 0.05)
    )
    blurred = gaussian_filter(still, 0.05 / SAMPLING_NM, mode="wrap", truncate=8)
    np.testing.assert_allclose(shaken, blurred, atol=2e-3)


def test_the_signal_goes_through_the_whole_transfer_whatever_the_noise_does():
    """A grating at half the Nyquist frequency keeps m^(1/4) of its contrast."""
    for noise_transfer in (0.0, 0.5, 1.0):
        condition = exact(mtf_nyquist=0.2, noise_transfer=noise_transfer, dose_e_per_nm2=1e9)
        frame = record(expose(grating(32, 0.01), SAMPLING_NM, condition), condition, np.random.default_rng(0))
        assert contrast(frame, 32) == pytest.approx(0.02 * 0.2**0.25, rel=0.02)


@pytest.mark.parametrize("noise_transfer", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("mtf_nyquist", [0.1, 0.5])
def test_the_noise_has_the_spectrum_of_its_transfer(noise_transfer, mtf_nyquist):
    n, dose = 256, 400.0
    condition = exact(mtf_nyquist=mtf_nyquist, noise_transfer=noise_transfer)
    frames = [record(torch.full((n, n), dose), condition, np.random.default_rng(s)).double() for s in range(8)]
    power = np.mean([np.abs(np.fft.fft2(f - f.mean())) ** 2 for f in frames], axis=0) / n**2 / dose
    q = np.fft.fftfreq(n, 0.5)
    for low, high in ((0.1, 0.4), (0.4, 0.7), (0.7, 0.9)):
        ring = np.hypot(q[:, None], q[None, :])
        inside = (ring > low) & (ring < high)
        expected = mtf_nyquist ** (2 * noise_transfer * ring[inside] ** 2)
        assert power[inside].mean() == pytest.approx(expected.mean(), rel=0.05)


@pytest.mark.parametrize("dqe", [0.3, 1.0])
def test_the_efficiency_is_the_squared_signal_to_noise_ratio_per_electron(dqe):
    condition = exact(dqe=dqe, dose_e_per_nm2=200 / SAMPLING_NM**2)
    expected = expose(np.ones((GPTS, GPTS), np.complex64), SAMPLING_NM, condition)
    counts = record(expected, condition, np.random.default_rng(0)).double()
    assert float(counts.mean() ** 2 / counts.var()) == pytest.approx(dqe * 200, rel=0.05)


def test_gain_multiplies_counts():
    expected = torch.full((32, 32), 5.0)
    one, ten = (record(expected, exact(gain=g, read_noise_e=0.5), np.random.default_rng(0)) for g in (1.0, 10.0))
    torch.testing.assert_close(ten, 10 * one)
    with pytest.raises(InputError, match="gain is 0"):
        exact(gain=0.0)


@pytest.mark.parametrize("electrons", [0.0, 0.3, 8.0, 49.9, 50.1, 300.0, 1e5])
def test_counts_are_poisson_distributed(electrons):
    counts = sample_poisson(torch.full((1000, 1000), electrons), torch.Generator().manual_seed(0)).numpy().ravel()
    low, high = counts.min(), counts.max()
    values = np.arange(low, high + 1)
    found = np.searchsorted(np.sort(counts), values, side="right") / counts.size
    assert np.abs(found - scipy.stats.poisson.cdf(values, electrons)).max() < 2e-3


def test_electrons_of_a_frame_with_few_and_many():
    expected = torch.tensor([1.0, 49.0, 51.0, 400.0]).repeat(20000, 1)
    counts = sample_poisson(expected, torch.Generator().manual_seed(0))
    torch.testing.assert_close(counts.mean(0), expected[0], rtol=0.02, atol=0)
    torch.testing.assert_close(counts.var(0), expected[0], rtol=0.05, atol=0)


@pytest.mark.parametrize("read_noise_e", [0.5, 3.0])
def test_read_noise_adds_its_variance(read_noise_e):
    condition = exact(read_noise_e=read_noise_e)
    counts = record(torch.full((300, 300), 5.0), condition, np.random.default_rng(0)).double()
    assert float(counts.var()) == pytest.approx(5 + read_noise_e**2, rel=0.03)
    assert float(counts.mean()) == pytest.approx(5, abs=0.1)


def test_a_field_smaller_than_a_pixel():
    assert camera_pixels(1.0, 3.0) == 1
    assert float(expose(grating(3, 0.1), SAMPLING_NM, exact(pixel_size_nm=50.0)).sum()) == pytest.approx(
        GPTS**2, rel=0.01
    )


@given(st.integers(1, 20), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_a_finer_grid_and_back_changes_nothing(size, more, seed):
    """Back comes all but the highest frequency of an even grid, which tells +k from -k nowhere."""
    image = np.random.default_rng(seed).normal(size=(size, size))
    if size % 2 == 0 and more:
        spectrum = np.fft.fft2(image)
        spectrum[size // 2] = spectrum[:, size // 2] = 0
        image = np.fft.ifft2(spectrum).real
    larger = resized(image, size + more)
    np.testing.assert_allclose(resized(larger, size), image, atol=1e-12)
    assert float(larger.mean()) == pytest.approx(image.mean(), abs=1e-12)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_rows_and_columns_are_treated_alike(size, other, seed):
    image = np.random.default_rng(seed).normal(size=(size, size))
    np.testing.assert_allclose(resized(image.T.copy(), other), resized(image, other).T, atol=1e-12)


@given(st.integers(8, 21), st.integers(8, 40), st.integers(-3, 3), st.integers(-3, 3), st.floats(0, 6))
def test_a_wave_on_another_grid_is_the_same_wave(size, other, row, column, phase):
    def drawn(n):
        r, c = np.mgrid[:n, :n] / n
        return np.cos(2 * np.pi * (row * r + column * c) + phase)

    np.testing.assert_allclose(resized(drawn(size), other), drawn(other), atol=1e-12)


@pytest.mark.parametrize("dose", [50.0, 2e3, 1e6])
def test_counting_statistics(dose):
    condition = exact(dose_e_per_nm2=dose / SAMPLING_NM**2)
    expected = torch.full((300, 300), dose)
    counts = record(expected, condition, np.random.default_rng(0)).double()
    assert (counts == counts.round()).all()
    assert float(counts.mean()) == pytest.approx(dose, abs=5 * np.sqrt(dose) / 300)
    assert float(counts.var()) == pytest.approx(dose, rel=5 * np.sqrt(2 / 300**2))
    # neighbours know nothing of each other
    centred = counts - dose
    assert abs(float((centred[1:] * centred[:-1]).mean())) < 5 * dose / 300


@pytest.mark.parametrize("unevenness", [0.0, 0.1, 0.2])
def test_unevenness_is_the_relative_range_of_the_light(unevenness):
    expected = torch.full((64, 64), 1e7)
    for seed in range(100):
        light = record(expected, exact(unevenness=unevenness), np.random.default_rng(seed)).numpy() / 1e7
        assert np.ptp(light) == pytest.approx(unevenness, abs=4e-3)  # the counting itself
        assert light.mean() == pytest.approx(1, abs=1e-3)
        # no structure as small as a particle
        second = light[:-32:8, ::8] - 2 * light[16:-16:8, ::8] + light[32::8, ::8]
        assert np.abs(second - second.mean()).max() < 4e-3


def test_the_same_random_state_gives_the_same_frame():
    expected = expose(random_wave(), SAMPLING_NM, exact(dose_e_per_nm2=1e4))
    one, same, other = (record(expected, exact(unevenness=0.1), np.random.default_rng(s)).numpy() for s in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_no_light_no_electrons():
    assert not record(
        expose(random_wave(), SAMPLING_NM, exact(dose_e_per_nm2=0.0)), exact(), np.random.default_rng(0)
    ).any()


def test_conditions_are_sampled_within_their_ranges():
    ranges = {"defocus_nm": (-30.0, 50.0), "dose_e_per_nm2": (1e3, 1e5), "pixel_size_nm": (0.02, 0.08), "cs_um": (1, 2)}
    microscope = ImagingConditionRanges(**ranges, voltage_kV=80.0, gain=4.0)
    conditions = [microscope.sample(np.random.default_rng(seed)) for seed in range(400)]
    assert {(c.voltage_kV, c.gain) for c in conditions} == {(80.0, 4.0)}
    drawn = ImagingConditionRanges().ranges | ranges
    assert all(f"{name}_deg" in AZIMUTH_PERIODS_DEG for name in ("astigmatism", "coma", "trefoil", "drift"))
    for name, (low, high) in drawn.items():
        values = np.array([getattr(c, name) for c in conditions])
        assert low <= values.min() < values.max() <= high
        middle = np.sqrt(low * high) if name in ("dose_e_per_nm2", "pixel_size_nm") else (low + high) / 2
        assert np.mean(values < middle) == pytest.approx(0.5, abs=0.1)
    for name, period in AZIMUTH_PERIODS_DEG.items():
        assert 0 <= min(getattr(c, name) for c in conditions) < 0.1 * period
        assert 0.9 * period < max(getattr(c, name) for c in conditions) <= period


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dose_e_per_nm2": -1.0}, "dose_e_per_nm2 is -1.0"),
        ({"pixel_size_nm": 0.0}, "pixel_size_nm 0.0"),
        ({"mtf_nyquist": 0.0}, "mtf_nyquist"),
        ({"mtf_nyquist": 1.2}, "mtf_nyquist"),
        ({"dqe": 0.0}, "dqe is 0.0"),
        ({"noise_transfer": 1.5}, "noise_transfer 1.5"),
        ({"voltage_kV": 0.0}, "voltage_kV 0.0"),
        ({"drift_nm": -0.1}, "drift_nm is -0.1, expected at least 0"),
        ({"read_noise_e": -1.0}, "read_noise_e is -1.0"),
    ],
)
def test_impossible_conditions_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        exact(**settings)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"defocus_nm": (50.0, -50.0)}, r"defocus_nm is \[50.0, -50.0\], expected the lowest value, then the highest"),
        ({"dose_e_per_nm2": (-1.0, 5.0)}, r"dose_e_per_nm2 is \[-1.0, 5.0\].*above 0"),
        ({"mtf_nyquist": (0.1, 1.5)}, "mtf_nyquist is 1.5"),
        ({"vibration_nm": (-0.1, 0.1)}, "vibration_nm is -0.1"),
    ],
)
def test_impossible_ranges_are_refused(ranges, message):
    with pytest.raises(InputError, match=message):
        ImagingConditionRanges(**ranges)
