"""Counts of pixels, and the ratios computed from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hrtem_lab.micrograph import InputError


def pixel_counts(mask: npt.NDArray[Any], truth: npt.NDArray[Any]) -> dict[str, int]:
    """Count the pixels of each outcome; particle is the positive class.

    Args:
        mask: Predicted mask, any shape, non-zero = particle.
        truth: True mask of the same shape.

    Returns:
        `tp`, `fp`, `fn`, `tn`, which sum to the number of pixels.

    Raises:
        InputError: The shapes differ.
    """
    if mask.shape != truth.shape:
        raise InputError(f"the predicted mask has shape {mask.shape}, the truth {truth.shape}; expected the same")
    predicted, true = mask.astype(bool), truth.astype(bool)
    tp = int(np.count_nonzero(predicted & true))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(true)) - tp
    return {"tp": tp, "fp": fp, "fn": fn, "tn": mask.size - tp - fp - fn}


def ratios(tp: npt.ArrayLike, fp: npt.ArrayLike, fn: npt.ArrayLike, tn: npt.ArrayLike) -> dict[str, Any]:
    """Turn counts into ratios, `nan` where the denominator is zero.

    Args:
        tp: Pixels of particles predicted as particle. Like the others a scalar or an array; arrays broadcast.
        fp: Pixels of background predicted as particle.
        fn: Pixels of particles predicted as background.
        tn: Pixels of background predicted as background.

    Returns:
        `dice` 2tp/(2tp+fp+fn), `iou` tp/(tp+fp+fn), `precision`, `recall`, `accuracy` and `false_positive_rate`
        fp/(fp+tn); each of the broadcast shape.
    """
    tp, fp, fn, tn = (np.asarray(count, dtype=np.float64) for count in (tp, fp, fn, tn))
    return {
        "dice": divide(2 * tp, 2 * tp + fp + fn),
        "iou": divide(tp, tp + fp + fn),
        "precision": divide(tp, tp + fp),
        "recall": divide(tp, tp + fn),
        "accuracy": divide(tp + tn, tp + fp + fn + tn),
        "false_positive_rate": divide(fp, fp + tn),
    }


def expected_dice(probability: npt.NDArray[Any], mask: npt.NDArray[np.bool_], prior_px: float = 0.0) -> float:
    """Dice of a mask that calibrated probabilities let expect; 0 where nothing overlaps.

    It is the ratio of expected counts: twice the expected overlap over the expected area of both.

    Args:
        probability: Probability of a particle at each pixel, (rows, columns).
        mask: Mask of the particles that were found, the same shape.
        prior_px: Area that counts as right besides, so that a bare field is not decided by a speck.
    """
    overlap = 2 * float(probability[mask].sum(dtype=np.float64)) + prior_px
    total = float(probability.sum(dtype=np.float64)) + np.count_nonzero(mask) + prior_px
    return overlap / total if overlap else 0.0


def divide(part: npt.ArrayLike, total: npt.ArrayLike) -> Any:
    """Divide, `nan` where the total is zero, without a warning; a float for scalars, else an array."""
    part, total = np.asarray(part, dtype=np.float64), np.asarray(total, dtype=np.float64)
    return part / np.where(total == 0, np.nan, total)
