"""Straight lines that planar defects draw in an image, where they stand edge-on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hrtem_lab.physics.placed_particle import PlacedParticle
from hrtem_lab.physics.visibility import EDGE_ON_DEG

PLANES_AWAY = {"twin": -0.5, "intrinsic": 0.0, "extrinsic": 0.5}
"""Distance of a defect's middle from the middle of its step, in distances of planes.

All steps from that of a twin on are reversed, so that it mirrors the plane of atoms below; an intrinsic fault is one
step, an extrinsic one two.
"""


@dataclass(frozen=True)
class PlaneTrace:
    """The line of a planar defect in projection.

    Attributes:
        kind: Kind of the plane, as `Plane.kind`; `twin` in a multiply twinned particle.
        normal_deg: Direction of its normal, from that of columns towards that of rows.
        distance_nm: Signed distance from the particle's centre along that normal, halfway through the particle. It is
            known to half the distance of two planes: the atoms lie anywhere about the centre.
        tilt_deg: Angle between the plane and the beam.
    """

    kind: str
    normal_deg: float
    distance_nm: float
    tilt_deg: float


def plane_traces(particle: PlacedParticle) -> list[PlaneTrace]:
    """Return the line of every planar defect that stands edge-on to within `EDGE_ON_DEG`."""
    crystal, normals = particle.crystal, particle.plane_normals
    step_nm = crystal.material.d_spacing_nm
    if crystal.planes:
        steps = [(p.kind, np.floor(p.height_nm / step_nm) + 0.5 + PLANES_AWAY[p.kind]) for p in crystal.planes]
        planes = [(kind, normals[0], step_nm * step) for kind, step in steps]
    else:  # those of a multiply twinned particle go through its middle
        planes = [("twin", normal, 0.0) for normal in normals]
    traces = []
    for kind, normal, height_nm in planes:
        in_plane = float(np.hypot(*normal[:2]))
        tilt_deg = float(np.degrees(np.arccos(min(in_plane, 1.0))))
        if tilt_deg <= EDGE_ON_DEG:
            angle = float(np.degrees(np.arctan2(normal[0], normal[1])))
            traces.append(PlaneTrace(kind, angle, float(height_nm) / in_plane, tilt_deg))
    return traces
