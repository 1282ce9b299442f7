"""Tables of the particles that a segmenter finds, for training and evaluating classifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from hrtem_lab.atomic_write import atomic_write
from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import track
from hrtem_lab.defects import Features, concat_tables, tabulate_micrograph
from hrtem_lab.fingerprint import fingerprint
from hrtem_lab.micrograph import InputError, LabelledMicrograph
from hrtem_lab.segmentation.data import ALL, TrainingData
from hrtem_lab.segmentation.segmenter import Segmentation
from hrtem_lab.segmentation.split import Stage

Segmented = tuple[LabelledMicrograph, Segmentation]
Segment = Callable[[LabelledMicrograph], Segmentation]
"""Finds the particles of a micrograph."""
FeatureSets = Mapping[str, Features]
"""Name -> function that computes the features."""
FOREST, TRUE_MASKS = "forest", "true_masks"
"""Names of the table with the forest's features, and of that of the true particles."""
SPECIMENS_PER_PIECE = 25


def feature_nodes(config: DictConfig) -> dict[str, DictConfig]:
    """The nodes of the features of the forest, and of the references that have features of their own, by their name."""
    references = config.get("references", {}).items()
    return {FOREST: config.features} | {str(name): node.features for name, node in references if node.get("features")}


def build_feature_sets(config: DictConfig) -> dict[str, Features]:
    """Build the features of `feature_nodes`."""
    return {name: build(node) for name, node in feature_nodes(config).items()}


def segment_views(
    data: TrainingData, stage: Stage, views: int, segment: Segment, part: slice = ALL
) -> Iterator[Segmented]:
    """Segment the micrographs of a stage, of which one view at a time is in memory.

    Args:
        data: Training data.
        stage: Stage of the micrographs.
        views: Number of micrographs of each specimen.
        segment: Finds the particles of a micrograph.
        part: Part of `data.split[stage]`.

    Yields:
        A micrograph and what is found in it.
    """
    for view in range(views):
        for micrograph in data.micrographs(stage, view, part):
            yield micrograph, segment(micrograph)


def tabulate(segmented: Iterable[Segmented], feature_sets: FeatureSets) -> dict[str, pd.DataFrame]:
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


@dataclass(frozen=True)
class PiecewiseTables:
    """Tables of many specimens, written piece by piece: a call that was interrupted, or has more specimens, goes on.

    A piece holds all views of `SPECIMENS_PER_PIECE` specimens, and there is a Parquet file of it for each feature set.
    So the images of one view of a piece are in memory at a time.

    Attributes:
        folder: Folder of the pieces, which belong to one segmenter and one set of settings.
        segment: Finds the particles of a micrograph.
    """

    folder: Path
    segment: Segment

    def tabulate(
        self, data: TrainingData, stage: Stage, views: int, feature_sets: FeatureSets
    ) -> dict[str, pd.DataFrame]:
        """Tabulate the particles of a stage, as `tabulate` does.

        Args:
            data: Training data.
            stage: Stage of the micrographs.
            views: Number of micrographs of each specimen.
            feature_sets: Name -> function that computes the features.
        """
        starts = range(0, len(data.split[stage]), SPECIMENS_PER_PIECE)
        parts = [slice(start, start + SPECIMENS_PER_PIECE) for start in starts]
        pieces: dict[str, list[pd.DataFrame]] = {name: [] for name in feature_sets}
        for part in track(parts, f"Cutting particles of {stage} specimens"):
            piece = fingerprint({"stage": stage, "specimens": data.split[stage][part], "views": views})
            paths = {name: self.folder / f"{piece}_{name}.parquet" for name in feature_sets}
            if not all(path.is_file() for path in paths.values()):
                tables = tabulate(segment_views(data, stage, views, self.segment, part), feature_sets)
                for name, path in paths.items():
                    with atomic_write(path) as unfinished:
                        tables[name].to_parquet(unfinished)
            for name, path in paths.items():
                pieces[name].append(pd.read_parquet(path))
        return {name: concat_tables(tables) for name, tables in pieces.items()}


def add_tables(
    train: Mapping[str, pd.DataFrame], test: Mapping[str, pd.DataFrame], folders: Iterable[str]
) -> dict[str, pd.DataFrame]:
    """Add the particles of all stages in the pieces that other calls wrote, such as those of another seed.

    Args:
        train: Feature set -> particles to learn from.
        test: Feature set -> particles to score on.
        folders: Folders of pieces.

    Raises:
        InputError: A folder holds no particles with these features, or some of a specimen to score on.
    """
    result = dict(train)
    for folder in folders:
        for name, table in train.items():
            pieces = sorted(Path(folder).expanduser().glob(f"*_{name}.parquet"))
            more = concat_tables([pd.read_parquet(piece) for piece in pieces])
            more = more[~more.index.duplicated()]  # the last piece of a smaller library is part of another one's
            if more.empty or set(more.columns) != set(table.columns):
                raise InputError(
                    f"more_tables has {folder}: no table of {name} there with the features of now; give a folder that "
                    "this version wrote for another seed, such as .cache/particles/0123456789abcdef"
                )
            if leaks := sorted(set(more["group"]) & set(test[name]["group"])):
                raise InputError(f"more_tables has {folder}: specimen {leaks[0]} there is in the test; leave it out")
            result[name] = concat_tables([result[name], more])
    return result
