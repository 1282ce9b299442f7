"""The table that the forest learns from: one row per predicted particle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from hrtem_lab.defects.labelling import matched
from hrtem_lab.micrograph import FloatArray, IntArray, LabelledMicrograph

Maps = FloatArray | None
Features = Callable[[FloatArray, IntArray, float, Maps], pd.DataFrame]
"""(image, instances, pixel_size_nm, what a network told of every pixel) -> a row per particle, all columns numbers."""

CONDITIONS = ("dose_e_per_nm2", "defocus_nm")
FACTS = ("material", "diameter_nm", "twins", "intrinsic", "extrinsic", "plane_tilt_deg", "fault_snr")
KNOWN = ("label", "group", "pixel_size_nm", *CONDITIONS, *(f"true_{fact}" for fact in FACTS))
"""What is known beside the features, of which no forest learns; a fact about the true particle is called `true_...`."""


def particle_table(
    micrographs: Iterable[LabelledMicrograph], predicted: Iterable[tuple[IntArray, Maps]], features: Features
) -> pd.DataFrame:
    """Features and class of every predicted particle.

    Args:
        micrographs: With ground truth.
        predicted: Particle numbers found in each, by a network that never saw its specimen, and that network's maps.
        features: What the forest is to read.

    Returns:
        Indexed by (micrograph, particle); the features, and what is `KNOWN` beside them, `nan` or None where it is not.
    """
    return stacked([particle_rows(m, *found, features) for m, found in zip(micrographs, predicted, strict=True)])


def particle_rows(micrograph: LabelledMicrograph, instances: IntArray, maps: Maps, features: Features) -> pd.DataFrame:
    """The rows of one micrograph in the table; none where nothing was found in it."""
    if not instances.any():
        return stacked([])
    table = features(micrograph.image, instances, micrograph.pixel_size_nm, maps)
    found = matched(instances, micrograph).reindex(table.index)
    truth = micrograph.ground_truth.reindex(index=found["truth"], columns=list(FACTS)).set_axis(table.index)
    known = {
        "label": found["label"],
        "group": micrograph.group,
        "pixel_size_nm": micrograph.pixel_size_nm,
        **{name: micrograph.metadata.get(name, np.nan) for name in CONDITIONS},
        **{f"true_{name}": truth[name] for name in FACTS},
    }
    return pd.concat({micrograph.name: table.assign(**known)}, names=["micrograph", "particle"])


def stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of particles, one below the other."""
    tables = [table for table in tables if len(table)]
    if tables:
        return pd.concat(tables)
    nothing = pd.MultiIndex.from_arrays([[], []], names=["micrograph", "particle"])
    return pd.DataFrame(columns=list(KNOWN), index=nothing)


def feature_names(table: pd.DataFrame) -> tuple[str, ...]:
    """The columns that a forest may learn from."""
    return tuple(column for column in table.columns if column not in KNOWN)
