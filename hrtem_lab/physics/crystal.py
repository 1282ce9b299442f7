"""Face-centred cubic particles with planar defects, atom by atom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

Shape = Literal["sphere", "faceted", "ellipsoid"]
Points = npt.NDArray[np.float64]

# Rows: the cubic directions [-1 1 0], [-1 -1 2] and [1 1 1], along which the stacked crystal has its x, y and z.
# (x is a <110> row of atoms in the close-packed plane, z the normal of that plane.)
STACK_AXES = np.array([[-1, 1, 0], [-1, -1, 2], [1, 1, 1]]) / np.sqrt([[2], [6], [3]])
MIRROR = np.diag([1.0, 1.0, -1.0])  # a twin's lattice is the parent's, mirrored in the close-packed plane


@dataclass(frozen=True)
class Fcc:
    """A face-centred cubic element.

    Attributes:
        element: Chemical symbol.
        lattice_constant_nm: Cubic lattice constant at room temperature.
        rms_displacement_nm: Root mean square thermal displacement along one axis, sqrt(B / 8 pi^2).
    """

    element: str
    lattice_constant_nm: float
    rms_displacement_nm: float

    def reflections(self) -> npt.NDArray[np.int64]:
        """Half of the {111}, {200} and {220} reflections, (13, 3), Miller indices; -g says nothing that g does not."""
        hkl = np.array(np.meshgrid(*[np.arange(-2, 3)] * 3, indexing="ij")).reshape(3, -1).T
        squared = (hkl**2).sum(1)
        allowed = (np.ptp(hkl % 2, axis=1) == 0) & np.isin(squared, (3, 4, 8))  # unmixed indices only
        first = np.array([row[np.flatnonzero(row)[0]] if row.any() else 0 for row in hkl])
        return hkl[allowed & (first > 0)]


@dataclass(frozen=True)
class Crystal:
    """One particle before it is placed: stacked close-packed planes, cut to a shape.

    In the crystal's own frame z is the normal of the stacked planes and x a close-packed row in them.

    Attributes:
        material: What it is made of.
        diameter_nm: Diameter of the sphere of the same extent.
        shape: `sphere`, `faceted` (truncated octahedron) or `ellipsoid` (the two axes in the plane 0.8 and 1.2 long).
        twins: Heights of twin planes above the centre, in nm.
        faults: Heights of intrinsic stacking faults, in nm.
    """

    material: Fcc
    diameter_nm: float
    shape: Shape = "sphere"
    twins: tuple[float, ...] = ()
    faults: tuple[float, ...] = ()

    @property
    def planes(self) -> tuple[float, ...]:
        """Heights of all planar defects, in nm."""
        return self.twins + self.faults

    @cached_property
    def axes(self) -> Points:
        """Cubic axes of the parent variant in the crystal's frame: column j is the direction of cubic axis j."""
        return STACK_AXES

    def stacking(self) -> tuple[Points, npt.NDArray[np.int64]]:
        """Heights of the close-packed planes in nm, and the stacking letter of each (0, 1, 2 for A, B, C).

        From one plane to the next the letter goes one step; a twin turns the direction of all steps above it, an
        intrinsic fault that of a single step (ABC|BCA; Hirth and Lothe, Theory of Dislocations, ch. 10).
        """
        spacing = self.material.lattice_constant_nm / np.sqrt(3)
        half = int(np.ceil(0.75 * self.diameter_nm / spacing)) + 1
        heights = spacing * np.arange(-half, half + 1)
        middles = heights[:-1] + spacing / 2

        def nearest(planes: tuple[float, ...]) -> npt.NDArray[np.bool_]:
            return np.isin(np.arange(len(middles)), [np.abs(middles - h).argmin() for h in planes])

        # one plane to a place: two would undo each other and leave a perfect crystal
        twins, faults = nearest(self.twins), nearest(self.faults)
        direction = (-1) ** np.cumsum(twins) * np.where(faults & ~twins, -1, 1)
        letters = np.concatenate([[0], np.cumsum(direction)])
        return heights, (letters - letters[half]) % 3

    def positions(self, rng: np.random.Generator, roughness_nm: float = 0.03) -> Points:
        """Atoms about the centre, (n, 3) in nm; the surface is rough by `roughness_nm` (standard deviation)."""
        row = self.material.lattice_constant_nm / np.sqrt(2)
        heights, letters = self.stacking()
        reach = int(np.ceil(1.5 * self.diameter_nm / row)) + 2
        i, j = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
        plane = row * np.stack([(i + j / 2).ravel(), (np.sqrt(3) / 2 * j).ravel()], axis=1)
        plane = plane[np.hypot(*plane.T) < 0.8 * self.diameter_nm + row]
        shift = row * np.array([0.5, np.sqrt(3) / 6])
        atoms = np.concatenate(
            [
                np.column_stack([plane + letter * shift, np.full(len(plane), height)])
                for height, letter in zip(heights, letters, strict=True)
            ]
        )
        atoms -= [*rng.uniform(-row / 2, row / 2, 2), 0]
        return atoms[self.depth(atoms) > rng.normal(0, roughness_nm, len(atoms))]

    def depth(self, points: Points) -> npt.NDArray[np.float64]:
        """How far each point, (n, 3) in nm, lies under the surface; negative outside."""
        radius = self.diameter_nm / 2
        if self.shape == "faceted":
            # {111} a little nearer than {100}, as in the Wulff shape of fcc metals (ratio 1.15; Marks 1994)
            cubic = points @ self.axes
            octahedron = np.abs(cubic).sum(1) / np.sqrt(3)
            cube = np.abs(cubic).max(1)
            return np.minimum(0.93 * radius - octahedron, 1.07 * radius - cube)
        stretch = [0.8, 1.2, 1.0] if self.shape == "ellipsoid" else [1.0, 1.0, 1.0]
        return radius - np.linalg.norm(points / stretch, axis=1)
