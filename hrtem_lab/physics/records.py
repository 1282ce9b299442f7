"""Particles of a specimen as a small Parquet file, a row per particle."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hrtem_lab.particle_facts import SPECIMEN_FACTS
from hrtem_lab.physics.placed_particle import PlacedParticle, ground_truth_table

ARROW_TYPES = {str: pa.string(), int: pa.int32(), float: pa.float64(), list[str]: pa.list_(pa.string())}
TYPES = {
    "specimen": pa.int32(),
    "name": pa.string(),
    "particle": pa.int32(),
    **{fact.name: ARROW_TYPES[fact.type] for fact in SPECIMEN_FACTS},
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
