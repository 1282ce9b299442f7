"""Every true and every predicted particle with its partner: what was found, missed and invented, and how large."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.segmentation import clear_border

from hrtem_lab.evaluation.counts import divide
from hrtem_lab.evaluation.objects import count_pixels, match, overlaps
from hrtem_lab.micrograph import IntArray, LabelledMicrograph

IOU_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Least intersections over union at which a particle counts as found."""
COLUMNS = ("truth", "predicted", "iou", "diameter_nm", "predicted_diameter_nm", "whole")


def match_particles(
    predicted: IntArray, micrograph: LabelledMicrograph, min_diameter_nm: float = 0.0, iou: float = IOU_THRESHOLDS[0]
) -> pd.DataFrame:
    """List the particles of a micrograph, true and predicted ones that match in one row.

    Args:
        predicted: Predicted instances, 0 = background.
        micrograph: The micrograph with its truth.
        min_diameter_nm: Smallest diameter of particles that the prediction had to report. A smaller true particle has
            no row, and neither has its match.
        iou: Least intersection over union of a match.

    Returns:
        `truth` and `predicted`, their numbers, 0 where there is no partner; `iou` of a match, else 0; `diameter_nm` and
        `predicted_diameter_nm` of a disc of their area, `nan` where there is none; `whole`, whether neither touches the
        edge of the image.
    """
    truth = micrograph.instances
    areas, predicted_areas = count_pixels(truth), count_pixels(predicted)
    table = match(predicted, truth, iou)
    missed = np.setdiff1d(np.flatnonzero(areas[1:]) + 1, table["truth"])
    invented = np.setdiff1d(np.flatnonzero(predicted_areas[1:]) + 1, table["predicted"])
    table = pd.concat(
        [
            table,
            pd.DataFrame({"predicted": 0, "truth": missed, "iou": 0.0}),
            pd.DataFrame({"predicted": invented, "truth": 0, "iou": 0.0}),
        ],
        ignore_index=True,
    )
    table["diameter_nm"] = _diameters_nm(areas, table["truth"], micrograph.pixel_size_nm)
    table["predicted_diameter_nm"] = _diameters_nm(predicted_areas, table["predicted"], micrograph.pixel_size_nm)
    uncut, predicted_uncut = (np.append(0, np.unique(clear_border(instances))) for instances in (truth, predicted))
    table["whole"] = table["truth"].isin(uncut) & table["predicted"].isin(predicted_uncut)
    return table.loc[~(table["diameter_nm"] < min_diameter_nm), list(COLUMNS)].reset_index(drop=True)


def match_counts(particles: pd.DataFrame) -> dict[str, float]:
    """Count found, invented and missed particles, and sum up how well the found ones fit.

    Args:
        particles: Table of `match_particles`.

    Returns:
        `object_tp`, `object_fp`, `object_fn` at the IoU of the matches; `object_tp_60` and so on, the number found at
        the other `IOU_THRESHOLDS`; `iou_sum` over the found ones; over those that are whole, `size_pairs`, their
        number, and `size_sum_nm` and `size_square_sum_nm2`, sums of the differences of the diameters (predicted less
        true) and of their squares.
    """
    found = particles[particles["iou"] > 0]
    whole = found[found["whole"]]
    difference = whole["predicted_diameter_nm"] - whole["diameter_nm"]
    return {
        "object_tp": len(found),
        "object_fp": int((particles["truth"] == 0).sum()),
        "object_fn": int((particles["predicted"] == 0).sum()),
        **{f"object_tp_{100 * iou:.0f}": int((found["iou"] >= iou).sum()) for iou in IOU_THRESHOLDS[1:]},
        "iou_sum": float(found["iou"].sum()),
        "size_pairs": len(whole),
        "size_sum_nm": float(difference.sum()),
        "size_square_sum_nm2": float((difference**2).sum()),
    }


def split_and_merged(predicted: IntArray, truth: IntArray) -> dict[str, int]:
    """Count true particles that were cut into several, and predicted ones that join several.

    A particle belongs to the one of the other kind that holds more than half of its area.

    Returns:
        `splits`, true particles to which two or more predicted ones belong; `merges`, predicted particles to which two
        or more true ones belong.
    """
    pairs = overlaps(predicted, truth)
    in_truth = pairs[2 * pairs["pixels"] > count_pixels(predicted)[pairs["predicted"]]]
    in_predicted = pairs[2 * pairs["pixels"] > count_pixels(truth)[pairs["truth"]]]
    return {
        "splits": int((in_truth["truth"].value_counts() > 1).sum()),
        "merges": int((in_predicted["predicted"].value_counts() > 1).sum()),
    }


def size_errors(pairs: npt.ArrayLike, total: npt.ArrayLike, squares: npt.ArrayLike) -> tuple[npt.ArrayLike, ...]:
    """Bias and spread (standard deviation, n - 1) of diameters in nm from the sums of `match_counts`."""
    pairs = np.asarray(pairs, dtype=np.float64)
    bias = divide(total, pairs)
    scatter = np.maximum(np.asarray(squares) - pairs * np.nan_to_num(bias) ** 2, 0)
    return bias, np.sqrt(divide(scatter, np.maximum(pairs - 1, 0)))


def scores_by_size(particles: pd.DataFrame, edges: Sequence[float]) -> pd.DataFrame:
    """Score the particles of each range of diameters separately.

    Args:
        particles: Tables of `match_particles` of any number of micrographs.
        edges: Increasing edges of the ranges in nm; a value on an edge belongs to the range that begins there.

    Returns:
        A row per range that holds a particle: `range_nm`; by the true diameter `particles`, `found`, `recall`,
        `mean_iou` of the found ones, `size_bias_nm`, `size_spread_nm`; by the predicted diameter `invented`, and the
        `precision` of all that have it.
    """
    rows = []
    for low, high in pairwise(edges):
        true = particles[particles["diameter_nm"].between(low, high, inclusive="left")]
        reported = particles[particles["predicted_diameter_nm"].between(low, high, inclusive="left")]
        if true.empty and reported.empty:
            continue
        counts, invented = match_counts(true), int((reported["truth"] == 0).sum())
        bias, spread = size_errors(*(counts[f"size_{name}"] for name in ("pairs", "sum_nm", "square_sum_nm2")))
        rows.append(
            {
                "range_nm": f"{low:g} to {high:g}",
                "particles": len(true),
                "found": counts["object_tp"],
                "recall": divide(counts["object_tp"], len(true)),
                "mean_iou": divide(counts["iou_sum"], counts["object_tp"]),
                "size_bias_nm": bias,
                "size_spread_nm": spread,
                "invented": invented,
                "precision": divide(len(reported) - invented, len(reported)),
            }
        )
    return pd.DataFrame(rows)


def _diameters_nm(areas: npt.NDArray[np.int64], numbers: pd.Series, pixel_size_nm: float) -> npt.NDArray[np.float64]:
    """Diameters of discs with the areas of the given particles; `nan` for number 0."""
    area_px = np.where(numbers == 0, np.nan, areas[numbers])
    return np.sqrt(4 / np.pi * area_px) * pixel_size_nm
