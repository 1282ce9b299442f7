"""The pipeline of `forest`: a forest for a trained segmenter, from simulated specimens."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from hrtem_lab.cli.build import to_plain
from hrtem_lab.cli.progress import console, print_lines
from hrtem_lab.figures import tables
from hrtem_lab.files import write_json
from hrtem_lab.files.content import digest_files
from hrtem_lab.fingerprint import fingerprint
from hrtem_lab.paths import PACKAGE, workspace
from hrtem_lab.pipelines.forest_evaluation import fit_and_evaluate_forest
from hrtem_lab.pipelines.particle_tables import (
    FOREST,
    TRUE_MASKS,
    PiecewiseTables,
    add_tables,
    build_feature_sets,
    feature_nodes,
)
from hrtem_lab.pipelines.run_folder import METRICS, open_run
from hrtem_lab.pipelines.run_report import write_run_report
from hrtem_lab.pipelines.training_data import log_data, simulate_missing
from hrtem_lab.segmentation.data import TrainingData
from hrtem_lab.segmentation.model_folder import ARCHITECTURE, ONNX, SETTINGS, WEIGHTS
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import find_model

SOURCES = (
    *("image.py", "particles/**/*.py", "physics/**/*.py", "segmentation/**/*.py"),
    *("defects/labelling.py", "defects/table.py", "pipelines/particle_tables.py"),
)
"""Modules that decide what is in a table of particles."""


def fit_forest(config: DictConfig, parent_id: str | None = None) -> dict[str, float]:
    """Fit a forest for a trained segmenter, on specimens that the segmenter was not trained on, and save both.

    Args:
        config: Configuration of `forest`.
        parent_id: Run that this one is shown below.

    Returns:
        The forest's metrics, with the names that they have in MLflow.
    """
    source = find_model(config.model)
    unet = NetworkSegmenter.load(source)
    with open_run(config, "forest", parent_id) as (run, folder, uri):
        data = simulate_missing(config)
        log_data(config, data, folder, run)
        run.set_tags({"segmenter": source})
        unet.save(folder / "model")
        with run.child("forest") as child:
            particles = PiecewiseTables(find_pieces(config, data, source), unet.segment)
            feature_sets = build_feature_sets(config)
            train = particles.tabulate(data, "train", config.views, feature_sets)
            test_sets = feature_sets | {TRUE_MASKS: feature_sets[FOREST]}
            test = particles.tabulate(data, "test", config.test_views, test_sets)
            train = add_tables(train, test, config.more_tables)
            metrics, _ = fit_and_evaluate_forest(config, train, test, folder, child)
        run.log_metrics(metrics)
        run.log_folder(folder / "figures")
        write_run_report(config, folder, run, metrics=metrics)
        write_json(folder / METRICS, metrics)
    for line in tables.forest_lines(metrics):
        console.print(line)
    print_lines(tables.next_steps(folder, uri))
    return metrics


def find_pieces(config: DictConfig, data: TrainingData, model: Path) -> Path:
    """The folder of the tables of particles, in `config.tables`: it is named after all that decides a row of them.

    The number of specimens is left out, so that a larger library goes on from a smaller one.
    """
    parts = [model / name for name in (SETTINGS, ARCHITECTURE, WEIGHTS, ONNX)]
    recipe = {
        "data": data.fingerprint_inputs,
        "imaging": to_plain(config.data.imaging),
        "seed": config.data.seed,
        "features": {name: to_plain(node) for name, node in feature_nodes(config).items()},
        "segmenter": digest_files(part for part in parts if part.is_file()),
        "source": digest_files(sorted(file for name in SOURCES for file in PACKAGE.glob(name))),
    }
    root = Path(config.tables).expanduser() if config.tables else workspace() / ".cache" / "particles"
    return root / fingerprint(recipe)
