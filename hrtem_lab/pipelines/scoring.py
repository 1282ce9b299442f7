"""Methods that find particles: each tuned, scored and logged by the same code, and compared with one of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import pandas as pd

from hrtem_lab.cli.progress import track
from hrtem_lab.evaluation import match_particles, paired_dice_difference, score_masks, summarise
from hrtem_lab.figures import tables
from hrtem_lab.micrograph import OUTLINES, IntArray, LabelledMicrograph, Micrograph
from hrtem_lab.segmentation.segmenter import Segmentation, Segmenter
from hrtem_lab.tracking.runs import Run


class Method(Protocol):
    """Finds the particles of a micrograph: a `Segmenter`, or a folder of masks."""

    @property
    def outline(self) -> str:
        """Edge that its masks follow, one of `hrtem_lab.micrograph.OUTLINES`."""

    @property
    def gives_probabilities(self) -> bool:
        """Whether its scores claim to be probabilities."""

    def segment(self, micrograph: Micrograph) -> Segmentation:
        """Find the particles of a micrograph."""


@dataclass(frozen=True)
class Scores:
    """Segmentations of micrographs by one method, and how right they are.

    Attributes:
        segmentations: Segmentation of each micrograph.
        table: As from `hrtem_lab.evaluation.score_masks`, one row per micrograph.
        particles: As from `hrtem_lab.evaluation.match_particles`, of all micrographs.
        seconds_per_micrograph: Mean time to segment one.
    """

    segmentations: list[Segmentation]
    table: pd.DataFrame
    particles: pd.DataFrame
    seconds_per_micrograph: float

    @property
    def instances(self) -> list[IntArray]:
        """Particle numbers of each micrograph."""
        return [segmentation.instances for segmentation in self.segmentations]

    @cached_property
    def summary(self) -> dict[str, float]:
        """One number per metric, with intervals."""
        return summarise(self.table)


def score_method(
    method: Method,
    micrographs: Sequence[LabelledMicrograph],
    min_diameter_nm: float = Segmenter.min_diameter_nm,
    title: str = "",
) -> Scores:
    """Segment micrographs and score what is found.

    The truth is that of the outline which the method draws, where it is known. Where a label follows the half of the
    contrast, geometric outlines are moved there first.

    Args:
        method: A tuned method.
        micrographs: Micrographs with their truth.
        min_diameter_nm: Smaller true particles are none to find, as for `hrtem_lab.evaluation.score_masks`. It is the
            same for all methods, so that one that leaves out small particles has to pay for it.
        title: Title of a progress bar; without one there is none.
    """
    started = time.perf_counter()
    segmentations = [method.segment(m) for m in (track(micrographs, title) if title else micrographs)]
    seconds = (time.perf_counter() - started) / max(len(micrographs), 1)
    truths = [micrograph.with_outline(method.outline) for micrograph in micrographs]
    instances = [
        segmentation.half_contrast_instances(truth)
        if (method.outline, truth.outline) == OUTLINES
        else segmentation.instances
        for segmentation, truth in zip(segmentations, truths, strict=True)
    ]
    table = score_masks(instances, truths, min_diameter_nm=min_diameter_nm)
    matches = [
        match_particles(predicted, truth, min_diameter_nm).assign(micrograph=truth.name)
        for predicted, truth in zip(instances, truths, strict=True)
    ]
    return Scores(segmentations, table, pd.concat(matches, ignore_index=True) if matches else pd.DataFrame(), seconds)


def score_methods(
    methods: Mapping[str, Method], sets: Mapping[str, Sequence[LabelledMicrograph]], run: Run
) -> dict[str, dict[str, Scores]]:
    """Score methods on sets of micrographs, each in the child run of its name.

    Args:
        methods: Tuned methods by their names.
        sets: Micrographs by the name of their set, under which metrics are logged, as in `test/dice`.
        run: Parent of the child runs.

    Returns:
        Name of the set -> name of the method -> scores.
    """
    scores: dict[str, dict[str, Scores]] = {name: {} for name in sets}
    for name, method in methods.items():
        with run.child(name) as child:
            for set_name, micrographs in sets.items():
                scored = score_method(method, micrographs, title=f"Scoring {name} on {set_name}")
                scores[set_name][name] = scored
                metrics = {**scored.summary, "seconds_per_micrograph": scored.seconds_per_micrograph}
                child.log_metrics(metrics, set_name)
                child.log_table(scored.table, f"{set_name}_scores.json")
    return scores


def compare(scores: Mapping[str, Scores], reference: str) -> pd.DataFrame:
    """Return the table of methods, with the lead in Dice of one of them over each of the others, paired by micrograph.

    Args:
        scores: Scores by the method's name.
        reference: Name of the method whose lead is meant.
    """
    leading = scores[reference].table
    tests = {name: paired_dice_difference(leading, other.table) for name, other in scores.items() if name != reference}
    return tables.comparison_table({name: s.summary for name, s in scores.items()}, tests)
