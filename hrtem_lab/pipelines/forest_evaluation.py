"""Fit a forest, and evaluate it and its baselines on particles of other specimens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from omegaconf import DictConfig

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import track
from hrtem_lab.defects import (
    BaselineClassifier,
    Costs,
    Features,
    Forest,
    ForestTrainer,
    concat_tables,
    confusion,
    cross_validate,
    decide,
    family_importance,
    fault_curves,
    fault_detection_rate,
    reliability,
    risk_coverage,
    score,
    tabulate_micrograph,
)
from hrtem_lab.evaluation import paired_test
from hrtem_lab.figures import classification as figures
from hrtem_lab.figures.style import save
from hrtem_lab.micrograph import UNCERTAIN, LabelledMicrograph
from hrtem_lab.particle_facts import fact_of
from hrtem_lab.particles import FEATURE_FAMILIES
from hrtem_lab.segmentation.data import Stage, TrainingData
from hrtem_lab.segmentation.segmenter import Segmentation
from hrtem_lab.tracking.runs import Run

Segmented = tuple[LabelledMicrograph, Segmentation]
FOREST, TRUE_MASKS = "forest", "true_masks"
"""Names of the table with the forest's features, and of that of the true particles."""
BASELINE_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "fault_f1", "ece")
LEAD_SUFFIXES = {"difference": "", "low": "_low", "high": "_high", "p": "_p"}
"""Result of `paired_test` -> suffix of its metric."""
DETECTION_CONDITIONS = ("true_fault_snr", "true_plane_tilt_deg", "dose_e_per_nm2", "true_diameter_nm", "true_material")
"""Columns that the detection rate of faults is broken down by."""


@dataclass(frozen=True)
class Predictions:
    """Particles and the probabilities that a classifier predicts for them.

    Attributes:
        table: Particles, as from `hrtem_lab.defects.tabulate_particles`.
        probabilities: Probabilities of the classes, (particles, classes).
        costs: Costs of missing a class at which the classifier decides.
    """

    table: pd.DataFrame
    probabilities: pd.DataFrame
    costs: Costs

    @property
    def labels(self) -> pd.Series:
        """True classes."""
        return self.table["label"]

    def accuracy_by_specimen(self) -> npt.NDArray[np.float64]:
        """Fraction of right classes of each specimen, (specimens,)."""
        right = decide(self.probabilities, self.costs)["class"].to_numpy() == self.labels.to_numpy()
        return pd.Series(right.astype(float)).groupby(self.table["group"].to_numpy()).mean().to_numpy()


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


def fit_and_evaluate_forest(
    config: DictConfig, train: Iterable[Segmented], test: Iterable[Segmented], folder: Path, run: Run
) -> tuple[dict[str, float], pd.Series]:
    """Fit the forest, save it in `model`, evaluate it and the baselines, and write figures and tables.

    Args:
        config: Configuration with `features`, `forest`, `references`, `folds` and `seed`.
        train: Micrographs, and what a network that was not trained on their specimens finds in them.
        test: The same of other specimens, for the evaluation alone.
        folder: Folder of the run.
        run: Run that metrics and tables are logged to.

    Returns:
        The metrics, and the class of every test particle.
    """
    features, trainer = build(config.features), build(config.forest)
    baselines: dict[str, BaselineClassifier] = {k: build(node) for k, node in config.get("references", {}).items()}
    feature_sets = {FOREST: features} | {name: b.features for name, b in baselines.items() if b.features}
    train_tables = tabulate(train, feature_sets)
    test_tables = tabulate(test, feature_sets | {TRUE_MASKS: features})

    forest, predictions = fit_and_predict(trainer, train_tables[FOREST], test_tables[FOREST], config)
    forest.save(folder / "model")
    classes = forest.classes(predictions["test"].probabilities)
    metrics = score_forest(forest, predictions, test_tables[TRUE_MASKS], classes)
    metrics["bytes"] = float(sum(path.stat().st_size for path in (folder / "model").glob("forest.*")))
    for name, baseline in baselines.items():
        key = name if baseline.features else FOREST
        _, its_predictions = fit_and_predict(baseline.recipe, train_tables[key], test_tables[key], config)
        metrics |= compare_with_baseline(name, its_predictions, predictions)
    run.log_metrics(metrics)
    _draw(forest, predictions, folder, run)
    labels = {"": "forest"} | {f"{name}/": name.replace("_", " ") for name in baselines}
    save(figures.plot_baselines(metrics, labels), folder / "figures" / "references.png")
    run.log_csv(folder / "forest_table.csv", train_tables[FOREST])
    probabilities = predictions["test"].probabilities.add_prefix("p_")
    run.log_csv(folder / "test_particles.csv", test_tables[FOREST].join(probabilities).assign(**{"class": classes}))
    return {f"forest/{name}": value for name, value in metrics.items()}, classes


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


def fit_and_predict(
    trainer: ForestTrainer, train: pd.DataFrame, test: pd.DataFrame, config: DictConfig
) -> tuple[Forest, dict[str, Predictions]]:
    """Fit a classifier, and predict the particles of other specimens.

    Args:
        trainer: Fits the classifier.
        train: Particles to train on.
        test: Particles of other specimens.
        config: Configuration with `folds` and `seed` of the cross-validation.

    Returns:
        The classifier, and predictions: `cv` of the particles to train on, by cross-validation, and `test`.
    """
    cv_probabilities = cross_validate(trainer.fit, train, config.folds, config.seed)
    classifier = trainer.fit(train)
    test_probabilities = classifier.probabilities(test)
    return classifier, {
        "cv": Predictions(train, cv_probabilities, trainer.costs),
        "test": Predictions(test, test_probabilities, trainer.costs),
    }


def score_forest(
    forest: Forest, predictions: dict[str, Predictions], true_particles: pd.DataFrame, classes: pd.Series
) -> dict[str, float]:
    """Score a forest.

    Args:
        forest: Fitted forest.
        predictions: Its predictions of the stages `cv` and `test`.
        true_particles: Particles of the test micrographs as if all had been found with their true outlines.
        classes: Class of every test particle, some of which are `uncertain`.

    Returns:
        Scores of `hrtem_lab.defects.score` with `cv/`, `test/`, `true_masks/` or, for test particles that get a class,
        `answered/` before each; `test/coverage`, `confidence_threshold` and `oob_accuracy`.
    """
    test, accepted = predictions["test"], classes != UNCERTAIN
    parts = {
        **predictions,
        TRUE_MASKS: Predictions(true_particles, forest.probabilities(true_particles), forest.costs),
        "answered": Predictions(test.table[accepted], test.probabilities[accepted], forest.costs),
    }
    metrics: dict[str, float] = {}
    for stage, part in parts.items():
        values = score(part.labels, part.probabilities, part.table["group"], part.costs)
        metrics |= {f"{stage}/{name}": value for name, value in values.items()}
    metrics |= {"test/coverage": float(accepted.mean()), "confidence_threshold": forest.confidence_threshold}
    return metrics | {"oob_accuracy": forest.oob_accuracy}


def compare_with_baseline(
    name: str, baseline: dict[str, Predictions], forest: dict[str, Predictions]
) -> dict[str, float]:
    """Score a baseline, and the forest's lead in accuracy over it, paired by specimen.

    Args:
        name: Name of the baseline.
        baseline: Its predictions of the stages `cv` and `test`.
        forest: The forest's predictions of the same particles.

    Returns:
        Metrics, with the stage before each.
    """
    metrics: dict[str, float] = {}
    for stage, part in baseline.items():
        values = score(part.labels, part.probabilities, costs=part.costs)
        metrics |= {f"{stage}/{name}/{key}": value for key, value in values.items() if key in BASELINE_METRICS}
        lead = paired_test(forest[stage].accuracy_by_specimen(), part.accuracy_by_specimen())
        metrics |= {f"{stage}/lead_over_{name}{suffix}": lead[key] for key, suffix in LEAD_SUFFIXES.items()}
    return metrics


def _draw(forest: Forest, predictions: dict[str, Predictions], folder: Path, run: Run) -> None:
    """Write the figures, and log the tables behind two of them."""
    pairs = {stage: (part.labels, part.probabilities) for stage, part in predictions.items()}
    costs, test = forest.costs, predictions["test"]
    importance = family_importance(forest, test.table, FEATURE_FAMILIES)
    edges = {column: fact_of(column).particle_bins for column in DETECTION_CONDITIONS}
    rates = fault_detection_rate(test.table, decide(test.probabilities, costs)["class"], edges)
    risk = {stage: risk_coverage(*pair, costs) for stage, pair in pairs.items()}
    drawn = {
        f"confusion_{stage}": figures.plot_confusion(confusion(*pair, costs), f"Random forest, {stage}")
        for stage, pair in pairs.items()
    } | {
        "fault_curves": figures.plot_fault_curves({stage: fault_curves(*pair) for stage, pair in pairs.items()}),
        "forest_reliability": figures.plot_class_reliability(
            {stage: reliability(*pair, costs) for stage, pair in pairs.items()}
        ),
        "risk_coverage": figures.plot_risk_coverage(risk, forest.confidence_threshold),
        "importance": figures.plot_importance(importance),
        "fault_detection_rate": figures.plot_detection_rate(rates),
    }
    for name, figure in drawn.items():
        save(figure, folder / "figures" / f"{name}.png")
    run.log_table(importance.reset_index(), "importance.json")
    run.log_csv(folder / "fault_detection_rate.csv", rates)
