"""The pipeline of `train`: data, network, the methods beside it, particles, forest, MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
from omegaconf import DictConfig
from rich.markup import escape

from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.config_keys import drop_machine_keys
from hrtem_lab.cli.progress import console, progress_bar
from hrtem_lab.defects import Forest
from hrtem_lab.evaluation import breakdown
from hrtem_lab.figures import methods, micrographs, tables
from hrtem_lab.figures.style import save
from hrtem_lab.files import write_json
from hrtem_lab.micrograph import InputError, LabelledMicrograph
from hrtem_lab.particle_facts import MICROGRAPH_BINS
from hrtem_lab.pipelines.fit_network import train_network
from hrtem_lab.pipelines.forest_evaluation import fit_and_evaluate_forest
from hrtem_lab.pipelines.method_scores import (
    BEFORE,
    UNET,
    MethodResult,
    compare_with_unet,
    log_calibration,
    tune_and_score,
)
from hrtem_lab.pipelines.particle_tables import segment_views
from hrtem_lab.pipelines.run_folder import open_run
from hrtem_lab.segmentation.data import TrainingData
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.segmenter import Segmenter, has_particles
from hrtem_lab.tracking.models import find_model, log_model
from hrtem_lab.tracking.provenance import provenance
from hrtem_lab.tracking.runs import Run


def train(config: DictConfig) -> dict[str, float]:
    """Everything from simulation to the table of methods and the forest.

    Returns:
        The U-Net's metrics on the test micrographs and the forest's, as they are in MLflow.

    Raises:
        InputError: Too few specimens are held out, the output folder holds another training, or anything that is given
            is not right.
    """
    if config.data.validation < 2 or config.data.test < 1:
        raise InputError(
            f"data.validation is {config.data.validation}, data.test {config.data.test}; expected at least 2 specimens "
            "to tune and cross-validate on and 1 to score"
        )
    pl.seed_everything(config.seed, verbose=False)
    with open_run(config) as (run, folder, uri):
        data = simulate_missing(config)
        log_data(config, data, run)
        test = data.micrographs("test")
        results = train_and_score(config, data, test, folder, run)
        metrics = report_methods(results, test, folder, run)
        forest_metrics, classes = add_forest(config, data, test, results[UNET], folder, run)
        metrics |= forest_metrics
        draw_gallery(test, results[UNET], classes, folder)
        write_json(folder / "metrics.json", metrics)
        run.log_folder(folder / "figures")
        log_model(folder / "model", test[0])
    for line in tables.next_steps(folder, uri):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    return metrics


def simulate_missing(config: DictConfig) -> TrainingData:
    """The data of a configuration, their exit waves simulated where they are missing."""
    data: TrainingData = build(config.data)
    for line in tables.note_lines(data.notes()):
        console.print(f"[yellow]note[/yellow] {escape(line)}", highlight=False, soft_wrap=True)
    with progress_bar("Simulating exit waves") as advance:
        data.simulate(advance)
    return data


def log_data(config: DictConfig, data: TrainingData, run: Run) -> None:
    """Log everything that decides the data, and what is on which side of the split."""
    recipe = data.fingerprint_inputs | {"data": drop_machine_keys(to_plain(config.data), "data")}
    run.log_data(type(data).__name__, recipe, data.split)


def train_and_score(
    config: DictConfig, data: TrainingData, test: list[LabelledMicrograph], folder: Path, run: Run
) -> dict[str, MethodResult]:
    """Train the U-Net and save it; tune it and the other methods on validation, score all on test."""
    validation = data.views("validation", config.tuning_views)
    extra_test_sets = data.extra_test_sets()
    if not has_particles(validation):
        console.print("No validation micrograph holds a particle: thresholds stay as they are, nothing tunes them")
    with run.child(UNET) as child:
        network = train_network(config, data, folder, child, {"run": run.id, **provenance()})
        results = {UNET: tune_and_score(network, validation, test, extra_test_sets, child)}
        results[UNET].method.save(folder / "model")  # type: ignore[attr-defined]
        log_calibration(results[UNET], test, folder, child)
    others: dict[str, Segmenter] = {method.name: method for method in map(build, config.get("methods", {}).values())}
    if config.start:
        others = {BEFORE: NetworkSegmenter.load(find_model(config.start))} | others
    for name, method in others.items():
        with run.child(name) as child:
            results[name] = tune_and_score(method, validation, test, extra_test_sets, child)
    return results


def report_methods(
    results: dict[str, MethodResult], test: list[LabelledMicrograph], folder: Path, run: Run
) -> dict[str, float]:
    """Print, draw and log the comparison of methods on test and on the extra sets.

    Returns:
        The U-Net's metrics, with `test/` or the name of the extra set before each.
    """
    comparison = compare_with_unet({name: result.test for name, result in results.items()})
    console.print(tables.methods_table(comparison, "Test micrographs"))
    _log_table("comparison", comparison, folder, run)
    dice = {name: result.test.table["dice"].to_numpy() for name, result in results.items()}
    save(methods.comparison(dice, comparison), folder / "figures" / "comparison.png")
    conditions = pd.DataFrame([micrograph_conditions(micrograph) for micrograph in test])
    parts = breakdown(results[UNET].test.table, conditions, MICROGRAPH_BINS)
    save(methods.breakdown(parts, "U-Net on test micrographs"), folder / "figures" / "breakdown.png")
    run.log_csv(folder / "breakdown.csv", parts)
    metrics = {f"test/{key}": value for key, value in results[UNET].test.summary.items()}
    for extra in results[UNET].extra:
        comparison = compare_with_unet({name: result.extra[extra] for name, result in results.items()})
        console.print(tables.methods_table(comparison, f"{extra.capitalize()} micrographs"))
        _log_table(f"comparison_{extra}", comparison, folder, run)
        metrics |= {f"{extra}/{key}": value for key, value in results[UNET].extra[extra].summary.items()}
    run.log_metrics(metrics)
    return metrics


def add_forest(
    config: DictConfig,
    data: TrainingData,
    test: list[LabelledMicrograph],
    unet: MethodResult,
    folder: Path,
    run: Run,
) -> tuple[dict[str, float], pd.Series]:
    """Fit the forest on the particles that the U-Net finds in validation micrographs, and score it on test.

    Where the labels are masks without classes, the forest of the model that training began with is kept.

    Returns:
        The forest's metrics, and the class of every test particle.
    """
    if not any("label" in micrograph.ground_truth for micrograph in test):
        return {}, keep_forest(config, folder)
    with run.child("forest") as child:
        train = segment_views(data, "validation", config.views, unet.method.segment)
        metrics, classes = fit_and_evaluate_forest(
            config, train, zip(test, unet.test.segmentations, strict=True), folder, child
        )
    for line in tables.forest_lines(metrics):
        console.print(line)
    return metrics, classes


def keep_forest(config: DictConfig, folder: Path) -> pd.Series:
    """Save the forest of the model that training began with, if it has one, beside the network.

    Returns:
        The classes of no particle.
    """
    forest = Forest.load_if_present(find_model(config.start)) if config.start else None
    if forest is not None:
        forest.save(folder / "model")
    fate = f"that of {config.start} is kept" if forest else "none is trained"
    console.print(f"Forest: the labels tell particles but no classes, {fate}", soft_wrap=True, highlight=False)
    return pd.Series(dtype=object, index=pd.MultiIndex.from_arrays([[], []], names=["micrograph", "particle"]))


def draw_gallery(test: list[LabelledMicrograph], unet: MethodResult, classes: pd.Series, folder: Path) -> None:
    """Draw test micrographs from the worst to the best Dice, with what was found and the forest's classes."""
    if not (chosen := micrographs.select_typical(unet.test.table)):
        return
    classified = classes.index.get_level_values("micrograph")
    none = pd.Series(dtype=object)
    predicted = [classes.xs(test[i].name) if test[i].name in classified else none for i in chosen]
    figure = micrographs.gallery([test[i] for i in chosen], [unet.test.instances[i] for i in chosen], predicted)
    save(figure, folder / "figures" / "gallery.png")


def micrograph_conditions(micrograph: LabelledMicrograph) -> dict[str, Any]:
    """Content of a micrograph, and the conditions it was taken under."""
    truth, taken = micrograph.ground_truth, micrograph.metadata
    material = f"{truth['material'].iloc[0]}, {truth['structure'].iloc[0]}" if len(truth) else "unknown"
    return {
        "material": material if micrograph.instances.any() else "no particle",
        "diameter_nm": truth["diameter_nm"].median() if len(truth) else np.nan,
        "dose_e_per_nm2": taken.get("dose_e_per_nm2", np.nan),
        "defocus_nm": abs(taken.get("defocus_nm", np.nan)),
        "pixel_size_nm": micrograph.pixel_size_nm,
    }


def _log_table(name: str, table: pd.DataFrame, folder: Path, run: Run) -> None:
    """Write a table of methods as CSV, and log it as CSV and for the user interface."""
    rows = table.reset_index()
    run.log_csv(folder / f"{name}.csv", rows)
    run.log_table(rows, f"{name}.json")
