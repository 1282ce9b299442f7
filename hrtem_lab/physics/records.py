"""What a library keeps of each specimen beside its arrays: a small Parquet file with a row per particle."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hrtem_lab.physics.placed import Placed, particle_facts

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
"""Of the columns in the Parquet files: what holds no particle has them, too."""


def to_parquet(particles: tuple[Placed, ...], index: int, name: str) -> bytes:
    """The file of specimen number `index`: its facts, and in `placed` as JSON what builds each particle again."""
    facts = particle_facts(particles).reset_index().assign(placed=[json.dumps(p.plain()) for p in particles])
    facts.insert(0, "specimen", index)
    facts.insert(1, "name", name)
    schema = pa.schema([(column, TYPES[column]) for column in facts.columns])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(facts, schema, preserve_index=False), sink)
    return bytes(sink.getvalue())


def from_parquet(path: Path) -> tuple[Placed, ...]:
    """The particles of a file, in the order of their numbers."""
    with pq.ParquetFile(path) as file:
        rows = file.read(["placed"], use_threads=False)["placed"].to_pylist()
    return tuple(Placed.of(json.loads(row)) for row in rows)
