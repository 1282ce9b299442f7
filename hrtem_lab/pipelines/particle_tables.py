"""Tables of the particles that a segmenter finds, for training and evaluating classifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pandas as pd

from hrtem_lab.cli.progress import track
from hrtem_lab.defects import Features, concat_tables, tabulate_micrograph
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.segmentation.data import TrainingData
from hrtem_lab.segmentation.segmenter import Segmentation
from hrtem_lab.segmentation.split import Stage

Segmented = tuple[LabelledMicrograph, Segmentation]
FOREST, TRUE_MASKS = "forest", "true_masks"
"""Names of the table with the forest's features, and of that of the true particles."""


def segment_views(
    data: TrainingData, stage: Stage, views: int, segment: Callable[[LabelledMicrograph], Segmentation]
) -> Iterator[Segmented]:
    """Segment the micrographs of a stage, of which one view at a time is in memory.

    Args:
        data: Training data.
        stage: Stage of the micrographs.
        views: Number of micrographs of each specimen.
        segment: Finds the particles of a micrograph.

    Yields:
        A micrograph and what is found in it.
    """
    for view in range(views):
        for micrograph in track(data.micrographs(stage, view), f"Cutting particles, view {view + 1} of {views}"):
            yield micrograph, segment(micrograph)


def tabulate(segmented: Iterable[Segmented], feature_sets: dict[str, Features]) -> dict[str, pd.DataFrame]:
    """Tabulate the found particles with every feature set; `TRUE_MASKS` are the true particles, as if all were found.

    Args:
        segmented: Micrographs, and what is found in them.
        feature_sets: Name -> function that computes the features.

    Returns:
        Name of the feature set -> table of `hrtem_lab.defects.tabulate_particles`.
    """
    rows: dict[str, list[pd.DataFrame]] = {name: [] for name in feature_sets}
    for micrograph, segmentation in segmented:
        for name, features in feature_sets.items():
            instances = micrograph.instances if name == TRUE_MASKS else segmentation.instances
            rows[name].append(tabulate_micrograph(micrograph, instances, segmentation.probabilities, features))
    return {name: concat_tables(tables) for name, tables in rows.items()}
