"""The pipeline of `evaluate`: any methods on any labelled micrographs, in one table. Nothing else opens test data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
from omegaconf import DictConfig

from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.progress import console, print_lines
from hrtem_lab.evaluation import breakdown, mean_ranks, scores_by_size
from hrtem_lab.figures import methods as figures
from hrtem_lab.figures import tables
from hrtem_lab.figures.micrographs import against_truth, select_extremes
from hrtem_lab.figures.style import save
from hrtem_lab.files import write_json
from hrtem_lab.micrograph import InputError, LabelledMicrograph
from hrtem_lab.particle_facts import FACTS, MICROGRAPH_BINS
from hrtem_lab.pipelines.calibration import report_calibration
from hrtem_lab.pipelines.learning import learn_and_tune
from hrtem_lab.pipelines.open_method import find_split, name_models, open_method
from hrtem_lab.pipelines.run_folder import METRICS, open_run
from hrtem_lab.pipelines.run_report import write_run_report
from hrtem_lab.pipelines.scoring import Method, Scores, compare, score_methods
from hrtem_lab.pipelines.training_data import log_data, simulate_waves
from hrtem_lab.segmentation.data import SimulatedData, TrainingData
from hrtem_lab.segmentation.labelled import LabelledData
from hrtem_lab.segmentation.segmenter import Segmenter
from hrtem_lab.segmentation.split import STAGES, Split, refuse_seen
from hrtem_lab.tracking.comparison_view import store_comparison_view
from hrtem_lab.tracking.runs import Run

INTERVALS = "with 95 % bootstrap intervals over specimens"
"""End of the title of a table of methods."""


@dataclass(frozen=True)
class Evaluation:
    """Micrographs that methods were scored on, and the scores.

    Attributes:
        micrographs: The micrographs.
        scores: Scores on them by the method's name.
        metrics: Metrics of the method that the others are compared with, as they are in MLflow, those of further sets
            of micrographs included.
        view: Place of the comparison in MLflow's pages, below the address of the server.
    """

    micrographs: Sequence[LabelledMicrograph]
    scores: dict[str, Scores]
    metrics: dict[str, float]
    view: str


def evaluate(config: DictConfig, parent_id: str | None = None) -> Evaluation:
    """Score models, folders of masks and tuned methods on the labelled micrographs of a stage.

    Args:
        config: Configuration of `evaluate`.
        parent_id: Run that this one is shown below.

    Raises:
        InputError: There is nothing to score, a name stands for two methods, a model has seen labels that it would be
            tested on, or anything that is given is not right.
    """
    if config.stage not in STAGES:
        raise InputError(f"stage is {config.stage}, expected one of {', '.join(STAGES)}")
    models = to_plain(config)["models"] or {}
    named = name_models(config.model, models, bool(config.get("methods")))
    methods: dict[str, Method] = {name: open_method(model) for name, model in named.items()}
    pl.seed_everything(config.seed, verbose=False)
    untuned = _build_methods(config, methods)
    with open_run(config, "evaluate", parent_id) as (run, folder, uri):
        data: TrainingData = build(config.data)
        _refuse_nothing_to_learn_from(untuned, data)
        if _needs_waves(untuned, data):
            simulate_waves(data)
        if isinstance(data, LabelledData) and config.stage == "test":
            refuse_seen_labels(named, data.partition)
        log_data(config, data, folder, run)
        methods |= _tune_methods(untuned, data, config.tuning_views, folder, run)
        reference = config.reference or next(iter(methods))
        if reference not in methods:
            raise InputError(f"reference={reference}; expected one of {', '.join(methods)}")
        sets = {config.stage: data.micrographs(config.stage)}
        evaluation = score_and_report(methods, sets, reference, folder, run)
        run.log_folder(folder / "figures")
        write_run_report(config, folder, run, reference, evaluation.metrics)
        write_json(folder / METRICS, evaluation.metrics)
    print_lines(tables.where_results_are(folder, uri, evaluation.view))
    return evaluation


def refuse_seen_labels(models: Mapping[str, str], scored: Split) -> None:
    """Refuse to test models on labels that they were trained or tuned on, where the folder of their run says so.

    Args:
        models: Models by their names.
        scored: Split of the micrographs that they are to be tested on.

    Raises:
        InputError: A model has seen one of the labels.
    """
    for name, model in models.items():
        if (split_file := find_split(model)) is not None:
            refuse_seen(split_file, scored, name)


def _build_methods(config: DictConfig, models: Mapping[str, Method]) -> dict[str, Segmenter]:
    """The methods of the configuration, before they learn and are tuned.

    Raises:
        InputError: A model has the name of a method.
    """
    nodes = config.get("methods") or {}
    if repeated := sorted(set(models) & set(nodes)):
        raise InputError(f"two methods are called {repeated[0]}; name the model, as in models={{mine:FOLDER}}")
    return {str(name): build(node) for name, node in nodes.items()}


def _refuse_nothing_to_learn_from(methods: Mapping[str, Segmenter], data: TrainingData) -> None:
    """Refuse a method that learns where no micrograph is on the training side.

    Raises:
        InputError: There is one.
    """
    learners = [name for name, method in methods.items() if method.learns]
    if learners and not data.split["train"]:
        raise InputError(
            f"{learners[0]} has to learn, and the split leaves nothing to learn from; choose another data/splitter, or "
            f"score one that has learned: models={{{learners[0]}:outputs/RUN/methods/{learners[0]}}}"
        )


def _needs_waves(methods: Mapping[str, Segmenter], data: TrainingData) -> bool:
    """Whether simulated micrographs are scored, learned from or tuned on."""
    if isinstance(data, SimulatedData) or any(method.learns for method in methods.values()):
        return True
    return bool(methods) and not data.split["validation"]


def _tune_methods(
    methods: Mapping[str, Segmenter], data: TrainingData, tuning_views: int, folder: Path, run: Run
) -> dict[str, Method]:
    """Let methods learn, and tune them on the validation side."""
    validation = data.views("validation", tuning_views) if methods else []
    tuned: dict[str, Method] = {}
    for name, method in methods.items():
        with run.child(name) as child:
            tuned[name] = learn_and_tune(method, name, data, validation, folder, child)
    return tuned


def score_and_report(
    methods: Mapping[str, Method],
    sets: Mapping[str, Sequence[LabelledMicrograph]],
    reference: str,
    folder: Path,
    run: Run,
) -> Evaluation:
    """Score methods on sets of micrographs; print, draw and log the comparison.

    Args:
        methods: Tuned methods by their names; each is logged in the child run of its name.
        sets: Micrographs by the name of their set; tables and figures of details are those of the first.
        reference: Name of the method that the others are compared with.
        folder: Folder of the run, which tables and figures are written to.
        run: Parent run.

    Raises:
        InputError: A set is empty.
    """
    if empty := [name for name, micrographs in sets.items() if not len(micrographs)]:
        raise InputError(f"there is no {empty[0]} micrograph; expected at least one to score")
    scores = score_methods(methods, sets, run)
    first = next(iter(sets))
    metrics: dict[str, float] = {}
    comparisons = {name: compare(scored, reference) for name, scored in scores.items()}
    for name, comparison in comparisons.items():
        console.print(tables.methods_table(comparison, f"{name.capitalize()} micrographs, {INTERVALS}", reference))
        if len(sets[name]) <= tables.MAX_LISTED:
            console.print(tables.micrographs_table(_dice(scores[name]), f"{name} micrographs"))
        _log_comparison(comparison, "comparison" if name in STAGES else f"comparison_{name}", folder, run)
        _log_leads(comparison, name, run)
        metrics |= {f"{name}/{metric}": value for metric, value in scores[name][reference].summary.items()}
    calibration = report_calibration(methods, scores[first], sets[first], first, folder, run)
    metrics |= {f"{first}/{name}": value for name, value in calibration.get(reference, {}).items()}
    run.log_metrics(metrics)
    place = store_comparison_view(run, first)
    _report_details(scores[first], comparisons[first], sets[first], reference, folder, run)
    return Evaluation(sets[first], scores[first], metrics, place)


def _dice(scores: Mapping[str, Scores]) -> pd.DataFrame:
    """Dice of each micrograph by each method."""
    return pd.DataFrame({method: scored.table.set_index("name")["dice"] for method, scored in scores.items()})


def _log_leads(comparison: pd.DataFrame, set_name: str, run: Run) -> None:
    """Log the lead of the reference over each method and its p value in the method's own run."""
    for method, row in comparison.iterrows():
        with run.child(str(method)) as child:
            child.log_metrics({column: row[column] for column in row.index if column.startswith("lead")}, set_name)


def _log_comparison(comparison: pd.DataFrame, name: str, folder: Path, run: Run) -> None:
    """Write a table of methods as CSV, and log it as CSV and for the user interface."""
    rows = comparison.reset_index()
    run.log_csv(folder / f"{name}.csv", rows)
    run.log_table(rows, f"{name}.json")


def _report_details(
    scores: dict[str, Scores],
    comparison: pd.DataFrame,
    micrographs: Sequence[LabelledMicrograph],
    reference: str,
    folder: Path,
    run: Run,
) -> None:
    """Draw the comparison and the breakdown by condition, and log tables by condition, size and micrograph."""
    dice = {name: scored.table["dice"].to_numpy() for name, scored in scores.items()}
    save(figures.comparison(dice, comparison), folder / "figures" / "comparison.png")
    for place, index in select_extremes(scores[reference].table).items():
        overlay = against_truth(micrographs[index], scores[reference].instances[index])
        save(overlay, folder / "figures" / f"{place}.png")
    groups = pd.DataFrame({name: scored.table.groupby("group")["dice"].mean() for name, scored in scores.items()})
    if len(scores) > 2 and len(complete := groups.dropna()) > 1:
        save(figures.critical_difference(mean_ranks(complete), len(complete)), folder / "figures" / "ranks.png")
    conditions = pd.DataFrame([micrograph_conditions(micrograph) for micrograph in micrographs])
    parts = breakdown(scores[reference].table, conditions, MICROGRAPH_BINS)
    save(figures.breakdown(parts, reference), folder / "figures" / "breakdown.png")
    run.log_csv(folder / "breakdown.csv", parts)
    edges = FACTS["diameter_nm"].particle_bins or ()
    by_size = {name: scores_by_size(scored.particles, edges) for name, scored in scores.items()}
    run.log_csv(folder / "by_size.csv", pd.concat(by_size, names=["method", None]).reset_index("method"))
    rows = pd.concat({name: scored.table for name, scored in scores.items()}, names=["method", None])
    run.log_csv(folder / "micrographs.csv", rows.reset_index("method"))


def micrograph_conditions(micrograph: LabelledMicrograph) -> dict[str, Any]:
    """Content of a micrograph, and the conditions it was taken under."""
    truth, taken = micrograph.ground_truth, micrograph.metadata
    material = (
        f"{truth['material'].iloc[0]}, {truth['structure'].iloc[0]}"
        if "material" in truth and len(truth)
        else "unknown"
    )
    return {
        "material": material if micrograph.instances.any() else "no particle",
        "diameter_nm": truth["diameter_nm"].median() if "diameter_nm" in truth and len(truth) else np.nan,
        "dose_e_per_nm2": taken.get("dose_e_per_nm2", np.nan),
        "defocus_nm": abs(taken.get("defocus_nm", np.nan)),
        "pixel_size_nm": micrograph.pixel_size_nm,
    }
