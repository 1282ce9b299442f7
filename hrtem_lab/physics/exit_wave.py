"""From atoms to the wave that leaves the specimen, and the outline of each particle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import fft
from scipy.ndimage import distance_transform_edt, fourier_gaussian
from scipy.stats import circmean

from hrtem_lab.micrograph import IntArray
from hrtem_lab.physics.material import Material
from hrtem_lab.physics.microscope.lens import wavelength_nm
from hrtem_lab.physics.placed import Placed, particle_facts
from hrtem_lab.physics.specimen import Specimen

DELOCALISED_NM = 0.2  # of an inelastic scattering that loses some tens of eV at 300 kV (Egerton, EELS, section 5.5)


@dataclass(frozen=True)
class ExitWave:
    """One specimen after the beam has passed, before any lens.

    Attributes:
        wave: Complex amplitude, (n, n) complex64, mean intensity close to 1.
        instances: Particle number per pixel, (n, n), 0 = support or vacuum.
        sampling_nm: Edge of a pixel of both.
        name: Name of the specimen, the unit of every split.
        placed: Tells `particles`; only asked when they are wanted, for a training looks at waves alone.
    """

    wave: npt.NDArray[np.complex64]
    instances: IntArray
    sampling_nm: float
    name: str
    placed: Callable[[], tuple[Placed, ...]]

    @cached_property
    def particles(self) -> tuple[Placed, ...]:
        """The particles as they were placed, in the order of their numbers."""
        return self.placed()

    @cached_property
    def facts(self) -> pd.DataFrame:
        """One row per particle, indexed by its number."""
        return particle_facts(self.particles)


def multislice(
    specimen: Specimen, gpts: int, voltage_kV: float = 300.0, slice_nm: float = 0.8
) -> npt.NDArray[np.complex64]:
    """The exit wave of a plane wave, (gpts, gpts) complex64.

    Each atom's potential is projected to infinity into a slice, which acts on the wave where it begins: on average half
    a slice before its atoms. So the wave is brought back by half a slice in the end, without which slices as thick as
    these would only be good for a wrong focus. `benchmarks/simulation.py` says what is left of the difference to
    abTEM's finite projections in thin slices, and what is saved.

    Then it loses what `Specimen.absorption` says: electrons that were scattered inelastically or beyond every aperture
    are missing where matter is thick and heavy. An absorptive potential in proportion to the real one describes that
    (Hashimoto, Howie and Whelan, Proc. R. Soc. A 269, 80, 1962), here projected and blurred by `DELOCALISED_NM`, for
    an electron excites what it does not hit.
    """
    import abtem

    # not FFTW: plans that it measures differ from process to process, and so do the last digits
    with abtem.config.set({"device": "cpu", "diagnostics.progress_bar": False, "fft": "numpy"}):
        potential: Any = abtem.Potential(
            specimen.atoms, gpts=gpts, slice_thickness=10 * slice_nm, projection="infinite", parametrization="lobato"
        ).build(lazy=False)
        kept = abtem.antialias.antialias_aperture((gpts, gpts), potential.sampling, np).astype(np.float32)
    sampling_nm = specimen.atoms.cell.lengths()[0] / 10 / gpts
    thickness_nm = float(np.mean(potential.slice_thickness)) / 10
    phases = np.float32(abtem.core.energy.energy2sigma(1e3 * voltage_kV)) * potential.array
    wave = np.ones((gpts, gpts), dtype=np.complex64)
    passed, step = np.empty_like(wave), kept * _free_space(gpts, sampling_nm, thickness_nm, voltage_kV)
    for phase in phases:
        np.cos(phase, out=passed.real)
        np.sin(phase, out=passed.imag)  # as one complex exponential it would take thirty times as long
        wave *= _convolved(passed, kept)
        wave = _convolved(wave, step)
    wave = propagated(wave, sampling_nm, -thickness_nm / 2, voltage_kV)
    total = fft.rfft2(specimen.absorption * phases.sum(axis=0))
    lost = fft.irfft2(fourier_gaussian(total, DELOCALISED_NM / sampling_nm, n=gpts), s=(gpts, gpts))
    return wave * np.exp(-lost, dtype=np.float32)


def propagated(
    wave: npt.NDArray[np.complex64], sampling_nm: float, distance_nm: float, voltage_kV: float
) -> npt.NDArray[np.complex64]:
    """The wave after a way through vacuum, or before it where the distance is negative (Kirkland eq. 6.65)."""
    return _convolved(wave, _free_space(len(wave), sampling_nm, distance_nm, voltage_kV))


def _free_space(gpts: int, sampling_nm: float, distance_nm: float, voltage_kV: float) -> npt.NDArray[np.complex64]:
    k = fft.fftfreq(gpts, sampling_nm)
    turn = np.exp(-1j * np.pi * wavelength_nm(voltage_kV) * distance_nm * k**2).astype(np.complex64)
    return turn[:, None] * turn


def _convolved(wave: npt.NDArray[np.complex64], kernel: npt.NDArray[Any]) -> npt.NDArray[np.complex64]:
    """By SciPy's transforms: several times as fast as NumPy's here, and the same to the bit in every process."""
    result: npt.NDArray[np.complex64] = fft.ifft2(fft.fft2(wave) * kernel, overwrite_x=True)
    return result


class Silhouette(NamedTuple):
    """Where a particle lies in projection.

    Attributes:
        pixels: row * gpts + column of each of its pixels, in rising order.
        depth: How far each of them is from the nearest one outside, in pixels.
    """

    pixels: npt.NDArray[np.int64]
    depth: npt.NDArray[np.float64]


def outlines(specimen: Specimen, gpts: int) -> IntArray:
    """Instance map, (gpts, gpts), of what `silhouettes` finds."""
    return painted(silhouettes(specimen, gpts), gpts)


def painted(found: Sequence[Silhouette], gpts: int) -> IntArray:
    """The instance map, (gpts, gpts): where particles overlap in projection, each pixel is of one of them.

    A projection does not tell which of the two is in front. So it is the one that the pixel lies deepest in for its
    area: two of one size are cut through the middle of what they share, and a small one before or behind a large one
    keeps all but a rim.
    """
    instances = np.zeros(gpts * gpts, dtype=np.int32)
    deepest = np.zeros(gpts * gpts)
    for number, (pixels, depth) in enumerate(found, start=1):
        share = depth / len(pixels)
        won = share > deepest[pixels]
        instances[pixels[won]] = number
        deepest[pixels[won]] = share[won]
    return instances.reshape(gpts, gpts)


def overlaps(found: Sequence[Silhouette]) -> list[float]:
    """Share of each silhouette that lies over or under another one."""
    times = np.bincount(np.concatenate([np.empty(0, dtype=np.int64), *(one.pixels for one in found)]))
    return [float((times[one.pixels] > 1).mean()) for one in found]


def silhouettes(specimen: Specimen, gpts: int) -> list[Silhouette]:
    """Each particle's outline, filled: its projected atoms, the gaps between columns closed.

    The closing dilates by the distance of nearest neighbours, which no empty channel of these crystals is wider than
    twice, and erodes until the particle ends `edge_nm` beyond its outermost nuclei: then a ball of a crystal covers the
    area of the sphere that holds the same volume, to 3 % from 2 nm (metals) or 3 nm (CdSe) upwards. (With all of the
    atoms' radius instead it would be too large, a ball of gold of 2 nm by 12 %.)
    """
    field_nm = specimen.atoms.cell.lengths()[0] / 10
    pixel = field_nm / gpts
    found = []
    for number, particle in enumerate(specimen.particles, start=1):
        material = particle.crystal.material
        pad = int(np.ceil(2 * material.bond_nm / pixel))
        atoms = specimen.atoms.positions[specimen.owner == number, :2] / 10
        centre = np.floor(circmean(atoms, high=field_nm, axis=0) / pixel).astype(int)
        away = (np.floor(atoms / pixel).astype(int) - centre + gpts // 2) % gpts - gpts // 2
        half = int(np.abs(away).max()) + pad
        empty = np.ones((2 * half + 1, 2 * half + 1), dtype=bool)
        empty[tuple((away + half).T)] = False
        far = distance_transform_edt(empty) * pixel > material.bond_nm
        # half a pixel: the dilated region ends between its last pixel and the first one outside
        inside = (distance_transform_edt(~far) - 0.5) * pixel > material.bond_nm - edge_nm(material)
        rows, columns = (np.argwhere(inside) - half + centre).T % gpts
        pixels, first = np.unique(rows * gpts + columns, return_index=True)
        found.append(Silhouette(pixels, distance_transform_edt(inside)[inside][first]))
    return found


def edge_nm(material: Material) -> float:
    """How far a particle goes on beyond its outermost nuclei: half the radius of the sphere that one atom fills.

    Where a lattice is cut by a surface, the outermost nuclei lie under it by anything from nothing to the distance of
    two planes; seen from the side, by this much (measured on balls of 2 to 12 nm turned at random).
    """
    return float(0.5 * np.cbrt(3 * material.atom_volume_nm3 / (4 * np.pi)))
