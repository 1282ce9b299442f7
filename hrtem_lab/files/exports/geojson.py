"""GeoJSON as QuPath opens it: a detection per particle, with its class and its measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import pandas as pd

from hrtem_lab.files.exports.curves import Borders, Points, to_polygons, to_xy
from hrtem_lab.files.write import write_json


def write_geojson(
    path: Path, name: str, borders: Borders, table: pd.DataFrame, colours: Mapping[str, Sequence[int]]
) -> None:
    """Write the borders as a feature collection, in pixels from the corner of the first one.

    Args:
        path: The file.
        name: Name of the micrograph.
        borders: Border of each particle.
        table: Measurements, a row for each particle, indexed by its number; `class` where there is a forest.
        colours: Red, green and blue, 0 to 255, of each class.

    Raises:
        InputError: The file cannot be written.
    """
    rows = table.to_dict("index")
    features = [
        {
            "type": "Feature",
            "id": str(uuid5(NAMESPACE_OID, f"{name}/{number}")),
            "geometry": _geometry(curves),
            "properties": {"objectType": "detection", "name": str(number), **_properties(rows[number], colours)},
        }
        for number, curves in borders.items()
    ]
    write_json(path, {"type": "FeatureCollection", "features": features})


def _geometry(curves: Sequence[Points]) -> dict[str, Any]:
    """A polygon, or several where a particle has several parts."""
    polygons = [[to_xy(curve).tolist() for curve in polygon] for polygon in to_polygons(curves)]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _properties(row: Mapping[Any, Any], colours: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Class and measurements of a particle; QuPath's measurements are finite numbers."""
    values = {key: float(value) for key, value in row.items() if isinstance(value, Real | np.bool_)}
    measurements = {"measurements": {key: value for key, value in values.items() if math.isfinite(value)}}
    if "class" not in row:
        return measurements
    return {"classification": {"name": row["class"], "color": list(colours[row["class"]])}, **measurements}
