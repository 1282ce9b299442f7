"""From atoms to the wave that leaves the specimen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import fft
from scipy.ndimage import fourier_gaussian

from hrtem_lab.micrograph import IntArray
from hrtem_lab.physics.microscope.lens import wavelength_nm
from hrtem_lab.physics.placed_particle import PlacedParticle, ground_truth_table
from hrtem_lab.physics.specimen import Specimen

DELOCALISATION_NM = 0.2
"""Delocalisation of an inelastic scattering that loses some tens of eV at 300 kV (Egerton, EELS, section 5.5)."""


@dataclass(frozen=True)
class ExitWave:
    """One specimen after the beam has passed, before any lens.

    Attributes:
        wave: Complex amplitude, (n, n) complex64, mean intensity close to 1.
        instances: Particle number per pixel, (n, n), 0 = support or vacuum.
        sampling_nm: Side length of a pixel of both.
        name: Name of the specimen, the unit of every split.
        load_particles: Returns `particles`; called only when they are needed, for training uses the waves alone.
    """

    wave: npt.NDArray[np.complex64]
    instances: IntArray
    sampling_nm: float
    name: str
    load_particles: Callable[[], tuple[PlacedParticle, ...]]

    @cached_property
    def particles(self) -> tuple[PlacedParticle, ...]:
        """Particles of the specimen, in the order of their numbers."""
        return self.load_particles()

    @cached_property
    def ground_truth(self) -> pd.DataFrame:
        """One row per particle, as from `ground_truth_table`."""
        return ground_truth_table(self.particles)


def multislice(
    specimen: Specimen, gpts: int, voltage_kV: float = 300.0, slice_nm: float = 0.8
) -> npt.NDArray[np.complex64]:
    """Return the exit wave of an incident plane wave, (gpts, gpts) complex64.

    Each atom's potential is projected to infinity into a slice, which acts on the wave where it begins: on average half
    a slice before its atoms. So the wave is propagated back by half a slice in the end, without which slices as thick
    as these would only be good for a wrong focus. `benchmarks/simulation.py` measures the remaining difference to
    abTEM's finite projections in thin slices, and the time that is saved.

    Then the wave is damped by `Specimen.absorption`: electrons that were scattered inelastically or beyond every
    aperture are missing where matter is thick and heavy. An absorptive potential in proportion to the real one
    describes that (Hashimoto, Howie and Whelan, Proc. R. Soc. A 269, 80, 1962), here projected and blurred by
    `DELOCALISATION_NM`, since an electron also excites atoms that it passes at a distance.
    """
    import abtem

    # not FFTW: plans that it measures differ from process to process, and so do the last digits
    with abtem.config.set({"device": "cpu", "diagnostics.progress_bar": False, "fft": "numpy"}):
        potential: Any = abtem.Potential(
            specimen.atoms, gpts=gpts, slice_thickness=10 * slice_nm, projection="infinite", parametrization="lobato"
        ).build(lazy=False)
        aperture = abtem.antialias.antialias_aperture((gpts, gpts), potential.sampling, np).astype(np.float32)
    sampling_nm = specimen.atoms.cell.lengths()[0] / 10 / gpts
    thickness_nm = float(np.mean(potential.slice_thickness)) / 10
    phases = np.float32(abtem.core.energy.energy2sigma(1e3 * voltage_kV)) * potential.array
    wave = np.ones((gpts, gpts), dtype=np.complex64)
    transmission = np.empty_like(wave)
    propagator = aperture * _free_space_propagator(gpts, sampling_nm, thickness_nm, voltage_kV)
    for phase in phases:
        np.cos(phase, out=transmission.real)
        np.sin(phase, out=transmission.imag)  # as one complex exponential it would take thirty times as long
        wave *= _convolve(transmission, aperture)
        wave = _convolve(wave, propagator)
    wave = propagate(wave, sampling_nm, -thickness_nm / 2, voltage_kV)
    total = fft.rfft2(specimen.absorption * phases.sum(axis=0))
    damping = fft.irfft2(fourier_gaussian(total, DELOCALISATION_NM / sampling_nm, n=gpts), s=(gpts, gpts))
    return wave * np.exp(-damping, dtype=np.float32)


def propagate(
    wave: npt.NDArray[np.complex64], sampling_nm: float, distance_nm: float, voltage_kV: float
) -> npt.NDArray[np.complex64]:
    """Propagate a wave through vacuum, or back where the distance is negative (Kirkland eq. 6.65)."""
    return _convolve(wave, _free_space_propagator(len(wave), sampling_nm, distance_nm, voltage_kV))


def _free_space_propagator(
    gpts: int, sampling_nm: float, distance_nm: float, voltage_kV: float
) -> npt.NDArray[np.complex64]:
    """Return the Fresnel propagator in Fourier space, (gpts, gpts), zero frequency first."""
    k = fft.fftfreq(gpts, sampling_nm)
    factor = np.exp(-1j * np.pi * wavelength_nm(voltage_kV) * distance_nm * k**2).astype(np.complex64)
    return factor[:, None] * factor


def _convolve(wave: npt.NDArray[np.complex64], kernel: npt.NDArray[Any]) -> npt.NDArray[np.complex64]:
    """Multiply a wave with a kernel in Fourier space.

    SciPy's transforms are several times as fast as NumPy's here, and the same to the bit in every process.
    """
    result: npt.NDArray[np.complex64] = fft.ifft2(fft.fft2(wave) * kernel, overwrite_x=True)
    return result
