"""The objective lens: aberrations and partial coherence, from the exit wave to the intensity in the image plane."""

from __future__ import annotations

import cmath

import numpy as np
import numpy.typing as npt
import torch
from numpy.polynomial.polynomial import polyder
from scipy import constants

from hrtem_lab.physics.microscope.conditions import ImagingConditions


def wavelength_nm(voltage_kV: float) -> float:
    """Return the relativistic wavelength (Kirkland, Advanced Computing in Electron Microscopy, 2010, eq. 2.5)."""
    energy = voltage_kV * 1e3 * constants.e
    rest = constants.m_e * constants.c**2
    return float(1e9 * constants.h * constants.c / np.sqrt(energy * (2 * rest + energy)))


def transfer_function(
    size: int, sampling_nm: float, conditions: ImagingConditions, device: torch.device | str | None = None
) -> torch.Tensor:
    """Return the complex transfer function of the lens for a square field, (size, size), zero frequency first.

    With w = alpha_row + i alpha_column, the scattering angle as a complex number, the aberration function is

        chi = 2 pi / lambda Re(C1 w w* / 2 + A1 w*^2 / 2 + B2 w w*^2 / 3 + A2 w*^3 / 3 + C3 (w w*)^2 / 4)

    (Uhlemann and Haider, Ultramicroscopy 72, 109, 1998; B2 is here abTEM's C21, three times theirs). The focal spread
    damps by exp(-(pi lambda Delta k^2 / 2)^2) (Kirkland eq. 3.41 with 1/e half-width), the convergence by
    exp(-(beta / 2)^2 |grad chi|^2) (Frank, Optik 38, 519, 1973), both as in abTEM.
    """
    wavelength = wavelength_nm(conditions.voltage_kV)
    angle = wavelength * torch.fft.fftfreq(size, sampling_nm, device=device)
    path = path_difference_nm(conditions)
    damping = (0.5 * np.pi * conditions.focal_spread_nm / wavelength) ** 2 * _evaluate_on_grid(_FOURTH_POWER, angle)
    if conditions.convergence_mrad:
        factor = np.pi / wavelength * 1e-3 * conditions.convergence_mrad  # beta / 2 * 2 pi / lambda
        for axis in (0, 1):
            damping += (factor * _evaluate_on_grid(polyder(path, axis=axis), angle)) ** 2
    return torch.polar(torch.exp(-damping), _evaluate_on_grid(-2 * np.pi / wavelength * path, angle))


def path_difference_nm(conditions: ImagingConditions) -> npt.NDArray[np.float64]:
    """Return the aberration function times lambda / 2 pi, as a polynomial in the scattering angles.

    Returns:
        (5, 5) coefficients in nm: [i, j] belongs to alpha_row^i alpha_column^j, in radians.
    """
    focus, cs = -conditions.defocus_nm, 1e3 * conditions.cs_um
    a1 = cmath.rect(conditions.astigmatism_nm, np.radians(2 * conditions.astigmatism_deg)) / 2
    b2 = cmath.rect(conditions.coma_nm, np.radians(conditions.coma_deg)) / 3
    a2 = cmath.rect(conditions.trefoil_nm, np.radians(3 * conditions.trefoil_deg)) / 3
    path = np.zeros((5, 5))
    path[[2, 0], [0, 2]] = focus / 2 + a1.real, focus / 2 - a1.real
    path[1, 1] = 2 * a1.imag
    path[[3, 1], [0, 2]] = b2.real + a2.real, b2.real - 3 * a2.real
    path[[0, 2], [3, 1]] = b2.imag - a2.imag, b2.imag + 3 * a2.imag
    return path + cs / 4 * _FOURTH_POWER


_FOURTH_POWER = np.zeros((5, 5))
_FOURTH_POWER[[4, 2, 0], [0, 2, 4]] = 1, 2, 1  # (alpha_row^2 + alpha_column^2)^2


def _evaluate_on_grid(polynomial: npt.NDArray[np.floating], angle: torch.Tensor) -> torch.Tensor:
    """Evaluate a polynomial in two variables where both take all values of `angle`, (n,) -> (n, n)."""
    powers = [angle[:, None] ** torch.arange(n, device=angle.device) for n in polynomial.shape]
    return powers[0] @ torch.as_tensor(polynomial, dtype=angle.dtype, device=angle.device) @ powers[1].T


def image_intensity(wave: torch.Tensor, sampling_nm: float, conditions: ImagingConditions) -> torch.Tensor:
    """Return the intensity in the image plane, of the shape of the wave (..., n, n), float32.

    The envelopes of a transfer function act on the wave (the quasi-coherent approximation; Kirkland ch. 3.2).
    """
    lens = transfer_function(wave.shape[-1], sampling_nm, conditions, wave.device)
    image = torch.fft.ifft2(torch.fft.fft2(wave) * lens)
    return image.real**2 + image.imag**2
