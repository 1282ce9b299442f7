"""Scores of predicted instances: one row per micrograph, and a summary with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from hrtem_lab.evaluation.counts import divide, pixel_counts, ratios
from hrtem_lab.evaluation.intervals import bootstrap_interval, paired_test
from hrtem_lab.evaluation.objects import object_ratios
from hrtem_lab.evaluation.outlines import OUTLINE_DISTANCES, outline_distances
from hrtem_lab.evaluation.particle_matches import (
    IOU_THRESHOLDS,
    match_counts,
    match_particles,
    size_errors,
    split_and_merged,
)
from hrtem_lab.micrograph import InputError, IntArray, LabelledMicrograph

PIXEL_COUNTS = ("tp", "fp", "fn", "tn")
OBJECT_TP = ("object_tp", *(f"object_tp_{100 * iou:.0f}" for iou in IOU_THRESHOLDS[1:]))
"""Columns with the number of particles found at each of `IOU_THRESHOLDS`."""
SIZE_SUMS = ("size_pairs", "size_sum_nm", "size_square_sum_nm2")
OBJECT_COUNTS = (*OBJECT_TP, "object_fp", "object_fn", "iou_sum", *SIZE_SUMS, "splits", "merges")
MEAN_RATIOS = ("dice", "iou", "precision", "recall")
"""Ratios of pixels that are averaged over micrographs."""
AVERAGED = (*MEAN_RATIOS, *OUTLINE_DISTANCES)
"""Columns that are averaged over micrographs."""
MEDIAN = "dice_median"
POOLED = (
    *("object_f1", "object_precision", "object_recall", *(f"object_f1_{100 * iou:.0f}" for iou in IOU_THRESHOLDS[1:])),
    *("object_f1_mean", "panoptic_quality", "split_rate", "merge_rate", "count_bias"),
    *("size_bias_nm", "size_spread_nm"),
)
"""Metrics that are computed from the summed counts of particles."""
SUMMARY_METRICS = (
    *(f"{name}{end}" for name in (*AVERAGED, MEDIAN, *POOLED) for end in ("", "_low", "_high")),
    *(f"{name}_pooled" for name in MEAN_RATIOS),
    *("count_relative_error", "false_positive_rate"),
)
"""Names of what `summarise` returns."""
RENAMED_METRICS = {"false_area": "false_positive_rate", "count_error": "count_relative_error"}
"""Metrics of `summarise` by the names that they had in earlier versions."""


def score_masks(
    predicted: Sequence[IntArray], truth: Sequence[LabelledMicrograph], iou: float = 0.5, min_diameter_nm: float = 0.0
) -> pd.DataFrame:
    """Score predicted instances against the truth, one row per micrograph.

    Rules for what is empty: a ratio without a denominator, and the distance from an outline that is not there, are
    `nan`. A micrograph without particles has no Dice where none is found and a Dice of 0 where one is; one in which no
    particle is found has a Dice and a recall of 0, and no precision.

    Args:
        predicted: Instance maps, 0 = background, in the order of the truth.
        truth: The labelled micrographs.
        iou: Least intersection over union at which a particle counts as found.
        min_diameter_nm: Smallest diameter of particles that the predictions had to report. A smaller true particle,
            such as the rest of one at the edge of the image, is no particle to find; its pixels count like all others.

    Returns:
        Columns `name`, `group`; the pixel counts `tp`, `fp`, `fn`, `tn` and their ratios (see `counts.ratios`); the
        counts of particles of `particle_matches.match_counts` and `particle_matches.split_and_merged`, and their ratios
        (see `summarise`); the distances of `outlines.outline_distances`; `count_difference`, predicted less true number
        of particles.

    Raises:
        InputError: The numbers of maps differ, or a map and its truth differ in shape.
    """
    if len(predicted) != len(truth):
        raise InputError(f"{len(predicted)} predicted maps for {len(truth)} micrographs; expected one for each")
    rows = [_counts(instances, m, iou, min_diameter_nm) for instances, m in zip(predicted, truth, strict=True)]
    columns = ["name", "group", *PIXEL_COUNTS, *OBJECT_COUNTS, *OUTLINE_DISTANCES]
    scores = pd.DataFrame(rows, columns=columns)
    pixel_values = ratios(*(scores[c].to_numpy() for c in PIXEL_COUNTS))
    object_values = _object_metrics(scores[list(OBJECT_COUNTS)].to_numpy(dtype=np.float64))
    return scores.assign(**pixel_values, **object_values, count_difference=scores["object_fp"] - scores["object_fn"])


def summarise(scores: pd.DataFrame, confidence: float = 0.95, seed: int = 0) -> dict[str, float]:
    """Condense the rows of `score_masks` into the metrics by which methods are compared.

    Means are over the micrographs on which the ratio is defined; pooled values come from summed counts. Intervals are
    those of `intervals.bootstrap_interval`, which draws whole groups, with the same draws for all metrics.

    Args:
        scores: Table of `score_masks`.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        Every one of `SUMMARY_METRICS`, `nan` where undefined. Those with `_low` and `_high`: the means over micrographs
        `dice`, `iou`, `precision`, `recall` and the distances of outlines; `dice_median`; pooled over all particles
        `object_f1`, `object_precision`, `object_recall` at IoU 0.5, `object_f1_60` and so on at higher ones and their
        mean `object_f1_mean`; `panoptic_quality` (Kirillov et al., CVPR 2019); `split_rate` and `merge_rate`, number of
        splits and merges over that of true particles; `count_bias`, (predicted - true) / true number of particles;
        `size_bias_nm` and `size_spread_nm`, mean and standard deviation of the error of the diameter. Without
        intervals: `dice_pooled` and so on, from summed pixels; `count_relative_error`, |`count_bias`|;
        `false_positive_rate` of pixels.
    """
    rows = scores[[*AVERAGED, *OBJECT_COUNTS]].to_numpy(dtype=np.float64)
    values = _statistic(rows)
    low, high = bootstrap_interval(_statistic, rows, confidence, seed=seed, groups=scores["group"].to_numpy())
    bounds = np.broadcast_arrays(low, high, values)[:2]
    summary: dict[str, float] = {}
    for name, *interval in zip((*AVERAGED, MEDIAN, *POOLED), values, *bounds, strict=True):
        summary |= zip((name, f"{name}_low", f"{name}_high"), interval, strict=True)
    pooled = ratios(*scores[list(PIXEL_COUNTS)].sum())
    summary |= {f"{name}_pooled": pooled[name] for name in MEAN_RATIOS}
    summary |= {"count_relative_error": abs(summary["count_bias"])}
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
    """Name, group, counts and distances of one micrograph."""
    if instances.shape != micrograph.instances.shape:
        raise InputError(
            f"{micrograph.name}: the predicted map has shape {instances.shape}, expected {micrograph.instances.shape}"
        )
    if micrograph.ignored is not None:  # what is found there is neither right nor wrong
        instances = np.where(micrograph.ignored, 0, instances)
    return {
        "name": micrograph.name,
        "group": micrograph.group,
        **pixel_counts(instances, micrograph.instances),
        **match_counts(match_particles(instances, micrograph, min_diameter_nm, iou)),
        **split_and_merged(instances, micrograph.instances),
        **outline_distances(instances, micrograph.instances, micrograph.pixel_size_nm),
    }


def _statistic(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Means of `AVERAGED` over their defined rows, `MEDIAN`, and `POOLED` from the summed counts."""
    averaged, counts = rows[:, : len(AVERAGED)], rows[:, len(AVERAGED) :].sum(axis=0)
    means = divide(np.nansum(averaged, axis=0), np.count_nonzero(~np.isnan(averaged), axis=0))
    dice = averaged[:, 0][~np.isnan(averaged[:, 0])]
    median = np.median(dice) if len(dice) else np.nan
    return np.concatenate([means, [median], list(_object_metrics(counts).values())])


def _object_metrics(counts: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    """`POOLED` of counts (..., those of `OBJECT_COUNTS`)."""
    column = {name: counts[..., number] for number, name in enumerate(OBJECT_COUNTS)}
    tp, fp, fn = (column[f"object_{outcome}"] for outcome in ("tp", "fp", "fn"))
    true, reported = tp + fn, tp + fp
    f1 = {name.replace("tp", "f1"): divide(2 * column[name], true + reported) for name in OBJECT_TP}
    particles = object_ratios(tp, fp, fn)
    bias, spread = size_errors(*(column[name] for name in SIZE_SUMS))
    values = {
        **f1,
        "object_precision": particles["precision"],
        "object_recall": particles["recall"],
        "object_f1_mean": np.mean(list(f1.values()), axis=0),
        "panoptic_quality": divide(2 * column["iou_sum"], true + reported),
        "split_rate": divide(column["splits"], true),
        "merge_rate": divide(column["merges"], true),
        "count_bias": divide(fp - fn, true),
        "size_bias_nm": bias,
        "size_spread_nm": spread,
    }
    return {name: values[name] for name in POOLED}
