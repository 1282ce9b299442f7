"""Which micrographs are worth labelling next: those of which the network is unsure, and those unlike its training.

Both are known criteria of active learning (uncertainty sampling, Lewis and Gale, SIGIR 1994; distance from what has
been learned, Sener and Savarese, ICLR 2018). A field that an earlier micrograph shows teaches nothing more, and a
picture with a fault teaches what is wrong: both come last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hrtem_lab.evaluation import expected_dice
from hrtem_lab.micrograph import BoolArray, FloatArray, IntArray

LEAST_AREA = 0.01
"""Part of the image that counts as particles at least, so that a bare field is not unsure for a speck."""


def uncertainty(probability: FloatArray, instances: IntArray, valid: BoolArray | None = None) -> float:
    """Dice that the network expects to be wrong: 0 for one that is sure, towards 1 for one that knows nothing.

    Args:
        probability: Probability of a particle at each pixel, (rows, columns), 0 outside of what is valid.
        instances: Particles that were found, (rows, columns), 0 = background.
        valid: Where the image shows the specimen, (rows, columns); None for everywhere.
    """
    mask = instances > 0
    pixels = mask.size if valid is None else max(int(np.count_nonzero(valid)), 1)
    return 1 - expected_dice(probability, mask, LEAST_AREA * pixels)


def rank_for_labelling(micrographs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rank micrographs by what their labels would teach.

    Args:
        micrographs: Row of each, with `micrograph`, `field`, `uncertainty` and, where its quality was judged,
            `image_distance`, `network_distance` and `fault_score`.

    Returns:
        The rows with `label_rank`: 1 for the one to label first, by the mean of its ranks by uncertainty and by
        distance from the training; None where neither is known, as of masks without their micrographs, and where a
        label was read (`particles_true`).
    """
    table = pd.DataFrame(micrographs)
    if table.empty:
        return []
    numbers = table.reindex(columns=["uncertainty", "image_distance", "network_distance", "fault_score"])
    numbers = numbers.astype(float)
    distance = numbers[["image_distance", "network_distance"]].max(axis=1)
    score = pd.concat([numbers["uncertainty"].rank(), distance.rank()], axis=1).mean(axis=1)
    has_label = pd.Series(["particles_true" in row for row in micrographs])
    is_ranked = ((numbers["uncertainty"] > 0) | distance.notna()) & ~has_label
    is_last = table["field"].duplicated() | (numbers["fault_score"] > 1)
    order = pd.DataFrame({"last": is_last, "score": -score, "name": table["micrograph"]})[is_ranked]
    ranks = {index: rank for rank, index in enumerate(order.sort_values(["last", "score", "name"]).index, start=1)}
    return [{**row, "label_rank": ranks.get(index)} for index, row in enumerate(micrographs)]


def first_to_label(micrographs: Sequence[Mapping[str, Any]], count: int = 5) -> list[str]:
    """Names of the micrographs to label first, after `rank_for_labelling`; none where there is no choice."""
    ranked = sorted((row["label_rank"], row["micrograph"]) for row in micrographs if row.get("label_rank"))
    return [name for _, name in ranked[:count]] if len(ranked) > 1 else []
