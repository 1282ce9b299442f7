"""The pipeline of `train`: data, network, the methods beside it, particles, forest, MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytorch_lightning as pl
from omegaconf import DictConfig

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import console, print_lines
from hrtem_lab.defects import Forest, TooFewClasses
from hrtem_lab.figures import micrographs, tables
from hrtem_lab.figures.style import save
from hrtem_lab.files import write_json
from hrtem_lab.micrograph import InputError, LabelledMicrograph
from hrtem_lab.pipelines.evaluate import score_and_report
from hrtem_lab.pipelines.fit_network import train_network
from hrtem_lab.pipelines.forest_evaluation import fit_and_evaluate_forest
from hrtem_lab.pipelines.learning import learn_and_tune, save_tuned, tune
from hrtem_lab.pipelines.particle_tables import FOREST, TRUE_MASKS, build_feature_sets, segment_views, tabulate
from hrtem_lab.pipelines.run_folder import METRICS, open_run
from hrtem_lab.pipelines.run_report import write_run_report
from hrtem_lab.pipelines.scoring import Scores
from hrtem_lab.pipelines.training_data import log_data, simulate_missing
from hrtem_lab.segmentation.data import TrainingData
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.segmenter import Segmenter, has_particles
from hrtem_lab.tracking.models import find_model, log_model
from hrtem_lab.tracking.provenance import provenance
from hrtem_lab.tracking.runs import Run

UNET, BEFORE = "unet", "before"
"""Names of two methods: the trained network, and the model that its training began with."""

KEPT_SETTINGS = ("threshold", "temperature", "min_diameter_nm")
"""Settings of the model that a training began with which `kept_settings` keeps."""

NO_TEST = (
    "No test score: the labelled micrographs are of one or two groups, and all are learned from or tuned on. The "
    "scores above are of simulated micrographs; label a third group (column group of metadata.csv) for one of yours"
)


def train(config: DictConfig, parent_id: str | None = None) -> dict[str, float]:
    """Everything from simulation to the table of methods and the forest.

    Methods learn from the training side and are tuned on the validation side; the test side is opened once, by
    `hrtem_lab.pipelines.evaluate.score_and_report`.

    Args:
        config: Configuration of `train`.
        parent_id: Run that this one is shown below.

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
    if config.kept_settings and not config.start:
        raise InputError(
            "kept_settings=true keeps the settings of the model in start; give start=FOLDER, or leave it out"
        )
    pl.seed_everything(config.seed, verbose=False)
    with open_run(config, "train", parent_id) as (run, folder, uri):
        data = simulate_missing(config)
        log_data(config, data, folder, run)
        methods = train_and_tune(config, data, folder, run)
        test, others = data.micrographs("test"), data.extra_test_sets()
        sets = {"test": test, **others} if len(test) else others
        evaluation = score_and_report(methods, sets, UNET, folder, run)
        metrics, scored, scores = evaluation.metrics, evaluation.micrographs, evaluation.scores[UNET]
        if len(test):
            forest_metrics, classes = add_forest(config, data, test, methods[UNET], scores, folder, run)
            run.log_metrics(forest_metrics)
            metrics |= forest_metrics
        else:
            console.print(NO_TEST, soft_wrap=True, highlight=False, style="yellow")
            classes = keep_forest(config, folder)
        draw_gallery(scored, scores, classes, folder)
        run.log_folder(folder / "figures")
        write_run_report(config, folder, run, UNET, metrics)
        log_model(folder / "model", scored[0], run)
        write_json(folder / METRICS, metrics)
    print_lines(tables.next_steps(folder, uri, evaluation.view))
    return metrics


def train_and_tune(config: DictConfig, data: TrainingData, folder: Path, run: Run) -> dict[str, Segmenter]:
    """Train the U-Net and the methods that learn, tune all on validation, and save them: `model` and `methods/NAME`."""
    before = NetworkSegmenter.load(find_model(config.start)) if config.start else None
    keep = bool(config.kept_settings)
    validation = data.views("validation", config.tuning_views)
    if not has_particles(validation):
        console.print("No validation micrograph holds a particle: thresholds stay as they are, nothing tunes them")
    with run.child(UNET) as child:
        network = train_network(config, data, folder, child, {"run": run.id, **provenance()})
        if before is not None and keep:
            network = replace(network, **{name: getattr(before, name) for name in KEPT_SETTINGS})
        tuned: dict[str, Segmenter] = {UNET: tune(network, validation, child, keep)}
        child.log_params({"tuned.temperature": getattr(tuned[UNET], "temperature", None)})
        save_tuned(tuned[UNET], folder / "model")
    others: dict[str, Segmenter] = {str(name): build(node) for name, node in config.get("methods", {}).items()}
    if before is not None:
        others = {BEFORE: before} | others
    for name, method in others.items():
        with run.child(name) as child:
            tuned[name] = learn_and_tune(method, name, data, validation, folder, child, keep and name == BEFORE)
    return tuned


def add_forest(
    config: DictConfig,
    data: TrainingData,
    test: Sequence[LabelledMicrograph],
    unet: Segmenter,
    scores: Scores,
    folder: Path,
    run: Run,
) -> tuple[dict[str, float], pd.Series]:
    """Fit the forest on the particles that the U-Net finds in validation micrographs, and score it on test.

    Where the labels are masks without classes, or the network finds too few particles to learn from, the forest of the
    model that training began with is kept.

    Returns:
        The forest's metrics, and the class of every test particle.
    """
    if not any("label" in micrograph.ground_truth for micrograph in test):
        return {}, keep_forest(config, folder)
    feature_sets = build_feature_sets(config)
    try:
        with run.child("forest") as child:
            with console.status("Cutting particles"):
                train = tabulate(segment_views(data, "validation", config.views, unet.segment), feature_sets)
                seen = zip(test, scores.segmentations, strict=True)
                tested = tabulate(seen, feature_sets | {TRUE_MASKS: feature_sets[FOREST]})
            child.log_csv(folder / "forest_table.csv", train[FOREST])
            metrics, classes = fit_and_evaluate_forest(config, train, tested, folder, child)
    except TooFewClasses as error:  # the network is there: hours of training do not end in a fault
        return {}, keep_forest(config, folder, str(error))
    for line in tables.forest_lines(metrics):
        console.print(line)
    return metrics, classes


def keep_forest(
    config: DictConfig, folder: Path, reason: str = "the labels tell particles but no classes"
) -> pd.Series:
    """Save the forest of the model that training began with, if it has one, beside the network, and print the reason.

    Returns:
        The classes of no particle.
    """
    forest = Forest.load_if_present(find_model(config.start)) if config.start else None
    if forest is not None:
        forest.save(folder / "model")
    fate = f"that of {config.start} is kept" if forest else "none is trained"
    console.print(f"Forest: {reason}; {fate}", soft_wrap=True, highlight=False, markup=False)
    return pd.Series(dtype=object, index=pd.MultiIndex.from_arrays([[], []], names=["micrograph", "particle"]))


def draw_gallery(test: Sequence[LabelledMicrograph], scores: Scores, classes: pd.Series, folder: Path) -> None:
    """Draw test micrographs from the worst to the best Dice, with what was found and the forest's classes."""
    if not (chosen := micrographs.select_typical(scores.table)):
        return
    classified = classes.index.get_level_values("micrograph")
    none = pd.Series(dtype=object)
    predicted = [classes.xs(test[i].name) if test[i].name in classified else none for i in chosen]
    figure = micrographs.gallery([test[i] for i in chosen], [scores.instances[i] for i in chosen], predicted)
    save(figure, folder / "figures" / "gallery.png")
