"""Agreement of several annotators on one micrograph: the ceiling that a score is read against."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from hrtem_lab.evaluation.counts import pixel_counts, ratios
from hrtem_lab.evaluation.outlines import outline_distances
from hrtem_lab.micrograph import IntArray


def annotator_agreement(annotators: Mapping[str, IntArray], pixel_size_nm: float) -> pd.DataFrame:
    """Compare the labels of every two annotators of a micrograph.

    Args:
        annotators: Particle numbers per pixel by annotator, (rows, columns).
        pixel_size_nm: Side length of a pixel in nm.

    Returns:
        One row per pair: `first`, `second`, `dice`, the distances of `outline_distances`, and `size_difference_nm`, the
        mean diameter (of circles of the same area) by the second less that by the first, `nan` where one found none.
    """
    rows = []
    for (first, one), (second, other) in combinations(annotators.items(), 2):
        sizes = _mean_diameter_nm(other, pixel_size_nm) - _mean_diameter_nm(one, pixel_size_nm)
        scores = {"dice": ratios(**pixel_counts(other, one))["dice"], **outline_distances(other, one, pixel_size_nm)}
        rows.append({"first": first, "second": second, **scores, "size_difference_nm": sizes})
    return pd.DataFrame(rows)


def _mean_diameter_nm(instances: IntArray, pixel_size_nm: float) -> float:
    """Mean diameter of the particles as circles of the same area; `nan` without any."""
    areas = np.bincount(instances.ravel())[1:]
    areas = areas[areas > 0]
    return float(np.sqrt(4 * areas / np.pi).mean() * pixel_size_nm) if len(areas) else np.nan
