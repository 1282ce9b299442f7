"""The camera: motion during the exposure, pixels, dose, modulation transfer, noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.fft import next_fast_len

from hrtem_lab.physics.microscope.conditions import ImagingConditions
from hrtem_lab.physics.microscope.lens import image_intensity

NORMAL_ABOVE = 50.0
"""Expected number of electrons above which a Poisson value is sampled by way of a normal one."""


def expose(
    wave: npt.NDArray[np.complex64] | torch.Tensor,
    sampling_nm: float,
    conditions: ImagingConditions,
    pixel_offset: float = 0.0,
) -> torch.Tensor:
    """Return the electrons that the camera counts per pixel on average, (..., n, n) float32, under even light.

    The image's intensity, moved during the exposure, is sampled in the band that the pixels hold: n = round(field /
    pixel size), so the pixel size is exact to half of 1/n. Of the camera's modulation transfer only the part that the
    noise does not share is applied here, MTF^(1 - noise_transfer); `record` applies the rest.

    Args:
        wave: Exit waves under the same conditions, (..., N, N) complex64, on any device.
        sampling_nm: Pixel of the wave.
        conditions: Conditions of lens and camera.
        pixel_offset: Position in each pixel at which the image is sampled, in pixels: 0 for the corner, where samples
            of the wave lie, 0.5 for the centre, as in a map of pixels.
    """
    wave = torch.as_tensor(wave)
    size = wave.shape[-1]
    pixels = camera_pixels(size * sampling_nm, conditions.pixel_size_nm)
    pixel_nm = size * sampling_nm / pixels
    spectrum = fourier_crop(torch.fft.rfft2(image_intensity(wave, sampling_nm, conditions)), pixels)
    row = torch.fft.fftfreq(pixels, pixel_nm, device=wave.device)[:, None]
    column = torch.fft.rfftfreq(pixels, pixel_nm, device=wave.device)[None, :]
    signal = conditions.mtf_nyquist ** (1 - conditions.noise_transfer)
    spectrum = spectrum * gaussian_mtf(row, column, pixel_nm, signal) * motion_mtf(row, column, conditions)
    if pixel_offset:
        spectrum = spectrum * torch.exp(2j * np.pi * pixel_offset * pixel_nm * (row + column))
    electrons = conditions.dqe * conditions.dose_e_per_nm2 * pixel_nm**2
    return torch.fft.irfft2(spectrum, (pixels, pixels)).clamp_min(0) * (electrons * (pixels / size) ** 2)


def gaussian_mtf(row: torch.Tensor, column: torch.Tensor, pixel_nm: float, mtf_nyquist: float) -> torch.Tensor:
    """Return a Gaussian modulation transfer, exp((q / q_N)^2 log m) with the value m at the Nyquist frequency q_N."""
    return torch.exp(np.log(mtf_nyquist) * (2 * pixel_nm) ** 2 * (row**2 + column**2))


def motion_mtf(row: torch.Tensor, column: torch.Tensor, conditions: ImagingConditions) -> torch.Tensor:
    """Return the transfer of drift by a vector d and of vibration sigma, sinc(q d) exp(-2 pi^2 sigma^2 q^2).

    These are the Fourier transforms of an even line and of a Gaussian (Kirkland ch. 3.2.2; Frank, Optik 30, 171, 1969).
    """
    angle = np.radians(conditions.drift_deg)
    along = conditions.drift_nm * (np.cos(angle) * row + np.sin(angle) * column)
    return torch.sinc(along) * torch.exp(-2 * (np.pi * conditions.vibration_nm) ** 2 * (row**2 + column**2))


def camera_pixels(field_nm: float, pixel_size_nm: float) -> int:
    """Return the number of camera pixels across a field."""
    return max(1, round(field_nm / pixel_size_nm))


def fourier_crop(spectrum: torch.Tensor, size: int) -> torch.Tensor:
    """Return the spectrum of the same real, periodic field on another grid.

    Frequencies that the new grid does not hold are cut off, additional ones are 0.

    Args:
        spectrum: Spectrum from `rfft2` of a square image, (..., n, n // 2 + 1).
        size: Side length of the new grid.

    Returns:
        Spectrum for `irfft2`, (..., size, size // 2 + 1).
    """
    edge = spectrum.shape[-2]
    if size == edge:
        return spectrum
    # an even grid knows only the cosine of its highest frequency, which another grid cannot take over
    keep = (min(edge, size) - 1) // 2 * 2 + 1
    low, high, half = (keep + 1) // 2, keep // 2, keep // 2 + 1
    result = spectrum.new_zeros(*spectrum.shape[:-2], size, size // 2 + 1)
    result[..., :low, :half] = spectrum[..., :low, :half]
    result[..., size - high :, :half] = spectrum[..., edge - high :, :half]
    return result


def record(expected: torch.Tensor, conditions: ImagingConditions, rng: np.random.Generator) -> torch.Tensor:
    """Return the counts of a frame, (n, n) float32: uneven light, Poisson statistics, MTF, read-out noise, gain.

    A scintillator spreads each electron that it detects, so that noise and signal are subject to the same transfer
    (Meyer and Kirkland, Microsc. Res. Tech. 49, 269, 2000): here MTF^noise_transfer.
    """
    n = expected.shape[0]
    ramp = torch.linspace(-0.5, 0.5, n)
    slope, bend = rng.normal(size=2), rng.normal(size=2)
    light = slope[0] * ramp[:, None] + slope[1] * ramp[None, :]
    light = light + bend[0] * (ramp**2)[:, None] + bend[1] * (ramp**2)[None, :]
    light = 1 + conditions.unevenness * (light - light.mean()) / max(float(light.max() - light.min()), 1e-6)
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    counts = sample_poisson((expected.cpu() * light).clamp_min(0), generator)
    if conditions.noise_transfer:
        counts = apply_mtf(counts, conditions.mtf_nyquist**conditions.noise_transfer)
    if conditions.read_noise_e:
        counts = counts + conditions.read_noise_e * torch.randn(counts.shape, generator=generator)
    return conditions.gain * counts


def without_noise(expected: torch.Tensor, conditions: ImagingConditions) -> torch.Tensor:
    """Return the mean of endlessly many frames that `record` gives under even light, (n, n) float32."""
    if conditions.noise_transfer:
        expected = apply_mtf(expected, conditions.mtf_nyquist**conditions.noise_transfer)
    return conditions.gain * expected


def sample_poisson(expected: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Sample Poisson-distributed counts of the shape of `expected`.

    Above `NORMAL_ABOVE` a normal value corrected for the skewness (Cornish and Fisher, Rev. Inst. Int. Stat. 5, 307,
    1938) has the same mean, variance and skewness, and takes a sixth of the time.
    """
    z = torch.randn(expected.shape, generator=generator)
    counts = (expected + expected.sqrt() * z + (z**2 - 1) / 6).round_()
    few = expected < NORMAL_ABOVE
    counts[few] = torch.poisson(expected[few], generator=generator)
    return counts


def apply_mtf(counts: torch.Tensor, mtf_nyquist: float, margin: int = 4) -> torch.Tensor:
    """Apply `gaussian_mtf` to a frame, (n, n), which is mirrored beyond its edges by `margin` pixels."""
    size = len(counts)
    beyond = (margin, next_fast_len(size + 2 * margin, real=True) - size - margin)
    padded = torch.from_numpy(np.pad(counts.numpy(), beyond, mode="symmetric"))
    q = torch.fft.fftfreq(len(padded))
    transfer = gaussian_mtf(q[:, None], q[None, : len(padded) // 2 + 1], 1.0, mtf_nyquist)
    result = torch.fft.irfft2(torch.fft.rfft2(padded) * transfer, padded.shape)
    return result[margin : margin + size, margin : margin + size]
