"""Methods that find particles: each tuned, scored and logged by the same code, and compared with the U-Net."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from hrtem_lab.cli.progress import console, track
from hrtem_lab.evaluation import ece, paired_dice_difference, reliability_counts, score_masks, summarise
from hrtem_lab.figures import tables
from hrtem_lab.figures.reliability import plot_reliability
from hrtem_lab.figures.style import save
from hrtem_lab.micrograph import IntArray, LabelledMicrograph
from hrtem_lab.segmentation.segmenter import Segmentation, Segmenter
from hrtem_lab.tracking.runs import Run

UNET, BEFORE = "unet", "before"
"""Names of two methods: the trained network, and the model that its training began with."""


@dataclass(frozen=True)
class Scores:
    """Segmentations of micrographs by one method, and how right they are.

    Attributes:
        segmentations: Segmentation of each micrograph.
        table: As from `hrtem_lab.evaluation.score_masks`, one row per micrograph.
        seconds_per_micrograph: Mean time to segment one.
    """

    segmentations: list[Segmentation]
    table: pd.DataFrame
    seconds_per_micrograph: float

    @property
    def instances(self) -> list[IntArray]:
        """Particle numbers of each micrograph."""
        return [segmentation.instances for segmentation in self.segmentations]

    @cached_property
    def summary(self) -> dict[str, float]:
        """One number per metric, with intervals."""
        return summarise(self.table)


@dataclass(frozen=True)
class MethodResult:
    """A tuned method and its scores.

    Attributes:
        method: The method with the settings that were chosen on validation micrographs.
        test: Scores on the test micrographs.
        extra: Scores on other sets of micrographs, by their names.
    """

    method: Segmenter
    test: Scores
    extra: dict[str, Scores] = field(default_factory=dict)


def score_method(
    method: Segmenter, micrographs: Sequence[LabelledMicrograph], min_diameter_nm: float, title: str = ""
) -> Scores:
    """Segment micrographs and score what is found.

    Args:
        method: A tuned method.
        micrographs: Micrographs with their truth.
        min_diameter_nm: Smaller true particles are none to find, as for `hrtem_lab.evaluation.score_masks`.
        title: Title of a progress bar; without one there is none.
    """
    started = time.perf_counter()
    segmentations = [method.segment(m) for m in (track(micrographs, title) if title else micrographs)]
    seconds = (time.perf_counter() - started) / max(len(micrographs), 1)
    table = score_masks([s.instances for s in segmentations], micrographs, min_diameter_nm=min_diameter_nm)
    return Scores(segmentations, table, seconds)


def tune_and_score(
    method: Segmenter,
    validation: Sequence[LabelledMicrograph],
    test: Sequence[LabelledMicrograph],
    extra_test_sets: dict[str, list[LabelledMicrograph]],
    run: Run,
) -> MethodResult:
    """Tune a method on validation micrographs, score it on test and on extra sets, and log all of it.

    Every method is tuned and scored by this function.
    """
    with console.status(f"Tuning {method.name} on {len(validation)} validation micrographs"):
        tuned = method.tune(validation)
    scores = score_method(tuned, test, tuned.min_diameter_nm, f"Testing {method.name}")
    run.log_metrics(score_method(tuned, validation, tuned.min_diameter_nm).summary, "val")
    run.log_metrics({**scores.summary, "seconds_per_micrograph": scores.seconds_per_micrograph}, "test")
    run.log_params({f"tuned.{key}": getattr(tuned, key) for key in next(iter(tuned.candidates()))})
    run.log_table(scores.table, "test_scores.json")
    extra = {
        name: score_method(tuned, micrographs, tuned.min_diameter_nm) for name, micrographs in extra_test_sets.items()
    }
    for name, its_scores in extra.items():
        run.log_metrics(its_scores.summary, name)
    return MethodResult(tuned, scores, extra)


def log_calibration(result: MethodResult, test: Iterable[LabelledMicrograph], folder: Path, run: Run) -> None:
    """Log how far a probability can be believed on test: its error as `test/ece`, its bins as a table and a figure."""
    counts = pd.concat(
        reliability_counts(segmentation.particle_probability, micrograph.mask)
        for segmentation, micrograph in zip(result.test.segmentations, test, strict=True)
    )
    counts = counts.groupby("bin").sum()
    run.log_metrics({"ece": ece(counts)}, "test")
    run.log_params({"tuned.temperature": getattr(result.method, "temperature", None)})
    table = counts.rename(columns={"count": "pixels", "positives": "particle"})
    run.log_table(table.reset_index(), "calibration.json")
    figure = plot_reliability(
        {"U-Net": counts},
        {"U-Net": "#0072B2"},
        items="pixels",
        probability="probability of a particle",
        fraction="fraction that is particle",
        log=True,
    )
    save(figure, folder / "figures" / "reliability.png")


def compare_with_unet(scores: dict[str, Scores]) -> pd.DataFrame:
    """Return the table of methods, with the U-Net's lead in Dice over each of the others, paired by micrograph."""
    unet = scores[UNET]
    tests = {name: paired_dice_difference(unet.table, other.table) for name, other in scores.items() if name != UNET}
    return tables.comparison_table({name: s.summary for name, s in scores.items()}, tests)
