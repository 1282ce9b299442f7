"""Surroundings of bodies that are drawn by their thickness: film, its edges, and carbon that is no particle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

CARBON_PHASE_PER_NM = 0.059
"""Phase of amorphous carbon at 300 kV in rad / nm, at a mean inner potential of 9 V."""
CARBON_ATOM_PHASE = 0.0078
"""Phase times area of one carbon atom at 300 kV in rad nm^2, from its electron scattering factor of 0.25 nm."""
CARBON_ATOMS_PER_NM3 = 100.0
CARBON_FACTOR_PER_NM = 4.6
"""Spatial frequency at which carbon scatters half as strongly as forwards (Lorentzian fit to its scattering factor)."""
GRAPHITE_SPACING_NM = 0.344

Plane = npt.NDArray[np.float64]


def sample_background(
    gpts: int, sampling_nm: float, max_film_nm: float, rng: np.random.Generator
) -> tuple[Plane, Plane]:
    """Sample phase and damping of a periodic field without bodies, each (gpts, gpts).

    Two fields in five hold no film; others have one, even or with clouds, and some a bar of thick carbon, a hole, or a
    fold of graphitic layers.

    Args:
        gpts: Pixels along each side.
        sampling_nm: Side length of a pixel.
        max_film_nm: Greatest thickness of an even film.
        rng: Random number generator.
    """
    thickness = np.full((gpts, gpts), 0.0)
    if rng.random() < 0.6:
        thickness += np.exp(rng.uniform(np.log(0.3), np.log(max_film_nm)))
        if rng.random() < 0.5:
            thickness *= np.exp(rng.uniform(0, 0.3) * smooth_noise(gpts, sampling_nm, rng.uniform(0.5, 6), rng))
    if rng.random() < 0.15:
        thickness += rng.uniform(3, 40) * _bar(gpts, sampling_nm, rng)
    if rng.random() < 0.1:
        thickness = np.where(
            smooth_noise(gpts, sampling_nm, rng.uniform(3, 8), rng) > rng.uniform(0, 1.5), 0, thickness
        )
    speckle = CARBON_ATOM_PHASE * np.sqrt(CARBON_ATOMS_PER_NM3 * thickness) * atomic_noise(gpts, sampling_nm, rng)
    phase = CARBON_PHASE_PER_NM * thickness + speckle
    if rng.random() < 0.12:
        layers, lattice = _fold(gpts, sampling_nm, rng)
        thickness = thickness + layers
        phase = phase + CARBON_PHASE_PER_NM * (layers + lattice)
    return phase, rng.uniform(0.0005, 0.004) * thickness


def atomic_noise(gpts: int, sampling_nm: float, rng: np.random.Generator) -> Plane:
    """Noise of randomly placed carbon atoms, (gpts, gpts): one atom per nm^2, each of phase times area 1."""
    k = np.hypot(fft.fftfreq(gpts, sampling_nm)[:, None], fft.rfftfreq(gpts, sampling_nm)[None, :])
    white = rng.normal(0, 1 / sampling_nm, (gpts, gpts))
    noise: Plane = fft.irfft2(fft.rfft2(white) / (1 + (k / CARBON_FACTOR_PER_NM) ** 2), s=(gpts, gpts))
    return noise


def smooth_noise(gpts: int, sampling_nm: float, length_nm: float, rng: np.random.Generator) -> Plane:
    """Gaussian random field of variance 1 with a Gaussian correlation of a standard deviation `length_nm`."""
    k2 = fft.fftfreq(gpts, sampling_nm)[:, None] ** 2 + fft.rfftfreq(gpts, sampling_nm)[None, :] ** 2
    spectrum = fft.rfft2(rng.normal(size=(gpts, gpts))) * np.exp(-2 * (np.pi * length_nm) ** 2 * k2)
    spectrum[0, 0] = 0
    field: Plane = fft.irfft2(spectrum, s=(gpts, gpts))
    return field / max(field.std(), 1e-12)


def _bar(gpts: int, sampling_nm: float, rng: np.random.Generator) -> Plane:
    """Share of the thickness of a bar of carbon, as in a lacey film, (gpts, gpts) from 0 to 1: round in section."""
    field_nm = gpts * sampling_nm
    distance = _distance_from_line(gpts, sampling_nm, rng.uniform(0.0, 0.05) * field_nm, rng)
    half = rng.uniform(0.05, 0.35) * field_nm
    return np.sqrt(np.maximum(1 - (distance / half) ** 2, 0))


def _fold(gpts: int, sampling_nm: float, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Thickness of a fold of graphitic layers seen edge-on, and the thickness-weighted wave of its lattice."""
    bend = rng.uniform(0.2, 1.2)
    distance = _distance_from_line(gpts, sampling_nm, bend, rng)
    half = GRAPHITE_SPACING_NM * rng.uniform(1, 12)
    layers = rng.uniform(2, 12) * np.clip((half - np.abs(distance)) / GRAPHITE_SPACING_NM, 0, 1)
    torn = np.clip(1 + smooth_noise(gpts, sampling_nm, rng.uniform(0.8, 3), rng), 0, 1)
    lattice = layers * torn * rng.uniform(0.2, 0.8) * np.cos(2 * np.pi * distance / GRAPHITE_SPACING_NM)
    return layers, lattice


def _distance_from_line(gpts: int, sampling_nm: float, bend_nm: float, rng: np.random.Generator) -> Plane:
    """Signed distance in nm from a wavy line across a periodic field along one of its sides, (gpts, gpts)."""
    along, field_nm = np.arange(gpts) / gpts, gpts * sampling_nm
    waves = [rng.normal() / n * np.cos(2 * np.pi * (n * along + rng.random())) for n in (1, 2, 3)]
    line = rng.uniform(0, field_nm) + bend_nm * np.sum(waves, axis=0)
    across = (np.arange(gpts) * sampling_nm)[:, None] - line[None, :]
    distance = (across + field_nm / 2) % field_nm - field_nm / 2
    slope = np.gradient(line, sampling_nm)
    distance = distance / np.sqrt(1 + slope[None, :] ** 2)
    return distance if rng.random() < 0.5 else distance.T
