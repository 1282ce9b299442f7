"""The table that the forest learns from: one row per predicted particle."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pandas as pd

from hrtem_lab.defects.labelling import labels
from hrtem_lab.micrograph import FloatArray, IntArray, LabelledMicrograph

Features = Callable[[FloatArray, IntArray, float], pd.DataFrame]


def particle_table(
    micrographs: Iterable[LabelledMicrograph], predicted: Iterable[IntArray], features: Features
) -> pd.DataFrame:
    """Features and class of every predicted particle.

    Args:
        micrographs: With facts.
        predicted: Particle numbers found in each, by a network that never saw its specimen.
        features: (image, instances, pixel_size_nm) -> one row per particle, all columns numbers.

    Returns:
        Indexed by (micrograph, particle); the features, `group` and `label`.
    """
    tables = []
    for micrograph, instances in zip(micrographs, predicted, strict=True):
        if not instances.any():
            continue
        table = features(micrograph.image, instances, micrograph.pixel_size_nm)
        table["label"] = labels(instances, micrograph).reindex(table.index)
        table["group"] = micrograph.group
        tables.append(pd.concat({micrograph.name: table}, names=["micrograph", "particle"]))
    if not tables:
        nothing = pd.MultiIndex.from_arrays([[], []], names=["micrograph", "particle"])
        return pd.DataFrame(columns=["label", "group"], index=nothing)
    return pd.concat(tables)
