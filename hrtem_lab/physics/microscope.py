"""From an exit wave to a camera frame: lenses, coherence, dose and detector.

Spatial frequencies k are in nm^-1, aberrations in nm, phases in radians. The formulas are those of Kirkland, Advanced
Computing in Electron Microscopy (2nd ed., 2010), ch. 2 and 3, in the sign convention of abTEM: positive defocus is
underfocus.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import constants

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics.specimen import Range


@dataclass(frozen=True)
class Condition:
    """One setting of the microscope and its camera.

    Attributes:
        defocus_nm: Positive is underfocus.
        cs_um: Spherical aberration.
        astigmatism_nm: Twofold astigmatism.
        astigmatism_deg: Its azimuth, from the rows' direction.
        focal_spread_nm: 1/e half-width of the focal distribution.
        dose_e_per_nm2: Electrons per area of the specimen.
        pixel_size_nm: Camera pixel, referred to the specimen.
        mtf_nyquist: Modulation transfer of the camera at its Nyquist frequency.
        unevenness: Relative change of the illumination from the darkest to the brightest place of the field.
        voltage_kV: Accelerating voltage.
    """

    defocus_nm: float
    cs_um: float = 0.0
    astigmatism_nm: float = 0.0
    astigmatism_deg: float = 0.0
    focal_spread_nm: float = 3.0
    dose_e_per_nm2: float = 1e5
    pixel_size_nm: float = 0.03
    mtf_nyquist: float = 0.3
    unevenness: float = 0.0
    voltage_kV: float = 300.0

    def __post_init__(self) -> None:
        if self.dose_e_per_nm2 < 0 or self.pixel_size_nm <= 0:
            raise InputError(
                f"dose_e_per_nm2 is {self.dose_e_per_nm2} and pixel_size_nm {self.pixel_size_nm}; "
                "expected a dose of at least 0 and a pixel above 0"
            )
        if not 0 < self.mtf_nyquist <= 1:
            raise InputError(f"mtf_nyquist is {self.mtf_nyquist}, expected a share above 0 and at most 1")


@dataclass(frozen=True)
class Microscope:
    """The range of conditions that images are taken in; each attribute is (lowest, highest) of a `Condition`'s.

    Doses and pixel sizes are drawn evenly in their logarithm, everything else evenly.
    """

    defocus_nm: Range = (-100.0, 100.0)
    cs_um: Range = (-15.0, 15.0)
    astigmatism_nm: Range = (0.0, 4.0)
    focal_spread_nm: Range = (1.5, 5.0)
    dose_e_per_nm2: Range = (1e4, 2e5)
    pixel_size_nm: Range = (0.02, 0.05)
    mtf_nyquist: Range = (0.1, 0.6)
    unevenness: Range = (0.0, 0.2)
    voltage_kV: float = 300.0

    def draw(self, rng: np.random.Generator) -> Condition:
        """One condition."""
        return Condition(
            defocus_nm=rng.uniform(*self.defocus_nm),
            cs_um=rng.uniform(*self.cs_um),
            astigmatism_nm=rng.uniform(*self.astigmatism_nm),
            astigmatism_deg=rng.uniform(0, 180),
            focal_spread_nm=rng.uniform(*self.focal_spread_nm),
            dose_e_per_nm2=float(np.exp(rng.uniform(*np.log(self.dose_e_per_nm2)))),
            pixel_size_nm=float(np.exp(rng.uniform(*np.log(self.pixel_size_nm)))),
            mtf_nyquist=rng.uniform(*self.mtf_nyquist),
            unevenness=rng.uniform(*self.unevenness),
            voltage_kV=self.voltage_kV,
        )


def wavelength_nm(voltage_kV: float) -> float:
    """Relativistic de Broglie wavelength (Kirkland eq. 2.5)."""
    energy = voltage_kV * 1e3 * constants.e
    rest = constants.m_e * constants.c**2
    return float(1e9 * constants.h * constants.c / np.sqrt(energy * (2 * rest + energy)))


def transfer(size: int, sampling_nm: float, condition: Condition) -> torch.Tensor:
    """Complex transfer function of the lens for a square field, (size, size), zero frequency first.

    Phase: Kirkland eq. 2.22 with twofold astigmatism; envelope: exp(-(pi lambda Delta k^2 / 2)^2) of the focal spread
    Delta (Kirkland eq. 3.41 with 1/e half-width, as in abTEM).
    """
    k = torch.fft.fftfreq(size, sampling_nm)
    row, column = k[:, None], k[None, :]
    k2 = row**2 + column**2
    wavelength = wavelength_nm(condition.voltage_kV)
    azimuth = np.radians(2 * condition.astigmatism_deg)
    # k^2 cos 2(phi - phi0), without an angle to compute
    astigmatism = (row**2 - column**2) * np.cos(azimuth) + 2 * row * column * np.sin(azimuth)
    chi = np.pi * wavelength * (condition.astigmatism_nm * astigmatism - condition.defocus_nm * k2)
    chi += 0.5 * np.pi * wavelength**3 * 1e3 * condition.cs_um * k2**2
    damping = (0.5 * np.pi * wavelength * condition.focal_spread_nm * k2) ** 2
    return torch.polar(torch.exp(-damping), -chi)


def expose(wave: npt.NDArray[np.complex64], sampling_nm: float, condition: Condition) -> torch.Tensor:
    """Expected electrons per camera pixel, (n, n) float32, before shot noise and without unevenness.

    The camera sees the intensity, times its transfer exp(-(q / q_N)^2 log(1 / mtf_nyquist)), in the band that its
    pixels hold: n = round(field / pixel size), so the pixel is exact to half of 1/n.

    Args:
        wave: Exit wave, (N, N) complex64.
        sampling_nm: Pixel of the wave.
        condition: Lens and camera.
    """
    size = wave.shape[0]
    lens = transfer(size, sampling_nm, condition)
    amplitude = torch.fft.ifft2(torch.fft.fft2(torch.from_numpy(wave)) * lens)
    spectrum = torch.fft.rfft2(amplitude.real**2 + amplitude.imag**2)
    pixels = camera_pixels(size * sampling_nm, condition.pixel_size_nm)
    q = torch.fft.fftfreq(pixels, 0.5)  # in units of the Nyquist frequency
    falloff = torch.exp(np.log(condition.mtf_nyquist) * q**2)
    spectrum = fourier_crop(spectrum, pixels) * falloff[:, None] * falloff[None, : pixels // 2 + 1]
    electrons = condition.dose_e_per_nm2 * (size * sampling_nm / pixels) ** 2
    return torch.fft.irfft2(spectrum, (pixels, pixels)).clamp_min(0) * (electrons * (pixels / size) ** 2)


def camera_pixels(field_nm: float, pixel_size_nm: float) -> int:
    """Number of camera pixels across a field."""
    return max(1, round(field_nm / pixel_size_nm))


def fourier_crop(spectrum: torch.Tensor, size: int) -> torch.Tensor:
    """The same real, periodic field on another grid: frequencies that it does not hold are cut off, new ones are 0.

    Args:
        spectrum: From `rfft2` of a square image, (n, n // 2 + 1).
        size: Edge of the new grid.

    Returns:
        For `irfft2`, (size, size // 2 + 1).
    """
    if size == spectrum.shape[0]:
        return spectrum
    # of an even grid's highest frequency only the cosine is known: it does not go to another grid
    keep = (min(spectrum.shape[0], size) - 1) // 2 * 2 + 1
    low, high, half = (keep + 1) // 2, keep // 2, keep // 2 + 1
    result = spectrum.new_zeros(size, size // 2 + 1)
    result[:low, :half] = spectrum[:low, :half]
    result[size - high :, :half] = spectrum[spectrum.shape[0] - high :, :half]
    return result


def record(expected: torch.Tensor, condition: Condition, rng: np.random.Generator) -> torch.Tensor:
    """Counted electrons, (n, n) float32: uneven illumination and Poisson statistics."""
    n = expected.shape[0]
    ramp = torch.linspace(-0.5, 0.5, n)
    slope, bend = rng.normal(size=2), rng.normal(size=2)
    light = slope[0] * ramp[:, None] + slope[1] * ramp[None, :]
    light = light + bend[0] * (ramp**2)[:, None] + bend[1] * (ramp**2)[None, :]
    light = 1 + condition.unevenness * (light - light.mean()) / max(float(light.max() - light.min()), 1e-6)
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    return torch.poisson((expected * light).clamp_min(0), generator=generator)
