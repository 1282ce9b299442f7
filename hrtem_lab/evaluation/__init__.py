"""Counts first, ratios last: pixels, objects, bootstrap intervals over micrographs and paired tests."""

from hrtem_lab.evaluation.breakdown import assign_bins, breakdown
from hrtem_lab.evaluation.counts import expected_dice, pixel_counts, ratios
from hrtem_lab.evaluation.intervals import bootstrap_interval, holm_adjust, paired_test, wilson_interval
from hrtem_lab.evaluation.objects import match, object_ratios, overlaps
from hrtem_lab.evaluation.outlines import outline_distances
from hrtem_lab.evaluation.particle_matches import match_particles, scores_by_size
from hrtem_lab.evaluation.ranks import critical_difference, indistinguishable, mean_ranks
from hrtem_lab.evaluation.reliability import aurc, brier, ece, reliability_counts, risk_coverage
from hrtem_lab.evaluation.repeated_runs import (
    compare_with_repeats,
    repeat_tolerance,
    select_metrics,
    summarise_repeats,
    t_interval,
)
from hrtem_lab.evaluation.scores import (
    SUMMARY_METRICS,
    current_metric_name,
    paired_dice_difference,
    score_masks,
    summarise,
)

__all__ = [
    "SUMMARY_METRICS",
    "assign_bins",
    "aurc",
    "bootstrap_interval",
    "breakdown",
    "brier",
    "compare_with_repeats",
    "critical_difference",
    "current_metric_name",
    "ece",
    "expected_dice",
    "holm_adjust",
    "indistinguishable",
    "match",
    "match_particles",
    "mean_ranks",
    "object_ratios",
    "outline_distances",
    "overlaps",
    "paired_dice_difference",
    "paired_test",
    "pixel_counts",
    "ratios",
    "reliability_counts",
    "repeat_tolerance",
    "risk_coverage",
    "score_masks",
    "scores_by_size",
    "select_metrics",
    "summarise",
    "summarise_repeats",
    "t_interval",
    "wilson_interval",
]
