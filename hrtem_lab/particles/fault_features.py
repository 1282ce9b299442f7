"""Features that compare one crystal with a crystal that holds a planar fault."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hrtem_lab.particles.fault_line import CrystalLines
from hrtem_lab.particles.fringe_maps import BLUR_NM, FringeMap
from hrtem_lab.particles.peaks import Peak
from hrtem_lab.particles.spectrum import Spectrum

EDGE_NM = 1.0
"""Distance from the edge up to which a fault is near it."""


def fault_features(spectrum: Spectrum, peaks: Sequence[Peak], maps: Sequence[FringeMap]) -> dict[str, float]:
    """Compute the features `FAULT_FEATURES`.

    Args:
        spectrum: The particle's spectrum.
        peaks: (k) significant reflections.
        maps: Maps of their fringes, (k), all with the same points.
    """
    crystal = CrystalLines.from_maps(spectrum, peaks, maps)
    values = _line(crystal, maps[0]) | _edge(crystal)
    return {name: float(value) for name, value in values.items()}


def _line(crystal: CrystalLines, fringes: FringeMap) -> dict[str, float]:
    """Compare the models on the best line.

    On two sides, each reflection of a twin has two complex amplitudes, that of one crystal has one, and all have one
    ratio of thickness. A parameter costs half the logarithm of the number of independent values (Schwarz 1978, Ann.
    Statist. 6, 461).
    """
    if not crystal.is_inner.any():
        return {}
    best, count = crystal.best, len(crystal.peaks)
    gain, power = crystal.gain[best], crystal.models.twin[best]
    area_nm2 = len(fringes.wave) * fringes.points.pixel_nm**2
    values = 2 * count * max(area_nm2 / (4 * np.pi * BLUR_NM**2), 1.0)
    return {
        "line_gain": np.sqrt(gain),
        "line_share": gain / power,
        "line_evidence": gain - (2 * count - 1) / 2 * np.log(values),
        "line_shift_gain": np.sqrt(crystal.shift_gain[best]),
        "line_shift_share": crystal.shift_gain[best] / power,
        "line_certainty": crystal.certainty,
    }


def _edge(crystal: CrystalLines) -> dict[str, float]:
    """Describe the best line within `EDGE_NM` of the edge, whose smaller side is a cap of the particle."""
    near = np.flatnonzero(crystal.depth_nm < EDGE_NM)
    if not len(near):
        return {}
    best = near[crystal.gain[near].argmax()]
    cap = min((np.abs(side[:, best]) ** 2).sum() for side in (crystal.models.left, crystal.models.right))
    return {"edge_gain": np.sqrt(crystal.gain[best]), "edge_share": crystal.gain[best] / cap}
