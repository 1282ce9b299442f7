"""Pixels counted, and the ratios made of the counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hrtem_lab.micrograph import InputError


def pixel_counts(mask: npt.NDArray[Any], truth: npt.NDArray[Any]) -> dict[str, int]:
    """Counts the pixels of each outcome; particle is the positive class.

    Args:
        mask: Predicted, any shape, non-zero = particle.
        truth: True, the same shape.

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
    """Turns counts into ratios, `nan` where the denominator is zero.

    Args:
        tp: Particle found. Like the others a scalar or an array; arrays broadcast.
        fp: Background called particle.
        fn: Particle missed.
        tn: Background left alone.

    Returns:
        `dice` 2tp/(2tp+fp+fn), `iou` tp/(tp+fp+fn), `precision`, `recall`, `accuracy` and `false_area`, the fraction of
        the background called particle; each of the broadcast shape.
    """
    tp, fp, fn, tn = (np.asarray(count, dtype=np.float64) for count in (tp, fp, fn, tn))
    return {
        "dice": divide(2 * tp, 2 * tp + fp + fn),
        "iou": divide(tp, tp + fp + fn),
        "precision": divide(tp, tp + fp),
        "recall": divide(tp, tp + fn),
        "accuracy": divide(tp + tn, tp + fp + fn + tn),
        "false_area": divide(fp, fp + tn),
    }


def divide(part: npt.ArrayLike, whole: npt.ArrayLike) -> Any:
    """Divides, `nan` where the whole is zero, without a warning; a float for scalars, else an array."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return part / np.where(whole == 0, np.nan, whole)
