"""Fit a forest, and evaluate it and its baselines on particles of other specimens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from hrtem_lab.cli.build import build
from hrtem_lab.defects import (
    BaselineClassifier,
    Forest,
    confusion,
    decide,
    family_importance,
    fault_curves,
    fault_detection_rate,
    reliability,
    risk_coverage,
)
from hrtem_lab.figures import classification as figures
from hrtem_lab.figures.style import save
from hrtem_lab.particle_facts import fact_of
from hrtem_lab.particles import FEATURE_FAMILIES
from hrtem_lab.pipelines.forest_scores import (
    Predictions,
    compare_with_baseline,
    fit_and_predict,
    score_forest,
    tabulate_classifiers,
    tabulate_materials,
)
from hrtem_lab.pipelines.particle_tables import FOREST, TRUE_MASKS
from hrtem_lab.tracking.runs import Run

Tables = Mapping[str, pd.DataFrame]
"""Name of the feature set -> table of `hrtem_lab.defects.tabulate_particles`."""
DETECTION_CONDITIONS = ("true_fault_snr", "true_plane_tilt_deg", "dose_e_per_nm2", "true_diameter_nm", "true_material")
"""Columns that the detection rate of faults is broken down by."""


def fit_and_evaluate_forest(
    config: DictConfig, train: Tables, test: Tables, folder: Path, run: Run
) -> tuple[dict[str, float], pd.Series]:
    """Fit the forest, save it in `model`, evaluate it and the baselines, and write figures and tables.

    Args:
        config: Configuration with `forest`, `references`, `folds` and `seed`.
        train: Feature set of `build_feature_sets` -> particles that a network finds which was not trained on their
            specimens.
        test: The same of other specimens, for the evaluation alone, and the true particles as `TRUE_MASKS`.
        folder: Folder of the run.
        run: Run that metrics and tables are logged to.

    Returns:
        The metrics, and the class of every test particle.
    """
    baselines: dict[str, BaselineClassifier] = {k: build(node) for k, node in config.get("references", {}).items()}
    forest, predictions = fit_and_predict(build(config.forest), train[FOREST], test[FOREST], config)
    forest.save(folder / "model")
    classes = forest.classes(predictions["test"].probabilities)
    metrics = score_forest(forest, predictions, test[TRUE_MASKS], classes)
    metrics["bytes"] = float(sum(path.stat().st_size for path in (folder / "model").glob("forest.*")))
    for name, baseline in baselines.items():
        key = name if baseline.features else FOREST
        _, its_predictions = fit_and_predict(baseline.recipe, train[key], test[key], config)
        metrics |= compare_with_baseline(name, its_predictions, predictions)
    run.log_metrics(metrics)
    _draw(forest, predictions, folder, run)
    labels = {"": "forest"} | {f"{name}/": name.replace("_", " ") for name in baselines}
    run.log_csv(folder / "materials.csv", tabulate_materials(predictions["test"], classes))
    run.log_csv(folder / "references.csv", tabulate_classifiers(metrics, baselines))
    save(figures.plot_baselines(metrics, labels), folder / "figures" / "references.png")
    probabilities = predictions["test"].probabilities.add_prefix("p_")
    run.log_csv(folder / "test_particles.csv", test[FOREST].join(probabilities).assign(**{"class": classes}))
    return {f"forest/{name}": value for name, value in metrics.items()}, classes


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
