"""Exit waves drawn from the projected thickness of bodies: thousands a minute, where multislice takes seconds for each.

A body is no arrangement of atoms here but a solid: where it is thick, electrons are missing and the phase is shifted,
and a lattice is a modulation of its potential. The wave is that of one thin slice (the phase-object approximation,
Kirkland, Advanced Computing in Electron Microscopy, 2010, section 5.1), so that diffraction contrast, which it does not
know, is sampled for each body. Everything else, from the lens on, is that of any other exit wave.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from hrtem_lab.fingerprint import fingerprint
from hrtem_lab.micrograph import InputError
from hrtem_lab.physics.background import sample_background
from hrtem_lab.physics.exit_wave import ExitWave
from hrtem_lab.physics.silhouettes import Silhouette, instance_map
from hrtem_lab.physics.solids import Solid, sample_solid
from hrtem_lab.physics.specimen import Range
from hrtem_lab.physics.wave_sequence import WaveSequence

PHASE_PER_VOLT_NM = 0.00653
"""Interaction constant at 300 kV in rad / (V nm) (Kirkland, table 5.2)."""
LATTICE_AMPLITUDE = (0.15, 0.8)
"""Range of the amplitude of a reflection's potential over the mean inner potential."""
EXTINCTION_NM = (8.0, 40.0)
"""Range of the thickness over which a reflection's amplitude goes through a full period."""
SMALL_NM = 1.5
"""Diameter below which bodies have at least a contrast that grows as they get smaller, since nobody sees others."""
TOUCHING_GAP_NM = (-0.3, 0.3)
"""Range of the gap between two bodies that are laid side by side; negative where they overlap."""


@dataclass(frozen=True)
class ProjectedBodies(WaveSequence):
    """Exit waves of fields of bodies, each drawn anew from (seed, index) alone when it is asked for.

    Attributes:
        size: Number of fields.
        seed: Seed of the random number generator.
        field_nm: Side length of the square, periodic field.
        gpts: Pixels of a wave along each side.
        diameter_nm: Smallest and largest diameter of the sphere of a body's volume, evenly in the logarithm.
        coverage: Smallest and largest fraction of the field that bodies cover.
        max_bodies: Largest number of bodies in a field.
        empty: Fraction of the fields without any body.
        lattice: Fraction of the fields whose bodies show lattices.
        grey: Fraction of the fields with lattices whose bodies absorb no more than their film.
        touching: Fraction of the bodies that are laid beside another one.
        contrast: Smallest and largest fraction of the electrons that a body of the field's median size stops, evenly in
            the logarithm.
        inner_potential_V: Smallest and largest mean inner potential of a body.

    Raises:
        InputError: A number is out of its range.
    """

    size: int
    seed: int
    field_nm: float = 16.384
    gpts: int = 512
    diameter_nm: Range = (0.4, 13.0)
    coverage: Range = (0.02, 0.5)
    max_bodies: int = 60
    empty: float = 0.12
    lattice: float = 0.45
    grey: float = 0.5
    touching: float = 0.2
    contrast: Range = (0.1, 0.85)
    inner_potential_V: Range = (8.0, 30.0)

    def __post_init__(self) -> None:
        if self.size < 0 or self.gpts < 1 or not self.field_nm > 0:
            raise InputError(
                f"size is {self.size}, gpts {self.gpts}, field_nm {self.field_nm}; expected at least 0, and a field "
                "and pixels above 0"
            )
        if not 0 < self.diameter_nm[0] <= self.diameter_nm[1] <= 0.8 * self.field_nm:
            raise InputError(
                f"diameter_nm is {list(self.diameter_nm)}; expected the smallest, then the largest, above 0 and at "
                f"most four fifths of the field of {self.field_nm:g} nm"
            )

    @property
    def sampling_nm(self) -> float:
        """Side length of a wave's pixel."""
        return self.field_nm / self.gpts

    @property
    def fingerprint_inputs(self) -> dict[str, Any]:
        """Everything that decides the waves, except their index."""
        return asdict(self)

    def __len__(self) -> int:
        return self.size

    def _wave(self, index: int) -> ExitWave:
        rng = np.random.default_rng([self.seed, index])
        median_nm = float(np.exp(rng.uniform(*np.log(self.diameter_nm))))
        looks = self._sample_looks(median_nm, rng)
        phase, damping = sample_background(
            self.gpts, self.sampling_nm, 8.0 if median_nm > SMALL_NM and not looks.grey else 3.0, rng
        )
        bodies = [] if rng.random() < self.empty else self._sample_bodies(median_nm, rng)
        outlines = []
        for solid, centre_nm in bodies:
            window, thickness, row, column = project(solid, centre_nm, self.sampling_nm, self.gpts)
            body_phase, body_damping = looks.draw(thickness, row, column, rng)
            np.add.at(phase, window, body_phase)
            np.add.at(damping, window, body_damping)
            outlines.append(_silhouette(thickness > 0, window, self.gpts))
        wave = np.exp(1j * phase - damping).astype(np.complex64)
        name = f"{fingerprint(self.fingerprint_inputs)[:8]}_{index:06d}"
        return ExitWave(wave, instance_map(outlines, self.gpts), self.sampling_nm, name, tuple)

    def _sample_bodies(self, median_nm: float, rng: np.random.Generator) -> list[tuple[Solid, npt.NDArray[np.float64]]]:
        """Sample solids and the (row, column) of their centres in nm; most lie apart, some touch."""
        spread = rng.uniform(0.03, 0.4)
        wanted_nm2 = rng.uniform(*self.coverage) * self.field_nm**2
        bodies: list[tuple[Solid, npt.NDArray[np.float64]]] = []
        kinds = rng.dirichlet(np.full(6, 0.5))  # most fields hold one or two kinds of shape
        area_nm2 = 0.0
        for _ in range(4 * self.max_bodies):
            diameter = float(np.clip(median_nm * np.exp(rng.normal(0, spread)), *self.diameter_nm))
            if len(bodies) >= self.max_bodies or (bodies and area_nm2 + 0.8 * diameter**2 > wanted_nm2):
                break
            solid = sample_solid(diameter, kinds, rng)
            centre = rng.uniform(0, self.field_nm, 2)
            if bodies and rng.random() < self.touching:
                other, place = bodies[rng.integers(len(bodies))]
                angle = rng.uniform(0, 2 * np.pi)
                gap = other.radius_nm + solid.radius_nm + rng.uniform(*TOUCHING_GAP_NM)
                centre = (place + gap * np.array([np.cos(angle), np.sin(angle)])) % self.field_nm
            elif any(self._distance(centre, place) < other.radius_nm + solid.radius_nm for other, place in bodies):
                continue
            bodies.append((solid, centre))
            area_nm2 += np.pi / 4 * diameter**2
        return bodies

    def _distance(self, one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
        """Distance of two points in the periodic plane."""
        away = np.abs(one - other)
        return float(np.hypot(*np.minimum(away, self.field_nm - away)))

    def _sample_looks(self, median_nm: float, rng: np.random.Generator) -> Looks:
        """Sample what all bodies of a field have in common."""
        with_lattice = rng.random() < self.lattice and median_nm > 1.0
        grey = with_lattice and rng.random() < self.grey
        least = np.clip(0.3 * SMALL_NM / median_nm, *self.contrast) if median_nm < SMALL_NM else self.contrast[0]
        contrast = np.exp(rng.uniform(np.log(least), np.log(self.contrast[1])))
        return Looks(
            absorption_per_nm=0.0 if grey else -np.log(1 - contrast) / 2,
            inner_potential_V=rng.uniform(*self.inner_potential_V),
            lattice=with_lattice,
            grey=grey,
            uneven=rng.uniform(0, 0.6) * (rng.random() < 0.5),
            flat=rng.random() < 0.3,
        )


@dataclass(frozen=True)
class Looks:
    """How the bodies of a field act on the wave.

    Attributes:
        absorption_per_nm: Damping of the amplitude by a body where it is as thick as its greatest thickness.
        inner_potential_V: Mean inner potential.
        lattice: Whether the bodies show lattices.
        grey: Whether the bodies absorb nothing and are seen by their lattices alone.
        uneven: Standard deviation of the logarithm of a body's own absorption: diffraction contrast.
        flat: Whether absorption grows with the square root of thickness only, as where diffraction outweighs it.
    """

    absorption_per_nm: float
    inner_potential_V: float
    lattice: bool
    grey: bool
    uneven: float
    flat: bool

    def draw(
        self,
        thickness: npt.NDArray[np.float64],
        row_nm: npt.NDArray[np.float64],
        column_nm: npt.NDArray[np.float64],
        rng: np.random.Generator,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Phase and damping of one body, each (rows, columns).

        Args:
            thickness: Projected thickness in nm, (rows, columns).
            row_nm: Distance of each row from the centre, (rows, 1).
            column_nm: Distance of each column from the centre, (1, columns).
            rng: Random number generator.
        """
        share = thickness / max(thickness.max(), 1e-9)
        damping = self.absorption_per_nm * np.exp(rng.normal(0, self.uneven)) * (np.sqrt(share) if self.flat else share)
        phase = PHASE_PER_VOLT_NM * self.inner_potential_V * thickness
        if self.lattice and rng.random() < 0.9:
            phase = phase + self._lattice(thickness, row_nm, column_nm, rng)
        return phase, damping

    def _lattice(
        self,
        thickness: npt.NDArray[np.float64],
        row_nm: npt.NDArray[np.float64],
        column_nm: npt.NDArray[np.float64],
        rng: np.random.Generator,
    ) -> npt.NDArray[np.float64]:
        """Phase of a lattice's reflections, (rows, columns); beyond a random plane it may be that of a twin."""
        extinction = rng.uniform(*EXTINCTION_NM)
        effective = extinction / np.pi * np.abs(np.sin(np.pi * thickness / extinction))
        phase = np.zeros(thickness.shape)
        normal = rng.uniform(0, np.pi)
        across = np.cos(normal) * row_nm + np.sin(normal) * column_nm - rng.normal(0, 0.2) * np.ptp(row_nm)
        twinned = rng.random() < 0.3
        first = rng.uniform(0, np.pi)
        for azimuth in (first, first + rng.uniform(0.7, 1.6))[: 1 + (rng.random() < 0.7)]:
            frequency, amplitude = 1 / rng.uniform(0.19, 0.38), rng.uniform(*LATTICE_AMPLITUDE)
            waves = np.cos(_plane_wave(frequency, azimuth, row_nm, column_nm) + rng.uniform(0, 2 * np.pi))
            if twinned:
                mirrored = np.cos(_plane_wave(frequency, 2 * normal - azimuth, row_nm, column_nm))
                waves = np.where(across > 0, mirrored, waves)
            phase += PHASE_PER_VOLT_NM * self.inner_potential_V * 2 * amplitude * effective * waves
        return phase


def _plane_wave(
    frequency_per_nm: float, azimuth: float, row_nm: npt.NDArray[np.float64], column_nm: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Phase of a plane wave at each pixel, (rows, columns)."""
    return 2 * np.pi * frequency_per_nm * (np.cos(azimuth) * row_nm + np.sin(azimuth) * column_nm)


def project(
    solid: Solid, centre_nm: npt.NDArray[np.float64], sampling_nm: float, gpts: int
) -> tuple[
    tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
]:
    """Project a solid onto the pixels of a periodic field.

    Args:
        solid: The solid.
        centre_nm: Centre of the solid, (row, column).
        sampling_nm: Side length of a pixel.
        gpts: Pixels along each side of the field.

    Returns:
        Rows and columns of the window in the field as an open mesh; thickness in nm, (rows, columns); distance of each
        row (rows, 1) and column (1, columns) from the centre in nm.
    """
    half = min(int(np.ceil(solid.radius_nm / sampling_nm)) + 1, (gpts - 1) // 2)
    middle = np.floor(centre_nm / sampling_nm).astype(int)
    offsets = np.arange(-half, half + 1)
    # the centre of a pixel, as in the instance map of an atomic specimen
    row, column = ((middle[axis] + offsets + 0.5) * sampling_nm - centre_nm[axis] for axis in (0, 1))
    window = np.ix_((middle[0] + offsets) % gpts, (middle[1] + offsets) % gpts)
    return window, solid.thickness(row[:, None], column[None, :]), row[:, None], column[None, :]


def _silhouette(inside: npt.NDArray[np.bool_], window: tuple[Any, Any], gpts: int) -> Silhouette:
    """Return the silhouette of one body from its mask in a window."""
    flat = (window[0] * gpts + window[1])[inside]
    depth = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1][inside]
    order = np.argsort(flat)
    return Silhouette(flat[order], depth[order])
