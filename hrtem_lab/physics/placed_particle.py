"""Particles in the field, and their ground truth that does not depend on the microscope."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from hrtem_lab.particle_facts import SPECIMEN_FACTS
from hrtem_lab.physics.crystal import Crystal, Plane
from hrtem_lab.physics.material import Material, Points
from hrtem_lab.physics.shapes import MULTIPLY_TWINNED

WURTZITE_FAULTS = {"twin": "I1", "intrinsic": "I2", "extrinsic": "E"}


@dataclass(frozen=True)
class PlacedParticle:
    """A particle in the field: the crystal, its position and its orientation.

    Attributes:
        crystal: The particle in its own frame.
        centre_nm: (row, column, height) of its centre.
        rotation: Rotation matrix from the crystal's frame to (row, column, height), (3, 3).
        overlap: Fraction of its outline that lies over or under another particle's, once the specimen is projected.
    """

    crystal: Crystal
    centre_nm: Points
    rotation: Points
    overlap: float = 0.0

    def g_vectors(self, variant: int) -> Points:
        """Return the reflections of one of its lattices in nm^-1, (n, 3) as (row, column, height)."""
        return self.crystal.g_vectors(variant) @ self.rotation.T

    @property
    def plane_normals(self) -> Points:
        """Normals of its planar defects, (m, 3) as (row, column, height)."""
        return self.crystal.plane_normals @ self.rotation.T

    @property
    def plane_tilt_deg(self) -> float:
        """Smallest angle between a planar defect and the beam: 0 where one stands edge-on; nan without any."""
        sines = np.abs(self.plane_normals[:, 2])
        return float(np.degrees(np.arcsin(sines.min().clip(0, 1)))) if len(sines) else np.nan

    @property
    def nearest_zone_axis(self) -> tuple[str, float]:
        """Low-index zone axis of any of its lattices that is nearest to the beam, and the angle between them in deg."""
        angles = {}
        for name, axes in self.crystal.material.zone_axes().items():
            axes = axes @ self.crystal.variants.transpose(0, 2, 1) @ self.rotation.T
            cosines = np.abs(axes[..., 2]) / np.linalg.norm(axes, axis=-1)
            angles[name] = float(np.degrees(np.arccos(cosines.clip(0, 1).max())))
        name = min(angles, key=lambda n: angles[n])
        return name, angles[name]

    def to_dict(self) -> dict[str, Any]:
        """Return dicts, lists, text and numbers that JSON can hold and `from_dict` reads."""
        crystal = asdict(self.crystal)
        pose = {"centre_nm": self.centre_nm.tolist(), "rotation": self.rotation.tolist(), "overlap": self.overlap}
        return {"crystal": crystal} | pose

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> PlacedParticle:
        """Return the particle that `to_dict` has written."""
        crystal = content["crystal"] | {
            "material": Material(**content["crystal"]["material"]),
            "planes": tuple(Plane(**plane) for plane in content["crystal"]["planes"]),
        }
        pose = np.array(content["centre_nm"]), np.array(content["rotation"])
        return cls(Crystal(**crystal), *pose, content["overlap"])


def ground_truth_table(particles: tuple[PlacedParticle, ...]) -> pd.DataFrame:
    """Return one row per particle with the columns `SPECIMEN_FACTS`, indexed by particle number from 1."""
    rows = [_ground_truth(p) for p in particles]
    return pd.DataFrame(
        rows, columns=[fact.name for fact in SPECIMEN_FACTS], index=pd.RangeIndex(1, len(rows) + 1, name="particle")
    )


def _ground_truth(particle: PlacedParticle) -> dict[str, Any]:
    """Return the row of one particle."""
    crystal, (zone, zone_tilt_deg) = particle.crystal, particle.nearest_zone_axis
    count = Counter(p.kind for p in crystal.planes)
    twins, intrinsic = count["twin"], count["intrinsic"]
    planes = [f"{p.kind} at {p.height_nm:+.2f} nm" for p in sorted(crystal.planes, key=lambda p: p.height_nm)]
    if crystal.shape in MULTIPLY_TWINNED:
        twins = len(crystal.plane_normals)
        planes = [f"{twins} twins of a {crystal.shape}"]
    elif not crystal.material.is_cubic:
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
