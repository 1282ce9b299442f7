"""Where the planar fault of a particle is in its image, and which reflections are on which side of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import find_objects

from hrtem_lab.micrograph import BoolArray, IntArray
from hrtem_lab.particles.crops import Box
from hrtem_lab.particles.fault_line import CrystalLines
from hrtem_lab.particles.features import lattice_window
from hrtem_lab.particles.fringe_maps import fringe_maps
from hrtem_lab.particles.peaks import find_significant_peaks
from hrtem_lab.particles.spectrum import Spectrum, compute_spectrum

Kind = Literal["twin", "stacking fault"]
Side = Literal["left", "right", "both"]
MIN_GAIN = 5.0
"""Improvement in sigma below which no line is given; Rose's criterion."""
SHIFT_PART = 0.3
"""Part of the improvement over one crystal that a displacement explains, above which the fault is a stacking fault."""
STRONGER = 2.0
"""Ratio of the amplitudes on two sides from which on a reflection belongs to one of them alone."""


@dataclass(frozen=True)
class Spot:
    """A reflection of a particle.

    Attributes:
        row_per_nm: Frequency along rows; the opposite one belongs to it.
        column_per_nm: Frequency along columns.
        side: Side of the line on which it is twice as strong as on the other, if there is one. The left side is that
            away from which the line's normal points.
    """

    row_per_nm: float
    column_per_nm: float
    side: Side


@dataclass(frozen=True)
class FaultLine:
    """The line of a planar fault, seen edge-on, in the image of a particle.

    Attributes:
        kind: A twin, or a stacking fault: one crystal of which a part is displaced along the line.
        row_px: Middle of its part within the outline; the centre of the first pixel is 0.
        column_px: The same along columns.
        normal_deg: Direction of its normal, from that of columns towards that of rows.
        distance_nm: Distance from the particle's centroid.
        length_nm: Length of its part within the outline.
        confidence: Part of the likelihood of all lines that is within 0.3 nm and 5 degrees of this one.
        spots: The particle's reflections.
    """

    kind: Kind
    row_px: float
    column_px: float
    normal_deg: float
    distance_nm: float
    length_nm: float
    confidence: float
    spots: tuple[Spot, ...]

    @property
    def angle_deg(self) -> float:
        """Direction of the line, counterclockwise from the direction of columns as seen on a screen, in [0, 180)."""
        return (90 - self.normal_deg) % 180

    def ends_px(self, pixel_size_nm: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Row and column of both ends of its part within the outline."""
        half, angle = self.length_nm / pixel_size_nm / 2, np.deg2rad(self.angle_deg)
        row, column = -half * np.sin(angle), half * np.cos(angle)
        return (self.row_px - row, self.column_px - column), (self.row_px + row, self.column_px + column)


def find_fault_lines(
    image: npt.NDArray[Any], instances: IntArray, particles: Iterable[int], pixel_size_nm: float
) -> dict[int, FaultLine]:
    """Find the clearest line of a fault in particles that are known to have one.

    Args:
        image: (rows, columns), in any unit.
        instances: Particle numbers, the same shape, 0 = background.
        particles: Numbers of the particles.
        pixel_size_nm: Side length of a pixel.

    Returns:
        The line by the particle's number; a particle is missing whose image does not say where its fault is: no line
        improves the description of its reflections by `MIN_GAIN`.
    """
    places = find_objects(instances)
    lines = {n: _find(image[places[n - 1]], instances[places[n - 1]] == n, places[n - 1], pixel_size_nm)
             for n in particles}  # fmt: skip
    return {number: line for number, line in lines.items() if line is not None}


def tabulate_fault_lines(lines: Mapping[int, FaultLine], pixel_size_nm: float) -> pd.DataFrame:
    """Tabulate lines: one row per particle, indexed by `particle`.

    The columns are `kind`, `row_nm`, `column_nm`, `row_px`, `column_px` (middle of the line), `angle_deg`,
    `distance_nm`, `length_nm` and `confidence`; see `FaultLine`.
    """
    rows = [
        (line.kind, line.row_px * pixel_size_nm, line.column_px * pixel_size_nm, line.row_px, line.column_px,
         line.angle_deg, line.distance_nm, line.length_nm, line.confidence)
        for line in lines.values()
    ]  # fmt: skip
    index = pd.Index(list(lines), name="particle", dtype="int64")
    types = {name: object if name == "kind" else float for name in COLUMNS}
    return pd.DataFrame(rows, columns=list(COLUMNS), index=index).astype(types)


COLUMNS = (
    "kind", "row_nm", "column_nm", "row_px", "column_px", "angle_deg", "distance_nm", "length_nm", "confidence",
)  # fmt: skip
"""Columns of `tabulate_fault_lines`."""


def _find(image: npt.NDArray[Any], mask: BoolArray, place: Box, pixel_size_nm: float) -> FaultLine | None:
    """Find the line of one particle from its bounding box, whose place in the micrograph is given."""
    window = lattice_window(mask, pixel_size_nm)
    spectrum = compute_spectrum(image[window], mask[window], pixel_size_nm)
    crystal = _compare(spectrum)
    if crystal is None or np.sqrt(crystal.gain[crystal.best]) < MIN_GAIN:
        return None
    best = crystal.best
    normal_deg, angle = float(crystal.lines.normal_deg[best]), np.deg2rad(crystal.lines.normal_deg[best])
    normal = np.array([np.sin(angle), np.cos(angle)])
    starts = [side.start or 0 for side in window]
    middle_px = np.array([(n - 1) / 2 + start for n, start in zip(mask[window].shape, starts, strict=True)])
    on_line_px = middle_px + normal * crystal.offset_nm[best] / pixel_size_nm
    chord = _chord_px(mask, on_line_px, normal)
    if chord is None:
        return None
    middle_of_chord, length_px = chord
    centroid = np.argwhere(mask).mean(axis=0)
    row, column = middle_of_chord + [side.start for side in place]
    is_shift = crystal.shift_gain[best] > SHIFT_PART * crystal.gain[best]
    return FaultLine(
        kind="stacking fault" if is_shift else "twin",
        row_px=float(row),
        column_px=float(column),
        normal_deg=normal_deg,
        distance_nm=float(abs((on_line_px - centroid) @ normal) * pixel_size_nm),
        length_nm=float(length_px * pixel_size_nm),
        confidence=crystal.certainty,
        spots=_spots(crystal, best),
    )


def _compare(spectrum: Spectrum) -> CrystalLines | None:
    """Compare one crystal with two on all lines; None where no lattice shows or the particle is too small."""
    peaks = find_significant_peaks(spectrum)
    maps = fringe_maps(spectrum, peaks) if peaks else []
    crystal = CrystalLines.from_maps(spectrum, peaks, maps) if maps else None
    return crystal if crystal is not None and crystal.is_inner.any() else None


def _chord_px(
    mask: BoolArray, point: npt.NDArray[np.float64], normal: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], float] | None:
    """Middle and length of the part of a line between the first and the last pixel of a mask; None outside it."""
    along = np.array([normal[1], -normal[0]])
    steps = np.arange(-sum(mask.shape), sum(mask.shape), 0.25)
    pixels = np.rint(point + steps[:, None] * along).astype(int)
    is_in_box = ((pixels >= 0) & (pixels < mask.shape)).all(axis=1)
    inside = steps[is_in_box][mask[tuple(pixels[is_in_box].T)]]
    if not len(inside):
        return None
    return point + along * (inside[0] + inside[-1]) / 2, float(inside[-1] - inside[0])


def _spots(crystal: CrystalLines, line: int) -> tuple[Spot, ...]:
    """The reflections, and on which side of a line each is stronger."""
    part = crystal.lines.left_part[line]
    left = np.abs(crystal.models.left[:, line]) / np.sqrt(part)
    right = np.abs(crystal.models.right[:, line]) / np.sqrt(1 - part)
    sides = np.where(left > STRONGER * right, "left", np.where(right > STRONGER * left, "right", "both"))
    return tuple(
        Spot(peak.row_per_nm, peak.column_per_nm, side)
        for peak, side in zip(crystal.peaks, sides.tolist(), strict=True)
    )
