"""Particles that several micrographs show, so that each counts once: frames of a stack, fields that overlap or repeat.

A field is recognised by its particles, as a part of the sky by its stars: their sizes and their distances from each
other. That depends neither on focus nor on dose. Micrographs of other orientation or pixel size are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import KDTree

NEIGHBOURS = 50
"""Number of micrographs before it, in the order of names, that a micrograph is compared with."""
SAME_SIZE = 0.06
"""Relative difference up to which two diameters may be those of one particle."""
SAME_PLACE_NM, SAME_PLACE_PX = 0.15, 2.0
"""Distance up to which two particles lie in the same place, the larger of both."""
SAME_SCALE = 0.01
"""Relative difference of pixel sizes up to which two micrographs are compared."""
MIN_COMMON, MIN_COMMON_IN_FILE = 4, 1
"""Least number of common particles by which two micrographs show the same field, and of two frames of one file."""
MIN_SHARE = 0.6
"""Least share of the particles in what is common that both micrographs have to show."""
SAMPLES = 64
"""Number of points along each side of a field at which it is asked whether another one shows it, too."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Field:
    """A micrograph as it is compared.

    Attributes:
        name: Name of the micrograph.
        file: File that it is from.
        pixel_size_nm: Side length of a pixel.
        size_nm: Height and width.
        area_nm2: Area of what it shows.
        centres_nm: Centre of each particle, (n, 2).
        diameters_nm: Diameter of each particle, (n,).
        is_cut: Whether the edge cuts it, (n,).
    """

    name: str
    file: str
    pixel_size_nm: float
    size_nm: Floats
    area_nm2: float
    centres_nm: Floats
    diameters_nm: Floats
    is_cut: npt.NDArray[np.bool_]

    @classmethod
    def from_tables(cls, row: Mapping[str, Any], particles: pd.DataFrame) -> Field:
        """Take a micrograph's row and its particles."""
        return cls(
            name=row["micrograph"],
            file=row["file"],
            pixel_size_nm=row["pixel_size_nm"],
            size_nm=row["pixel_size_nm"] * np.array([row["rows"], row["columns"]], dtype=float),
            area_nm2=row["field_nm2"],
            centres_nm=particles[["row_nm", "column_nm"]].to_numpy(dtype=float),
            diameters_nm=particles["equivalent_diameter_nm"].to_numpy(dtype=float),
            is_cut=particles["touches_edge"].to_numpy(dtype=bool),
        )

    def contains(self, points_nm: Floats, margin_nm: Floats | float = 0.0) -> npt.NDArray[np.bool_]:
        """Whether points, (n, 2), lie in the field, and further from its edges than a margin, (n,)."""
        margin = np.broadcast_to(margin_nm, len(points_nm))[:, None]
        return ((points_nm >= margin) & (points_nm <= self.size_nm - margin)).all(axis=1)


def mark_repeats(
    micrographs: Sequence[Mapping[str, Any]], particles: pd.DataFrame
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Say which micrographs show the same field, and which particles were counted before.

    Args:
        micrographs: Row of each, with `micrograph`, `file`, `group`, `pixel_size_nm`, `rows`, `columns`, `field_nm2`.
        particles: Table of the particles of all.

    Returns:
        - The rows with `field`, the name of the first micrograph that shows a part of it, and `field_once_nm2`, the
          area that no micrograph before shows. Where the group is '', it is the field.
        - The particles with `group`, `field` and `repeat_of`: `<micrograph>/<number>` of the same particle in another
          micrograph, where it is counted; '' for a particle that counts. One that no edge cuts goes before one that is
          cut, and then an earlier micrograph before a later one.
    """
    tables = dict(list(particles.groupby("micrograph", sort=False)))
    nothing = particles[:0]
    fields = [Field.from_tables(row, tables.get(row["micrograph"], nothing)) for row in micrographs]
    roots, offsets = _join(fields)
    rows = []
    for number, (row, root) in enumerate(zip(micrographs, roots, strict=True)):
        seen = [(fields[k], offsets[number] - offsets[k]) for k in range(number) if roots[k] == root]
        area = fields[number].area_nm2 * (1 - _share_seen(fields[number], seen))
        name = fields[root].name
        rows.append({**row, "group": row["group"] or name, "field": name, "field_once_nm2": area})
    names = [row["micrograph"] for row in rows]
    by_name = {key: dict(zip(names, (row[key] for row in rows), strict=True)) for key in ("group", "field")}
    repeats = pd.Series("", index=particles.index, dtype=object)
    for root in set(roots):
        members = [k for k in range(len(fields)) if roots[k] == root]
        if len(members) > 1:
            parts = [tables[names[k]].assign(order=k) for k in members if names[k] in tables]
            repeats.update(_repeats(pd.concat(parts), offsets) if parts else repeats[:0])
    columns = {key: particles["micrograph"].map(values) for key, values in by_name.items()}
    return rows, particles.assign(**columns, repeat_of=repeats)


def _join(fields: Sequence[Field]) -> tuple[list[int], Floats]:
    """The first field that each one is connected with, and the place of each in it, (n, 2) in nm."""
    roots, offsets = list(range(len(fields))), np.zeros((len(fields), 2))
    for later in range(len(fields)):
        for earlier in range(max(0, later - NEIGHBOURS), later):
            if roots[earlier] == roots[later]:
                continue
            offset = find_offset_nm(fields[earlier], fields[later])
            if offset is None:
                continue
            keep, drop = sorted([roots[earlier], roots[later]])
            shift = offsets[earlier] + offset - offsets[later]
            moved = [k for k in range(later + 1) if roots[k] == drop]
            offsets[moved] += shift if roots[later] == drop else -shift
            for k in moved:
                roots[k] = keep
    return roots, offsets


def find_offset_nm(first: Field, second: Field) -> Floats | None:
    """Find where the second field lies in the first, by the shift that most of their whole particles agree upon.

    Returns:
        Rows and columns, in nm, from the corner of the first to that of the second; None where they show no common
        part of the specimen, or too few particles to tell.
    """
    one, other = ~first.is_cut, ~second.is_cut
    needed = MIN_COMMON_IN_FILE if first.file == second.file else MIN_COMMON
    is_scale_equal = abs(first.pixel_size_nm / second.pixel_size_nm - 1) < SAME_SCALE
    if min(np.count_nonzero(one), np.count_nonzero(other)) < needed or not is_scale_equal:
        return None
    sizes, other_sizes = np.log(first.diameters_nm[one]), np.log(second.diameters_nm[other])
    i, j = np.nonzero(np.abs(sizes[:, None] - other_sizes) < SAME_SIZE)
    if len(i) < needed:
        return None
    shifts = first.centres_nm[one][i] - second.centres_nm[other][j]
    tolerance = max(SAME_PLACE_NM, SAME_PLACE_PX * first.pixel_size_nm)
    tree = KDTree(shifts)
    votes = tree.query_ball_point(shifts, tolerance, return_length=True)
    agreeing = tree.query_ball_point(shifts[int(np.argmax(votes))], tolerance)
    offset = np.median(shifts[agreeing], axis=0)
    common = min(len(set(i[agreeing])), len(set(j[agreeing])))
    shown = np.count_nonzero(second.contains(first.centres_nm[one] - offset, 0.6 * first.diameters_nm[one]))
    other_shown = np.count_nonzero(first.contains(second.centres_nm[other] + offset, 0.6 * second.diameters_nm[other]))
    return offset if common >= max(needed, MIN_SHARE * max(shown, other_shown)) else None


def _share_seen(field: Field, others: Sequence[tuple[Field, Floats]]) -> float:
    """Share of a field that others show, given its place in each of them."""
    steps = (np.arange(SAMPLES) + 0.5) / SAMPLES
    points = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2) * field.size_nm
    seen = np.zeros(len(points), dtype=bool)
    for other, offset in others:
        seen |= other.contains(points + offset)
    return float(seen.mean())


def _repeats(particles: pd.DataFrame, offsets: Floats) -> pd.Series:
    """Name the particle that each repeats, by the index of the table; particles that count are left out.

    Args:
        particles: Particles of the micrographs of one field, with the number of the micrograph as `order`.
        offsets: Place of every micrograph in its field, (n, 2) in nm.
    """
    particles = particles.sort_values(["touches_edge", "order"], kind="stable")
    orders = particles["order"].to_numpy()
    centres = particles[["row_nm", "column_nm"]].to_numpy(dtype=float) + offsets[orders]
    radii = particles["equivalent_diameter_nm"].to_numpy(dtype=float) / 2
    names = (particles["micrograph"] + "/" + particles["particle"].astype(str)).to_numpy()
    near = KDTree(centres).query_ball_point(centres, radii)
    counted: set[int] = set()
    found = {}
    for k, others in enumerate(near):
        same = [m for m in others if m in counted and orders[m] != orders[k]]
        if same:
            found[particles.index[k]] = names[min(same, key=lambda m: float(np.hypot(*(centres[m] - centres[k]))))]
        else:
            counted.add(k)
    return pd.Series(found, dtype=object)
