"""The pipeline of `forest`: a segmenter that is there, specimens of its own, and the forest that goes with it."""

from __future__ import annotations

import mlflow
from omegaconf import DictConfig

from hrtem_lab.cli.progress import quiet
from hrtem_lab.figures import tables
from hrtem_lab.files import write_json
from hrtem_lab.pipelines.forest_evaluation import segmented, study
from hrtem_lab.pipelines.train import log_data, output_folder, simulated
from hrtem_lab.segmentation.unet import UNet
from hrtem_lab.tracking import runs
from hrtem_lab.tracking.models import find_model


def fit_forest(config: DictConfig) -> dict[str, float]:
    """Fit a forest for a segmenter that is there, on specimens of its own, and save both in one folder.

    Returns:
        The forest's metrics, as they are in MLflow.
    """
    quiet()
    folder = output_folder(config)
    uri = runs.connect(config.name)
    source = find_model(config.model)
    unet = UNet.load(source)
    with runs.run(folder.name, tags=runs.provenance() | {"folder": str(folder)}) as parent:
        runs.log_config(config, folder)
        data = simulated(config)
        log_data(config, data)
        mlflow.set_tag("segmenter", str(source))
        unet.save(folder / "model")
        with runs.run("forest", parent):
            learn = segmented(data, "train", config.views, unet.find)
            test = segmented(data, "test", config.test_views, unet.find)
            metrics, _ = study(config, learn, test, folder)
        write_json(folder / "metrics.json", metrics)
        mlflow.log_artifacts(str(folder / "figures"), "figures")
    tables.show_forest(metrics)
    tables.show_next(folder, uri)
    return metrics
