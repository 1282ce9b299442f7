"""Comparison of predicted and true particles: overlaps, matches, and ratios of their counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy
from skimage.metrics import contingency_table

from hrtem_lab.evaluation.counts import divide
from hrtem_lab.micrograph import InputError, IntArray


def overlaps(predicted: IntArray, truth: IntArray) -> pd.DataFrame:
    """List every pair of a predicted and a true particle that share pixels.

    Args:
        predicted: Predicted instances, 0 = background.
        truth: True instances of the same shape.

    Returns:
        One row per pair, ordered by number: `predicted`, `truth`, and the number of shared `pixels`. Background has no
        row.

    Raises:
        InputError: The shapes differ, or a particle number is negative.
    """
    if predicted.shape != truth.shape:
        raise InputError(
            f"the predicted instances have shape {predicted.shape}, the truth {truth.shape}; expected the same"
        )
    if min(predicted.min(initial=0), truth.min(initial=0)) < 0:
        raise InputError("instances hold a negative number; expected 0 for background and particles from 1")
    both = (predicted > 0) & (truth > 0)
    if not both.any():
        return pd.DataFrame(columns=["predicted", "truth", "pixels"], dtype=np.int64)
    table = contingency_table(predicted[both], truth[both]).tocoo()
    pairs = pd.DataFrame({"predicted": table.row, "truth": table.col, "pixels": table.data}, dtype=np.int64)
    return pairs.sort_values(["predicted", "truth"], ignore_index=True)


def match(predicted: IntArray, truth: IntArray, iou: float = 0.5) -> pd.DataFrame:
    """Match predicted to true particles one to one: as many pairs as possible, and then the largest total IoU.

    Args:
        predicted: Predicted instances, 0 = background.
        truth: True instances of the same shape.
        iou: Least intersection over union of a pair, in (0, 1].

    Returns:
        One row per matched pair, ordered by the predicted number: `predicted`, `truth`, `iou`.

    Raises:
        InputError: As for `overlaps`, or the threshold is outside (0, 1].
    """
    if not 0 < iou <= 1:
        raise InputError(f"iou is {iou}, expected a threshold above 0 and at most 1")
    pairs = overlaps(predicted, truth)
    areas = count_pixels(predicted)[pairs["predicted"]] + count_pixels(truth)[pairs["truth"]]
    pairs["iou"] = pairs["pixels"] / (areas - pairs["pixels"])
    pairs = pairs.loc[pairs["iou"] >= iou, ["predicted", "truth", "iou"]]
    rows, row = np.unique(pairs["predicted"], return_inverse=True)
    columns, column = np.unique(pairs["truth"], return_inverse=True)
    gain = np.zeros((rows.size, columns.size))
    gain[row, column] = min(gain.shape) + pairs["iou"]  # one more pair outweighs any sum of IoUs
    assigned = np.zeros(gain.shape, dtype=bool)
    assigned[scipy.optimize.linear_sum_assignment(gain, maximize=True)] = True
    return pairs[assigned[row, column]].reset_index(drop=True)


def object_ratios(tp: npt.ArrayLike, fp: npt.ArrayLike, fn: npt.ArrayLike) -> dict[str, Any]:
    """Turn counts of particles (scalars or arrays) into `f1`, `precision` and `recall`, `nan` where undefined."""
    tp, fp, fn = (np.asarray(count, dtype=np.float64) for count in (tp, fp, fn))
    return {
        "f1": divide(2 * tp, 2 * tp + fp + fn),
        "precision": divide(tp, tp + fp),
        "recall": divide(tp, tp + fn),
    }


def count_pixels(instances: IntArray) -> npt.NDArray[np.int64]:
    """Pixels per particle number, with background at index 0."""
    return np.bincount(instances.ravel(), minlength=1)
