"""The pipeline of `forest`: a forest for a trained segmenter, from simulated specimens."""

from __future__ import annotations

from omegaconf import DictConfig

from hrtem_lab.cli.progress import console
from hrtem_lab.figures import tables
from hrtem_lab.files import write_json
from hrtem_lab.pipelines.forest_evaluation import fit_and_evaluate_forest
from hrtem_lab.pipelines.particle_tables import segment_views
from hrtem_lab.pipelines.run_folder import open_run
from hrtem_lab.pipelines.training_data import log_data, simulate_missing
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import find_model


def fit_forest(config: DictConfig) -> dict[str, float]:
    """Fit a forest for a trained segmenter, on specimens that the segmenter was not trained on, and save both.

    Args:
        config: Configuration of `forest`.

    Returns:
        The forest's metrics, with the names that they have in MLflow.
    """
    source = find_model(config.model)
    unet = NetworkSegmenter.load(source)
    with open_run(config) as (run, folder, uri):
        data = simulate_missing(config)
        log_data(config, data, folder, run)
        run.set_tags({"segmenter": source})
        unet.save(folder / "model")
        with run.child("forest") as child:
            train = segment_views(data, "train", config.views, unet.segment)
            test = segment_views(data, "test", config.test_views, unet.segment)
            metrics, _ = fit_and_evaluate_forest(config, train, test, folder, child)
        write_json(folder / "metrics.json", metrics)
        run.log_folder(folder / "figures")
    for line in tables.forest_lines(metrics):
        console.print(line)
    for line in tables.next_steps(folder, uri):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    return metrics
