"""Numbers that sum up a micrograph, and all micrographs of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hrtem_lab.analysis.analyser import Analysis
from hrtem_lab.analysis.label_ranking import uncertainty
from hrtem_lab.evaluation import pixel_counts, ratios
from hrtem_lab.files import Label, find_label, read_label
from hrtem_lab.micrograph import InputError

LabelReader = Callable[[Path, tuple[int, int], Mapping[str, Any]], Label]
"""Reads a label, given its path, and the shape and the metadata of its micrograph."""


def describe_micrograph(analysis: Analysis, path: Path, read_label: LabelReader = read_label) -> dict[str, Any]:
    """One row of `summary.json`: pixel size, field, particles, sizes and classes, and scores where a label is there.

    Args:
        analysis: Analysis of the micrograph.
        path: The file, beside which a label is looked for.
        read_label: Reads the label.
    """
    micrograph, particles = analysis.micrograph, analysis.table
    particle_area_nm2 = float(np.count_nonzero(analysis.instances)) * micrograph.pixel_size_nm**2
    row = {
        "micrograph": micrograph.name,
        "file": str(path),
        "pixel_size_nm": micrograph.pixel_size_nm,
        "pixel_size_from": micrograph.pixel_size_from,
        "pixel_sizes_unused_nm": dict(micrograph.pixel_sizes_unused),
        "notes": list(micrograph.notes),
        "rows": micrograph.image.shape[0],
        "columns": micrograph.image.shape[1],
        "field_rows": micrograph.field_box[0],
        "field_columns": micrograph.field_box[1],
        "field_nm2": micrograph.field_nm2,
        "outline": analysis.outline,
        **analysis.quality.columns(),
        **(analysis.scale.columns() if analysis.scale else {}),
        "particles": len(particles),
        "equivalent_diameter_nm": describe_values(analysis.diameters_nm),
        "particle_fraction": particle_area_nm2 / micrograph.field_nm2,
        "classes": particles["class"].value_counts().to_dict() if "class" in particles else None,
        "uncertainty": uncertainty(analysis.probability, analysis.instances, micrograph.valid),
    }
    return row | score_by_label(analysis, path, read_label)


def score_by_label(analysis: Analysis, path: Path, read_label: LabelReader = read_label) -> dict[str, Any]:
    """Scores where a label lies beside the file, or `label_unused`: why it cannot be used; empty without a label."""
    label = find_label(path)
    if label is None:
        return {}
    micrograph = analysis.micrograph
    rows, columns = micrograph.image.shape
    try:
        truth = read_label(label, (rows, columns), micrograph.metadata)
    except InputError as error:
        return {"label_unused": str(error)}
    scores = ratios(**pixel_counts(analysis.instances > 0, truth.mask))
    return {**scores, "particles_true": truth.particles, "notes": [*micrograph.notes, *truth.notes]}


def describe_values(values: pd.Series) -> dict[str, float]:
    """Number, mean, standard deviation and quantiles; undefined ones of no values are `nan`."""
    quantiles = dict(zip(("q05", "median", "q95"), values.quantile([0.05, 0.5, 0.95]), strict=True))
    return {"n": len(values), "mean": values.mean(), "std": values.std(ddof=0), **quantiles}


def flatten_rows(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A table of rows whose values may be mappings and lists: a column for each key below, and lists as texts.

    The distribution of a quantity is in the columns `<quantity>_n`, `<quantity>_mean`, ..., the number of particles of
    a class in `classes_<class>`.
    """
    return pd.DataFrame([dict(_flatten(row)) for row in rows], columns=None if rows else ["micrograph"])


def _flatten(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The keys and plain values of a row and of the mappings in it."""
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}_")
        else:
            yield f"{prefix}{key}", "; ".join(map(str, value)) if isinstance(value, list | tuple) else value
