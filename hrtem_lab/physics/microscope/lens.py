"""The objective lens: aberrations and partial coherence, from the exit wave to the intensity in the image plane."""

from __future__ import annotations

import cmath

import numpy as np
import torch
from scipy import constants

from hrtem_lab.physics.microscope.condition import Condition


def wavelength_nm(voltage_kV: float) -> float:
    """Relativistic de Broglie wavelength (Kirkland, Advanced Computing in Electron Microscopy, 2010, eq. 2.5)."""
    energy = voltage_kV * 1e3 * constants.e
    rest = constants.m_e * constants.c**2
    return float(1e9 * constants.h * constants.c / np.sqrt(energy * (2 * rest + energy)))


def transfer(
    size: int, sampling_nm: float, condition: Condition, device: torch.device | str | None = None
) -> torch.Tensor:
    """Complex transfer function of the lens for a square field, (size, size), zero frequency first.

    With w = alpha_row + i alpha_column, the scattering angle as a complex number, the aberration function is

        chi = 2 pi / lambda Re(C1 w w* / 2 + A1 w*^2 / 2 + B2 w w*^2 / 3 + A2 w*^3 / 3 + C3 (w w*)^2 / 4)

    (Uhlemann and Haider, Ultramicroscopy 72, 109, 1998; B2 is here abTEM's C21, three times theirs). The focal spread
    damps by exp(-(pi lambda Delta k^2 / 2)^2) (Kirkland eq. 3.41 with 1/e half-width), the spread of directions by
    exp(-(beta / 2)^2 |grad chi|^2) (Frank, Optik 38, 519, 1973), both as abTEM has them.
    """
    wavelength = wavelength_nm(condition.voltage_kV)
    angle = wavelength * torch.fft.fftfreq(size, sampling_nm, device=device)
    w = torch.complex(*torch.broadcast_tensors(angle[:, None], angle[None, :]))
    conj, squared = w.conj(), w.real**2 + w.imag**2
    focus, cs = -condition.defocus_nm, 1e3 * condition.cs_um
    a1 = cmath.rect(condition.astigmatism_nm, np.radians(2 * condition.astigmatism_deg))
    b2 = cmath.rect(condition.coma_nm, np.radians(condition.coma_deg))
    a2 = cmath.rect(condition.trefoil_nm, np.radians(3 * condition.trefoil_deg))
    path = squared * (focus / 2 + cs / 4 * squared) + (conj * (conj * (a1 / 2 + a2 / 3 * conj) + b2 / 3 * squared)).real
    damping = (0.5 * np.pi * condition.focal_spread_nm / wavelength * squared) ** 2
    if condition.convergence_mrad:
        slope = w * (focus + cs * squared) + conj * (a1 + a2 * conj) + b2 * 2 / 3 * squared + b2.conjugate() / 3 * w**2
        turn = np.pi / wavelength * 1e-3 * condition.convergence_mrad  # beta / 2 * 2 pi / lambda
        damping += turn**2 * (slope.real**2 + slope.imag**2)
    return torch.polar(torch.exp(-damping), -2 * np.pi / wavelength * path)


def intensity(wave: torch.Tensor, sampling_nm: float, condition: Condition) -> torch.Tensor:
    """Intensity in the image plane, of the shape of the wave (..., n, n), float32.

    The envelopes of a transfer function act on the wave (the quasi-coherent approximation; Kirkland ch. 3.2).
    """
    lens = transfer(wave.shape[-1], sampling_nm, condition, wave.device)
    image = torch.fft.ifft2(torch.fft.fft2(wave) * lens)
    return image.real**2 + image.imag**2
