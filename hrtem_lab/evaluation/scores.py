"""One row per micrograph, and one number per metric with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from hrtem_lab.evaluation.counts import divide, pixel_counts, ratios
from hrtem_lab.evaluation.intervals import bootstrap_interval, paired_test
from hrtem_lab.evaluation.objects import object_counts, object_ratios
from hrtem_lab.micrograph import InputError, IntArray, LabelledMicrograph

PIXELS = ("tp", "fp", "fn", "tn")
OBJECTS = ("object_tp", "object_fp", "object_fn")
MEANS = ("dice", "iou", "precision", "recall")


def score_masks(
    predicted: Sequence[IntArray], truth: Sequence[LabelledMicrograph], iou: float = 0.5, min_diameter_nm: float = 0.0
) -> pd.DataFrame:
    """Scores predicted instances against the truth, one row per micrograph.

    Args:
        predicted: Instance maps, 0 = background, in the order of the truth.
        truth: The labelled micrographs.
        iou: Least intersection over union at which a particle counts as found.
        min_diameter_nm: Of the particles that the predictions were to report; a smaller true one, such as what the edge
            of the image leaves of a particle, is none to find. Its pixels count as all others do.

    Returns:
        Columns `name`, `group`; the pixel counts `tp`, `fp`, `fn`, `tn` and their ratios (see `counts.ratios`); the
        particle counts `object_tp`, `object_fp`, `object_fn` and their `object_f1`, `object_precision`,
        `object_recall`; `count_error`, predicted less true number of particles. Ratios are `nan` where undefined.

    Raises:
        InputError: The numbers of maps differ, or a map and its truth differ in shape.
    """
    if len(predicted) != len(truth):
        raise InputError(f"{len(predicted)} predicted maps for {len(truth)} micrographs; expected one for each")
    rows = [_counts(instances, m, iou, min_diameter_nm) for instances, m in zip(predicted, truth, strict=True)]
    scores = pd.DataFrame(rows, columns=["name", "group", *PIXELS, *OBJECTS])
    pixel_values = ratios(*(scores[c].to_numpy() for c in PIXELS))
    object_values = object_ratios(*(scores[c].to_numpy() for c in OBJECTS))
    return scores.assign(
        **pixel_values,
        **{f"object_{name}": value for name, value in object_values.items()},
        count_error=scores["object_fp"] - scores["object_fn"],
    )


def summarise(scores: pd.DataFrame, confidence: float = 0.95, seed: int = 0) -> dict[str, float]:
    """Condenses the rows of `score_masks` into the metrics that every method is compared by.

    Means are over the micrographs on which the ratio is defined; pooled values come from summed counts. Intervals are
    a percentile bootstrap that draws whole groups (see `intervals.bootstrap_interval`), all metrics on the same draws.

    Args:
        scores: As from `score_masks`.
        confidence: Coverage of the intervals.
        seed: Of the bootstrap.

    Returns:
        `dice`, `iou`, `precision`, `recall` (means) with `_low`, `_high` and `_pooled`; `object_f1` (pooled) with
        `_low` and `_high`; `object_precision`, `object_recall`, `false_area` (pooled); `count_error`,
        |predicted - true| / true over the summed numbers of particles. `nan` where undefined.
    """
    rows = scores[[*MEANS, *OBJECTS]].to_numpy(dtype=np.float64)
    values = _statistic(rows)
    low, high = bootstrap_interval(_statistic, rows, confidence, seed=seed, groups=scores["group"].to_numpy())
    pooled = ratios(*scores[list(PIXELS)].sum())
    tp, fp, fn = scores[list(OBJECTS)].sum()
    particles = object_ratios(tp, fp, fn)
    summary: dict[str, float] = {}
    for name, *interval in zip((*MEANS, "object_f1"), values, *np.broadcast_arrays(low, high, values)[:2], strict=True):
        summary |= zip((name, f"{name}_low", f"{name}_high"), interval, strict=True)
    summary |= {f"{name}_pooled": pooled[name] for name in MEANS}
    summary |= {"object_precision": particles["precision"], "object_recall": particles["recall"]}
    summary |= {"count_error": divide(abs(fp - fn), tp + fn), "false_area": pooled["false_area"]}
    return {name: float(value) for name, value in summary.items()}


def lead(scores: pd.DataFrame, others: pd.DataFrame) -> dict[str, float]:
    """How far the Dice of one method is above another's on the same micrographs.

    Where there is no particle, a Dice is undefined for the method that finds none and 0 for one that does. If both find
    none, the micrograph says nothing; if one does, it counts as 1.

    Args:
        scores: As from `score_masks`.
        others: Of the other method.

    Returns:
        As from `hrtem_lab.evaluation.paired_test`, over groups.
    """
    ours, theirs = scores["dice"], others["dice"]
    bare = ours.isna() & theirs.isna()
    return paired_test(ours.fillna(1.0).mask(bare), theirs.fillna(1.0).mask(bare), scores["group"])


def _counts(
    instances: IntArray, micrograph: LabelledMicrograph, iou: float, min_diameter_nm: float
) -> dict[str, object]:
    """Name, group and counts of one micrograph."""
    if instances.shape != micrograph.instances.shape:
        raise InputError(
            f"{micrograph.name}: the predicted map has shape {instances.shape}, expected {micrograph.instances.shape}"
        )
    least_px = np.pi / 4 * (min_diameter_nm / micrograph.pixel_size_nm) ** 2
    particles = object_counts(instances, micrograph.instances, iou, least_px)
    return {
        "name": micrograph.name,
        "group": micrograph.group,
        **pixel_counts(instances, micrograph.instances),
        **{f"object_{outcome}": number for outcome, number in particles.items()},
    }


def _statistic(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Means of the four ratios over their defined rows, and the particles' pooled F1; (5,)."""
    means, particles = rows[:, : len(MEANS)], rows[:, len(MEANS) :].sum(axis=0)
    average = divide(np.nansum(means, axis=0), np.count_nonzero(~np.isnan(means), axis=0))
    return np.append(average, object_ratios(*particles)["f1"])
