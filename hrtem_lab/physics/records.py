"""Particles of a specimen as a small Parquet file, a row per particle."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hrtem_lab.physics.placed_particle import PlacedParticle, ground_truth_table

TYPES = {
    "specimen": pa.int32(),
    "name": pa.string(),
    "particle": pa.int32(),
    "material": pa.string(),
    "structure": pa.string(),
    "shape": pa.string(),
    "diameter_nm": pa.float64(),
    "twins": pa.int32(),
    "intrinsic": pa.int32(),
    "extrinsic": pa.int32(),
    "planes": pa.list_(pa.string()),
    "plane_tilt_deg": pa.float64(),
    "zone": pa.string(),
    "zone_tilt_deg": pa.float64(),
    "vacancies": pa.float64(),
    "overlap": pa.float64(),
    "placed": pa.string(),
}
"""Types of the columns, also of a file without particles."""


def to_parquet(particles: tuple[PlacedParticle, ...], index: int, name: str) -> bytes:
    """Return the content of a file: the ground truth and, in `placed`, JSON that each particle can be restored from.

    Args:
        particles: Particles in the order of their numbers.
        index: Number of the specimen.
        name: Name of the specimen.
    """
    table = ground_truth_table(particles).reset_index().assign(placed=[json.dumps(p.to_dict()) for p in particles])
    table.insert(0, "specimen", index)
    table.insert(1, "name", name)
    schema = pa.schema([(column, TYPES[column]) for column in table.columns])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(table, schema, preserve_index=False), sink)
    return bytes(sink.getvalue())


def from_parquet(path: Path) -> tuple[PlacedParticle, ...]:
    """Read the particles of a file, in the order of their numbers."""
    with pq.ParquetFile(path) as file:
        rows = file.read(["placed"], use_threads=False)["placed"].to_pylist()
    return tuple(PlacedParticle.from_dict(json.loads(row)) for row in rows)
