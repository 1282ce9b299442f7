"""Whether a pixel size is right: lattice spacings of particles against those of the material that they are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from hrtem_lab.plural import plural

if TYPE_CHECKING:
    from hrtem_lab.physics.material import Material

Floats = npt.NDArray[np.float64]

SPACING, SPACING_ERROR = "lattice_spacing_nm", "lattice_spacing_error_nm"
"""Columns of a table of particles: spacing of the strongest lattice fringes, and its standard error from noise."""
MIN_PARTICLES = 4
"""Least number of particles whose lattice shows."""
FACTORS = (0.4, 2.5)
"""Range in which the factor is sought."""
PARTICLE_SPREAD = 0.015
"""Relative scatter of a small particle's spacing beside noise: defocus moves its peaks, its lattice may be strained."""
SYSTEMATIC = 0.003
"""Relative error that does not average out over particles, such as a mean strain of the lattice."""
OUTLIERS = 0.1
"""Share of particles whose spacing is another one: of an oxide, of moiré fringes, of the support."""
PRIOR_WIDTH = 0.3
"""Standard deviation of the logarithm of the factor before anything is measured: most calibrations are nearly right."""
MIN_DEVIATION = 0.02
"""Relative deviation below which no calibration is called off."""


@dataclass(frozen=True)
class ScaleCheck:
    """Result of a check of the pixel size.

    Attributes:
        factor: Given pixel size over the true one; `nan` where too few lattices show.
        error: Relative standard error of the factor.
        particles: Number of particles whose lattice shows.
    """

    factor: float
    error: float
    particles: int

    @property
    def is_off(self) -> bool:
        """Whether the calibration deviates by more than chance and `MIN_DEVIATION` explain."""
        return bool(abs(np.log(self.factor)) > max(3 * self.error, MIN_DEVIATION))

    @property
    def reason(self) -> str:
        """Text on a calibration that is off; empty for any other."""
        if not self.is_off:
            return ""
        return (
            f"lattice spacings say that the pixel size is {self.factor:.3f} times the true one (±{self.error:.3f}, "
            f"{plural(self.particles, 'particle')})"
        )

    def columns(self) -> dict[str, float]:
        """Columns `scale_factor`, `scale_error` and `scale_particles`."""
        return {f"scale_{name}": value for name, value in vars(self).items()}

    @property
    def pixel_error(self) -> float:
        """Relative standard uncertainty of the pixel size as it was given.

        That of the check, and the deviation that was found as the half width of a rectangular distribution.
        """
        return float(np.hypot(self.error, abs(np.log(self.factor)) / np.sqrt(3)))


def check_scale(particles: pd.DataFrame, materials: Sequence[Material]) -> ScaleCheck:
    """Compare the spacings of particles with those of their material.

    Every particle shows some reflection of the material, a low one with many equivalents more often, or something else.
    The factor is the most probable one under this mixture; its error comes from the scatter of the particles.

    Args:
        particles: Table with the columns `SPACING` and `SPACING_ERROR`, `nan` where no lattice shows.
        materials: Materials that the particles may be of.
    """
    known = particles.dropna(subset=[SPACING, SPACING_ERROR])
    if len(known) < MIN_PARTICLES:
        return ScaleCheck(np.nan, np.nan, len(known))
    spacing, error = known[[SPACING, SPACING_ERROR]].to_numpy(dtype=np.float64).T
    logarithms, spread = np.log(spacing), np.hypot(error / spacing, PARTICLE_SPREAD)
    lattice, shares = reflections(materials)
    candidates = np.arange(np.log(FACTORS[0]), np.log(FACTORS[1]), PARTICLE_SPREAD / 5)
    scores = [_log_likelihood(logarithms - candidate, spread, lattice, shares) for candidate in candidates]
    probabilities = softmax(scores - candidates**2 / (2 * PRIOR_WIDTH**2))
    best = candidates[np.argmax(probabilities)]
    doubt = np.sqrt(probabilities @ (candidates - best) ** 2)  # large where two assignments are as likely
    check = _refine(logarithms, spread, np.log(lattice), float(best))
    return replace(check, error=float(np.maximum(check.error, doubt)))


def reflections(materials: Sequence[Material]) -> tuple[Floats, Floats]:
    """Spacings of the reflections of some materials in nm, and the share of particles that shows each most strongly.

    The share is taken to go with the number of equivalent planes and the fourth power of the spacing, as scattered
    intensity and the transfer of a microscope fall towards high frequencies.
    """
    found = np.concatenate([1 / np.linalg.norm(material.g_vectors(), axis=1) for material in materials])
    spacings, counts = np.unique(found.round(5), return_counts=True)
    shares = counts * spacings**4
    return spacings, shares / shares.sum()


def _log_likelihood(logarithms: Floats, spread: Floats, spacings: Floats, shares: Floats) -> float:
    """Log likelihood of the logarithms of spacings (n,), each with a relative spread, up to a constant."""
    off = (logarithms[:, None] - np.log(spacings)) / spread[:, None]
    density = (shares * np.exp(-(off**2) / 2)).sum(axis=1) / spread
    return float(np.log((1 - OUTLIERS) * density + OUTLIERS).sum())


def _refine(logarithms: Floats, spread: Floats, spacings: Floats, start: float) -> ScaleCheck:
    """Median of the deviations of the particles that fit, and its error from their scatter."""
    off = logarithms[:, None] - start - spacings
    nearest = np.abs(off).argmin(axis=1)
    residuals = off[np.arange(len(off)), nearest]
    fits = np.abs(residuals) < 3 * spread
    if fits.sum() < MIN_PARTICLES:
        return ScaleCheck(np.nan, np.nan, len(logarithms))
    weights = spread[fits] ** -2
    mean = float(np.average(residuals[fits], weights=weights))
    scatter = np.sqrt(np.average((residuals[fits] - mean) ** 2, weights=weights))
    error = np.hypot(max(float(scatter), float(np.sqrt(1 / weights.mean()))) / np.sqrt(fits.sum()), SYSTEMATIC)
    return ScaleCheck(float(np.exp(start + mean)), float(error), int(fits.sum()))
