"""The pipeline of `export`: a saved model as ONNX."""

from __future__ import annotations

from omegaconf import DictConfig

from hrtem_lab.cli.progress import console
from hrtem_lab.defects import Forest
from hrtem_lab.defects.forest import FILES
from hrtem_lab.files import make_folder
from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import find_model


def export(config: DictConfig) -> None:
    """Write the segmenter as ONNX, and its forest, where it has one, as it is."""
    if (name := config.get("format", "onnx")) != "onnx":
        raise InputError(f"format={name}: expected onnx or mlflow")
    source, folder = find_model(config.model), make_folder(config.output)
    difference = NetworkSegmenter.load(source).export(folder)
    forest = Forest.load_if_present(source)
    for file in FILES:  # an older model's
        (folder / file).unlink(missing_ok=True)
    if forest is not None:
        forest.save(folder)
    console.print(
        f"{folder}: differs from {source} by {difference:.1g} in probability at most", markup=False, soft_wrap=True
    )
