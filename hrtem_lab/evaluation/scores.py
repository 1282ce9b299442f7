"""Scores of predicted instances: one row per micrograph, and a summary with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from hrtem_lab.evaluation.counts import divide, pixel_counts, ratios
from hrtem_lab.evaluation.intervals import bootstrap_interval, paired_test
from hrtem_lab.evaluation.objects import object_counts, object_ratios
from hrtem_lab.micrograph import InputError, IntArray, LabelledMicrograph

PIXEL_COUNTS = ("tp", "fp", "fn", "tn")
OBJECT_COUNTS = ("object_tp", "object_fp", "object_fn")
MEAN_RATIOS = ("dice", "iou", "precision", "recall")
"""Ratios that are averaged over micrographs."""
SUMMARY_METRICS = (
    *(f"{name}{end}" for name in (*MEAN_RATIOS, "object_f1") for end in ("", "_low", "_high")),
    *(f"{name}_pooled" for name in MEAN_RATIOS),
    *("object_precision", "object_recall", "count_relative_error", "false_positive_rate"),
)
"""Names of what `summarise` returns."""
RENAMED_METRICS = {"false_area": "false_positive_rate", "count_error": "count_relative_error"}
"""Metrics of `summarise` by the names that they had in earlier versions."""


def score_masks(
    predicted: Sequence[IntArray], truth: Sequence[LabelledMicrograph], iou: float = 0.5, min_diameter_nm: float = 0.0
) -> pd.DataFrame:
    """Score predicted instances against the truth, one row per micrograph.

    Args:
        predicted: Instance maps, 0 = background, in the order of the truth.
        truth: The labelled micrographs.
        iou: Least intersection over union at which a particle counts as found.
        min_diameter_nm: Smallest diameter of particles that the predictions had to report. A smaller true particle,
            such as the rest of one at the edge of the image, is no particle to find; its pixels count like all others.

    Returns:
        Columns `name`, `group`; the pixel counts `tp`, `fp`, `fn`, `tn` and their ratios (see `counts.ratios`); the
        particle counts `object_tp`, `object_fp`, `object_fn` and their `object_f1`, `object_precision`,
        `object_recall`; `count_difference`, predicted less true number of particles. Ratios are `nan` where undefined.

    Raises:
        InputError: The numbers of maps differ, or a map and its truth differ in shape.
    """
    if len(predicted) != len(truth):
        raise InputError(f"{len(predicted)} predicted maps for {len(truth)} micrographs; expected one for each")
    rows = [_counts(instances, m, iou, min_diameter_nm) for instances, m in zip(predicted, truth, strict=True)]
    scores = pd.DataFrame(rows, columns=["name", "group", *PIXEL_COUNTS, *OBJECT_COUNTS])
    pixel_values = ratios(*(scores[c].to_numpy() for c in PIXEL_COUNTS))
    object_values = object_ratios(*(scores[c].to_numpy() for c in OBJECT_COUNTS))
    return scores.assign(
        **pixel_values,
        **{f"object_{name}": value for name, value in object_values.items()},
        count_difference=scores["object_fp"] - scores["object_fn"],
    )


def summarise(scores: pd.DataFrame, confidence: float = 0.95, seed: int = 0) -> dict[str, float]:
    """Condense the rows of `score_masks` into the metrics by which methods are compared.

    Means are over the micrographs on which the ratio is defined; pooled values come from summed counts. Intervals are
    those of a percentile bootstrap that draws whole groups (see `intervals.bootstrap_interval`), with the same draws
    for all metrics.

    Args:
        scores: Table of `score_masks`.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        `dice`, `iou`, `precision`, `recall` (means) with `_low`, `_high` and `_pooled`; `object_f1` (pooled) with
        `_low` and `_high`; `object_precision`, `object_recall`, `false_positive_rate` (pooled);
        `count_relative_error`, |predicted - true| / true of the summed numbers of particles. `nan` where undefined.
    """
    rows = scores[[*MEAN_RATIOS, *OBJECT_COUNTS]].to_numpy(dtype=np.float64)
    values = _statistic(rows)
    low, high = bootstrap_interval(_statistic, rows, confidence, seed=seed, groups=scores["group"].to_numpy())
    pooled = ratios(*scores[list(PIXEL_COUNTS)].sum())
    tp, fp, fn = scores[list(OBJECT_COUNTS)].sum()
    particles = object_ratios(tp, fp, fn)
    summary: dict[str, float] = {}
    bounds = np.broadcast_arrays(low, high, values)[:2]
    for name, *interval in zip((*MEAN_RATIOS, "object_f1"), values, *bounds, strict=True):
        summary |= zip((name, f"{name}_low", f"{name}_high"), interval, strict=True)
    summary |= {f"{name}_pooled": pooled[name] for name in MEAN_RATIOS}
    summary |= {"object_precision": particles["precision"], "object_recall": particles["recall"]}
    summary |= {"count_relative_error": divide(abs(fp - fn), tp + fn)}
    summary |= {"false_positive_rate": pooled["false_positive_rate"]}
    return {name: float(value) for name, value in summary.items()}


def current_metric_name(name: str) -> str:
    """Replace the name of a metric in an earlier version by the current one, as in `val/false_area`."""
    prefix, slash, metric = name.rpartition("/")
    return f"{prefix}{slash}{RENAMED_METRICS.get(metric, metric)}"


def paired_dice_difference(scores: pd.DataFrame, others: pd.DataFrame) -> dict[str, float]:
    """Test the difference between the Dice of two methods on the same micrographs.

    In a micrograph without particles, the Dice is undefined for a method that finds none and 0 for one that finds some.
    If both find none, the micrograph is left out; if only one finds none, its Dice counts as 1.

    Args:
        scores: Table of `score_masks` for one method.
        others: The same for the other method.

    Returns:
        Result of `hrtem_lab.evaluation.paired_test` over groups; the difference is that of `scores` less `others`.
    """
    dice, other_dice = scores["dice"], others["dice"]
    undefined = dice.isna() & other_dice.isna()
    return paired_test(dice.fillna(1.0).mask(undefined), other_dice.fillna(1.0).mask(undefined), scores["group"])


def _counts(
    instances: IntArray, micrograph: LabelledMicrograph, iou: float, min_diameter_nm: float
) -> dict[str, object]:
    """Name, group and counts of one micrograph."""
    if instances.shape != micrograph.instances.shape:
        raise InputError(
            f"{micrograph.name}: the predicted map has shape {instances.shape}, expected {micrograph.instances.shape}"
        )
    min_area_px = np.pi / 4 * (min_diameter_nm / micrograph.pixel_size_nm) ** 2
    particles = object_counts(instances, micrograph.instances, iou, min_area_px)
    return {
        "name": micrograph.name,
        "group": micrograph.group,
        **pixel_counts(instances, micrograph.instances),
        **{f"object_{outcome}": number for outcome, number in particles.items()},
    }


def _statistic(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Means of the four ratios over their defined rows, and the pooled F1 of the particles, (5,)."""
    means, particles = rows[:, : len(MEAN_RATIOS)], rows[:, len(MEAN_RATIOS) :].sum(axis=0)
    average = divide(np.nansum(means, axis=0), np.count_nonzero(~np.isnan(means), axis=0))
    return np.append(average, object_ratios(*particles)["f1"])
