"""Crystalline materials as stacks of close-packed planes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from ase.data import atomic_numbers

from hrtem_lab.micrograph import InputError

Structure = Literal["fcc", "zinc_blende", "wurtzite"]
Defect = Literal["twin", "intrinsic", "extrinsic"]
Points = npt.NDArray[np.float64]
"""Points or vectors, (n, 3)."""

STACK_AXES = np.array([[-1, 1, 0], [-1, -1, 2], [1, 1, 1]]) / np.sqrt([[2], [6], [3]])
"""Frame of the stack in cubic axes: columns are the cubic axes, rows the directions x = [-1 1 0], y = [-1 -1 2] and
z = [1 1 1]. x is a row of atoms in the close-packed plane, <110> or <11-20>, and z is the normal of that plane."""

# Reflections that make fringes: of low order, up to {311} (the metals' is finer than what microscopes in use resolve).
MIN_SPACING_NM = 0.13
MAX_ORDER = 2.4
"""Largest |g| in units of 1 over the row spacing; {311} of a cubic cell has 2.35."""
MIN_STRUCTURE_FACTOR = 0.1
"""Structure factor below which a reflection makes no fringes, as a fraction of the largest possible one."""

CUBIC_ZONE_AXES = {"100": (1, 0, 0), "110": (1, 1, 0), "111": (1, 1, 1), "112": (1, 1, 2)}


@dataclass(frozen=True)
class Material:
    """A metal or a compound whose crystal is a stack of close-packed planes.

    In the frame of the stack x is a close-packed row and z the normal of the planes. From one plane to the next the
    letter (A, B, C) goes one step up or down: always up in fcc and zinc blende, up and down in turn in wurtzite.

    Attributes:
        name: Name in tables.
        structure: `fcc`, `zinc_blende` or `wurtzite`.
        elements: Symbol of the metal, or symbols of the cation and the anion.
        a_nm: Lattice constant at room temperature.
        rms_displacement_nm: Root mean square thermal displacement along one axis, sqrt(B / 8 pi^2).
        c_nm: Second lattice constant of wurtzite.

    Raises:
        InputError: The structure is unknown, or the elements or lengths do not fit it.
    """

    name: str
    structure: Structure
    elements: tuple[str, ...]
    a_nm: float
    rms_displacement_nm: float
    c_nm: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", tuple(self.elements))  # YAML knows lists only
        wanted = {"fcc": 1, "zinc_blende": 2, "wurtzite": 2}
        if self.structure not in wanted:
            raise InputError(f"structure of {self.name} is {self.structure!r}, expected one of {', '.join(wanted)}")
        if len(self.elements) != wanted[self.structure] or not set(self.elements) <= set(atomic_numbers):
            raise InputError(
                f"elements of {self.name} are {list(self.elements)}; {self.structure} takes {wanted[self.structure]} "
                "chemical symbol(s), the cation first"
            )
        if (self.c_nm is None) == (self.structure == "wurtzite"):
            raise InputError(f"c_nm of {self.name} is {self.c_nm}; wurtzite needs it, cubic structures have none")
        if min(self.a_nm, self.c_nm or 1) <= 0 or self.rms_displacement_nm < 0:
            raise InputError(f"{self.name} has a negative length; give lengths in nm above 0")

    @property
    def is_cubic(self) -> bool:
        """True where all steps of the stack go the same way: fcc and zinc blende."""
        return self.structure != "wurtzite"

    @property
    def row_spacing_nm(self) -> float:
        """Distance between neighbouring atoms of one kind in a close-packed row."""
        return float(self.a_nm / np.sqrt(2)) if self.is_cubic else self.a_nm

    @property
    def d_spacing_nm(self) -> float:
        """Distance between neighbouring close-packed planes."""
        return self.a_nm / np.sqrt(3) if self.c_nm is None else self.c_nm / 2

    @property
    def stacking_step_nm(self) -> Points:
        """Vector in the plane from a site of one letter to a site of the next, (3,) in nm; 1/6 <112> in cubic axes."""
        return self.row_spacing_nm * np.array([0.5, np.sqrt(3) / 6, 0])

    @property
    def basis(self) -> tuple[tuple[int, float], ...]:
        """Atomic number and height in nm above the plane of the atoms on each site.

        The anion stands on the cation, 3/4 of a plane's distance higher: all bonds are then equal in zinc blende, and
        in wurtzite u is the ideal 3/8.
        """
        heights = (0.0, 0.75 * self.d_spacing_nm)
        return tuple((atomic_numbers[e], h) for e, h in zip(self.elements, heights, strict=False))

    @property
    def bond_nm(self) -> float:
        """Distance between nearest neighbours."""
        return self.row_spacing_nm if self.structure == "fcc" else 0.75 * self.d_spacing_nm

    @property
    def atom_volume_nm3(self) -> float:
        """Volume of the crystal per atom."""
        return float(np.sqrt(3) / 2 * self.row_spacing_nm**2 * self.d_spacing_nm / len(self.elements))

    @property
    def cell_nm(self) -> Points:
        """Vectors a, b, c of the cubic or hexagonal unit cell in the frame of the stack, rows of (3, 3) in nm."""
        return self.a_nm * STACK_AXES.T if self.is_cubic else self._stack_cell_nm

    @property
    def _stack_cell_nm(self) -> Points:
        """The cell of two rows and the shortest repeat of the perfect stack."""
        repeat = (3 if self.is_cubic else 2) * self.d_spacing_nm
        row = self.row_spacing_nm
        return np.array([[row, 0, 0], [-row / 2, np.sqrt(3) / 2 * row, 0], [0, 0, repeat]])

    def displacement_nm(self, defect: Defect) -> Points:
        """Return the displacement vector R of the crystal above a planar defect, (3,) in nm in the frame of the stack.

        Written with the step s and the planes' distance d. Intrinsic: one step goes the other way, -2 s (in fcc one
        1/6 <112>; in wurtzite 1/3 <1-100>, called I2). Extrinsic: one plane more, d upwards. Twin: all steps above are
        reversed; in wurtzite this is the perfect stack moved by one plane, d upwards and -s, 1/6 <2-203>, called I1
        (Hirth and Lothe, Theory of Dislocations, ch. 10 and 11). In the cubic structures it is a mirror image, no
        translation, but the same vector tells which reflections both sides share: those with an integer g . R.
        """
        up = np.array([0, 0, self.d_spacing_nm])
        step = self.stacking_step_nm
        return {"intrinsic": -2 * step, "extrinsic": up, "twin": up - step}[defect]

    def g_vectors(self) -> Points:
        """Return the reflections that make fringes, (n, 3) in nm^-1 in the frame of the stack; only one of g and -g."""
        return _reflections(self)[0]

    def miller_indices(self) -> npt.NDArray[np.int64]:
        """Return the Miller indices of `g_vectors` in the cubic or hexagonal cell, (n, 3)."""
        return _reflections(self)[1]

    def zone_axes(self) -> dict[str, Points]:
        """Return low-index zone axes with all their equivalents, each (k, 3) unit vectors in the frame of the stack."""
        if self.is_cubic:
            signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
            orders = [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
            axes = {
                name: np.concatenate([signs * np.array(axis)[order] for order in orders]) @ STACK_AXES.T
                for name, axis in CUBIC_ZONE_AXES.items()
            }
        else:
            angles = np.pi / 3 * np.arange(6)
            rows = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(6)])
            c = np.array([[0, 0, self.d_spacing_nm * 2]])
            axes = {
                "0001": np.concatenate([c, -c]),
                "11-20": rows,
                "10-10": rows[:, [1, 0, 2]],
                "11-23": np.concatenate([self.row_spacing_nm * rows + c, self.row_spacing_nm * rows - c]),
            }
        return {name: v / np.linalg.norm(v, axis=1, keepdims=True) for name, v in axes.items()}


@lru_cache
def _reflections(material: Material) -> tuple[Points, npt.NDArray[np.int64]]:
    """Return g vectors and Miller indices; the structure factor weighs each atom with its atomic number."""
    cell, largest = material._stack_cell_nm, min(1 / MIN_SPACING_NM, MAX_ORDER / material.row_spacing_nm)
    limits = np.ceil(np.linalg.norm(cell, axis=1) * largest).astype(int)
    g = np.array(np.meshgrid(*[np.arange(-m, m + 1) for m in limits])).reshape(3, -1).T @ np.linalg.inv(cell).T
    g = g[np.linalg.norm(g, axis=1) < largest]
    up = np.array([0, 0, 1])
    layers = [
        k * (material.stacking_step_nm + material.d_spacing_nm * up) for k in range(3 if material.is_cubic else 2)
    ]
    sites = [(z, layer + height * up) for layer in layers for z, height in material.basis]
    factor = sum(z * np.exp(2j * np.pi * g @ site) for z, site in sites)
    strong = np.abs(factor) > MIN_STRUCTURE_FACTOR * sum(z for z, _ in sites)
    hkl = np.round(g @ material.cell_nm.T).astype(np.int64)
    first = np.array([row[np.flatnonzero(row)[0]] if row.any() else 0 for row in hkl])
    half = strong & (first > 0)
    order = np.lexsort(hkl[half].T[::-1])
    reflections = g[half][order], hkl[half][order]
    for array in reflections:
        array.setflags(write=False)  # the cache hands out the same arrays again
    return reflections
