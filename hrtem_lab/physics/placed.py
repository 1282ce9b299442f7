"""Particles in the field, and what is true of each whatever the microscope does."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from hrtem_lab.physics.crystal import Crystal, Material, Plane, Points
from hrtem_lab.physics.shapes import Twinned

WURTZITE_FAULTS = {"twin": "I1", "intrinsic": "I2", "extrinsic": "E"}
COLUMNS = (
    *("material", "structure", "shape", "diameter_nm", "twins", "intrinsic", "extrinsic", "planes"),
    *("plane_tilt_deg", "zone", "zone_tilt_deg", "vacancies", "overlap"),
)


@dataclass(frozen=True)
class Placed:
    """A particle in the field: the crystal, where it lies and how it is turned.

    Attributes:
        crystal: The particle itself.
        centre_nm: (row, column, height) of its centre.
        rotation: (3, 3), from the crystal's frame to (row, column, height).
        overlap: Share of its outline that lies over or under another's, once the specimen has been projected.
    """

    crystal: Crystal
    centre_nm: Points
    rotation: Points
    overlap: float = 0.0

    def reflections(self, variant: int) -> Points:
        """The reflections of one of its lattices in nm^-1, (n, 3) as (row, column, height)."""
        return self.crystal.reflections(variant) @ self.rotation.T

    @property
    def normals(self) -> Points:
        """Normals of its planar defects, (m, 3) as (row, column, height)."""
        return self.crystal.normals @ self.rotation.T

    @property
    def plane_tilt_deg(self) -> float:
        """Smallest angle between a planar defect and the beam: 0 where one stands edge-on; nan without any."""
        sines = np.abs(self.normals[:, 2])
        return float(np.degrees(np.arcsin(sines.min().clip(0, 1)))) if len(sines) else np.nan

    @property
    def zone(self) -> tuple[str, float]:
        """The low-index zone axis that lies nearest to the beam in any of its lattices, and the angle between, deg."""
        angles = {}
        for name, axes in self.crystal.material.zones().items():
            axes = axes @ self.crystal.variants.transpose(0, 2, 1) @ self.rotation.T
            cosines = np.abs(axes[..., 2]) / np.linalg.norm(axes, axis=-1)
            angles[name] = float(np.degrees(np.arccos(cosines.clip(0, 1).max())))
        name = min(angles, key=lambda n: angles[n])
        return name, angles[name]

    def plain(self) -> dict[str, Any]:
        """As dicts, lists, text and numbers, for JSON."""
        crystal = asdict(self.crystal)
        place = {"centre_nm": self.centre_nm.tolist(), "rotation": self.rotation.tolist(), "overlap": self.overlap}
        return {"crystal": crystal} | place

    @staticmethod
    def of(plain: dict[str, Any]) -> Placed:
        """The particle that `plain` was made of."""
        crystal = plain["crystal"] | {
            "material": Material(**plain["crystal"]["material"]),
            "planes": tuple(Plane(**plane) for plane in plain["crystal"]["planes"]),
        }
        place = np.array(plain["centre_nm"]), np.array(plain["rotation"])
        return Placed(Crystal(**crystal), *place, plain["overlap"])


def particle_facts(particles: tuple[Placed, ...]) -> pd.DataFrame:
    """One row per particle, indexed by its number from 1."""
    rows = [_facts(p) for p in particles]
    return pd.DataFrame(rows, columns=list(COLUMNS), index=pd.RangeIndex(1, len(rows) + 1, name="particle"))


def _facts(particle: Placed) -> dict[str, Any]:
    crystal, (zone, zone_tilt_deg) = particle.crystal, particle.zone
    count = Counter(p.kind for p in crystal.planes)
    twins, intrinsic = count["twin"], count["intrinsic"]
    planes = [f"{p.kind} at {p.height_nm:+.2f} nm" for p in sorted(crystal.planes, key=lambda p: p.height_nm)]
    if crystal.shape in Twinned:
        twins = len(crystal.normals)
        planes = [f"{twins} twins of a {crystal.shape}"]
    elif not crystal.material.cubic:
        # I1 turns the steps, yet its two sides are one lattice: a fault, intrinsic as I2 is
        twins, intrinsic = 0, twins + intrinsic
        planes = [f"{WURTZITE_FAULTS[t.split()[0]]} {t.split(maxsplit=1)[1]}" for t in planes]
    return {
        "material": crystal.material.name,
        "structure": crystal.material.structure,
        "shape": crystal.shape,
        "diameter_nm": crystal.diameter_nm,
        "twins": twins,
        "intrinsic": intrinsic,
        "extrinsic": count["extrinsic"],
        "planes": planes,
        "plane_tilt_deg": particle.plane_tilt_deg,
        "zone": zone,
        "zone_tilt_deg": zone_tilt_deg,
        "vacancies": crystal.vacancies,
        "overlap": particle.overlap,
    }
