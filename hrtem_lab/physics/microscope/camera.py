"""The camera: motion during the exposure, pixels, dose, spread of the signal, noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.fft import next_fast_len

from hrtem_lab.physics.microscope.condition import Condition
from hrtem_lab.physics.microscope.lens import intensity

MANY = 50.0
"""Expected electrons above which their number is drawn as a normal value."""


def expose(
    wave: npt.NDArray[np.complex64] | torch.Tensor, sampling_nm: float, condition: Condition, at: float = 0.0
) -> torch.Tensor:
    """Expected electrons that the camera counts per pixel, (..., n, n) float32, without noise and unevenness.

    The camera sees the intensity, moved during the exposure, in the band that its pixels hold: n = round(field / pixel
    size), so the pixel is exact to half of 1/n. Of its modulation transfer only the part that the noise does not share
    is applied here, MTF^(1 - noise_transfer); `record` applies the rest.

    Args:
        wave: Exit waves under the one condition, (..., N, N) complex64, on any device.
        sampling_nm: Pixel of the wave.
        condition: Lens and camera.
        at: Where in its pixel the camera looks, in pixels: at its corner, where samples of the wave lie, or with 0.5 at
            its centre, as a map of pixels has it.
    """
    wave = torch.as_tensor(wave)
    size = wave.shape[-1]
    pixels = camera_pixels(size * sampling_nm, condition.pixel_size_nm)
    pixel_nm = size * sampling_nm / pixels
    spectrum = fourier_crop(torch.fft.rfft2(intensity(wave, sampling_nm, condition)), pixels)
    row = torch.fft.fftfreq(pixels, pixel_nm, device=wave.device)[:, None]
    column = torch.fft.rfftfreq(pixels, pixel_nm, device=wave.device)[None, :]
    signal = condition.mtf_nyquist ** (1 - condition.noise_transfer)
    spectrum = spectrum * falloff(row, column, pixel_nm, signal) * blur_by_motion(row, column, condition)
    if at:
        spectrum = spectrum * torch.exp(2j * np.pi * at * pixel_nm * (row + column))
    electrons = condition.dqe * condition.dose_e_per_nm2 * pixel_nm**2
    return torch.fft.irfft2(spectrum, (pixels, pixels)).clamp_min(0) * (electrons * (pixels / size) ** 2)


def falloff(row: torch.Tensor, column: torch.Tensor, pixel_nm: float, at_nyquist: float) -> torch.Tensor:
    """A Gaussian modulation transfer with the value `at_nyquist` at the Nyquist frequency, exp((q / q_N)^2 log m)."""
    return torch.exp(np.log(at_nyquist) * (2 * pixel_nm) ** 2 * (row**2 + column**2))


def blur_by_motion(row: torch.Tensor, column: torch.Tensor, condition: Condition) -> torch.Tensor:
    """Transfer of drift by a vector d and of vibration sigma: sinc(q d) exp(-2 pi^2 sigma^2 q^2).

    The Fourier transforms of an even line and of a Gaussian (Kirkland ch. 3.2.2; Frank, Optik 30, 171, 1969).
    """
    angle = np.radians(condition.drift_deg)
    along = condition.drift_nm * (np.cos(angle) * row + np.sin(angle) * column)
    return torch.sinc(along) * torch.exp(-2 * (np.pi * condition.vibration_nm) ** 2 * (row**2 + column**2))


def camera_pixels(field_nm: float, pixel_size_nm: float) -> int:
    """Number of camera pixels across a field."""
    return max(1, round(field_nm / pixel_size_nm))


def fourier_crop(spectrum: torch.Tensor, size: int) -> torch.Tensor:
    """The same real, periodic field on another grid: frequencies that it does not hold are cut off, new ones are 0.

    Args:
        spectrum: From `rfft2` of a square image, (..., n, n // 2 + 1).
        size: Edge of the new grid.

    Returns:
        For `irfft2`, (..., size, size // 2 + 1).
    """
    edge = spectrum.shape[-2]
    if size == edge:
        return spectrum
    # of an even grid's highest frequency only the cosine is known: it does not go to another grid
    keep = (min(edge, size) - 1) // 2 * 2 + 1
    low, high, half = (keep + 1) // 2, keep // 2, keep // 2 + 1
    result = spectrum.new_zeros(*spectrum.shape[:-2], size, size // 2 + 1)
    result[..., :low, :half] = spectrum[..., :low, :half]
    result[..., size - high :, :half] = spectrum[..., edge - high :, :half]
    return result


def record(expected: torch.Tensor, condition: Condition, rng: np.random.Generator) -> torch.Tensor:
    """Counts of a frame, (n, n) float32: uneven light, Poisson statistics, the camera's spread, read-out noise, gain.

    A scintillator spreads each electron after it was counted by chance, so that the noise is spread with the signal
    (Meyer and Kirkland, Microsc. Res. Tech. 49, 269, 2000): here by MTF^noise_transfer.
    """
    n = expected.shape[0]
    ramp = torch.linspace(-0.5, 0.5, n)
    slope, bend = rng.normal(size=2), rng.normal(size=2)
    light = slope[0] * ramp[:, None] + slope[1] * ramp[None, :]
    light = light + bend[0] * (ramp**2)[:, None] + bend[1] * (ramp**2)[None, :]
    light = 1 + condition.unevenness * (light - light.mean()) / max(float(light.max() - light.min()), 1e-6)
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    counts = poisson((expected.cpu() * light).clamp_min(0), generator)
    if condition.noise_transfer:
        counts = spread(counts, condition.mtf_nyquist**condition.noise_transfer)
    if condition.read_noise_e:
        counts = counts + condition.read_noise_e * torch.randn(counts.shape, generator=generator)
    return condition.gain * counts


def poisson(expected: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Counts of so many expected electrons, of the same shape.

    Above `MANY` a normal value corrected for the skewness (Cornish and Fisher, Rev. Inst. Int. Stat. 5, 307, 1938) has
    the same mean, variance and skewness, and takes a sixth of the time.
    """
    z = torch.randn(expected.shape, generator=generator)
    counts = (expected + expected.sqrt() * z + (z**2 - 1) / 6).round_()
    few = expected < MANY
    counts[few] = torch.poisson(expected[few], generator=generator)
    return counts


def spread(counts: torch.Tensor, at_nyquist: float, margin: int = 4) -> torch.Tensor:
    """What a camera with the transfer `falloff` makes of a frame, (n, n); beyond its edges the frame is mirrored."""
    size = len(counts)
    beyond = (margin, next_fast_len(size + 2 * margin, real=True) - size - margin)
    padded = torch.from_numpy(np.pad(counts.numpy(), beyond, mode="symmetric"))
    q = torch.fft.fftfreq(len(padded))
    transfer = falloff(q[:, None], q[None, : len(padded) // 2 + 1], 1.0, at_nyquist)
    result = torch.fft.irfft2(torch.fft.rfft2(padded) * transfer, padded.shape)
    return result[margin : margin + size, margin : margin + size]
