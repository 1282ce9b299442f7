"""The table that a forest learns from: one row per predicted particle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from hrtem_lab.defects.labelling import match_to_truth
from hrtem_lab.micrograph import FloatArray, IntArray, LabelledMicrograph
from hrtem_lab.particle_facts import FACTS, TRUTH_PREFIX

ProbabilityMaps = FloatArray | None
"""A network's probabilities, (outputs, rows, columns); None where no network is involved."""
Features = Callable[[FloatArray, IntArray, float, ProbabilityMaps], pd.DataFrame]
"""(image, instances, pixel_size_nm, probability maps) -> a row per particle, all columns numbers."""

METADATA = ("dose_e_per_nm2", "defocus_nm")
TRUTH = tuple(name for name, fact in FACTS.items() if fact.in_forest_table)
NON_FEATURE_COLUMNS = ("label", "group", "pixel_size_nm", *METADATA, *(TRUTH_PREFIX + name for name in TRUTH))
"""Columns that no forest learns from; `true_...` is the ground truth of the matched particle."""


def tabulate_particles(
    micrographs: Iterable[LabelledMicrograph],
    predicted: Iterable[tuple[IntArray, ProbabilityMaps]],
    features: Features,
) -> pd.DataFrame:
    """Tabulate features and class of every predicted particle.

    Args:
        micrographs: Micrographs with ground truth.
        predicted: Particle numbers and probability maps of each, from a network that was not trained on its specimen.
        features: Computes the features.

    Returns:
        Indexed by (micrograph, particle): the features and the `NON_FEATURE_COLUMNS`, `nan` or None where unknown.
    """
    return concat_tables(
        [
            tabulate_micrograph(m, *segmentation, features)
            for m, segmentation in zip(micrographs, predicted, strict=True)
        ]
    )


def tabulate_micrograph(
    micrograph: LabelledMicrograph, instances: IntArray, probabilities: ProbabilityMaps, features: Features
) -> pd.DataFrame:
    """Tabulate the particles of one micrograph, as `tabulate_particles` does; no row if there are none."""
    if not instances.any():
        return concat_tables([])
    table = features(micrograph.image, instances, micrograph.pixel_size_nm, probabilities)
    matches = match_to_truth(instances, micrograph).reindex(table.index)
    truth = micrograph.ground_truth.reindex(index=matches["truth"], columns=list(TRUTH)).set_axis(table.index)
    columns = {
        "label": matches["label"],
        "group": micrograph.group,
        "pixel_size_nm": micrograph.pixel_size_nm,
        **{name: micrograph.metadata.get(name, np.nan) for name in METADATA},
        **{TRUTH_PREFIX + name: truth[name] for name in TRUTH},
    }
    return pd.concat({micrograph.name: table.assign(**columns)}, names=["micrograph", "particle"])


def concat_tables(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate tables of particles; without any particle, the result has the `NON_FEATURE_COLUMNS` alone."""
    tables = [table for table in tables if len(table)]
    if tables:
        return pd.concat(tables)
    index = pd.MultiIndex.from_arrays([[], []], names=["micrograph", "particle"])
    return pd.DataFrame(columns=list(NON_FEATURE_COLUMNS), index=index)


def feature_names(table: pd.DataFrame) -> tuple[str, ...]:
    """Names of the columns that a forest may learn from."""
    return tuple(column for column in table.columns if column not in NON_FEATURE_COLUMNS)
