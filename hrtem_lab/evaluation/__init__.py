"""Counts first, ratios last: pixels, objects, bootstrap intervals over micrographs and paired tests."""

from hrtem_lab.evaluation.breakdown import binned, breakdown
from hrtem_lab.evaluation.calibration import calibration_counts, ece
from hrtem_lab.evaluation.counts import pixel_counts, ratios
from hrtem_lab.evaluation.intervals import bootstrap_interval, paired_test, wilson_interval
from hrtem_lab.evaluation.objects import match, object_counts, object_ratios, overlaps
from hrtem_lab.evaluation.scores import lead, score_masks, summarise

__all__ = [
    "binned",
    "bootstrap_interval",
    "breakdown",
    "calibration_counts",
    "ece",
    "lead",
    "match",
    "object_counts",
    "object_ratios",
    "overlaps",
    "paired_test",
    "pixel_counts",
    "ratios",
    "score_masks",
    "summarise",
    "wilson_interval",
]
