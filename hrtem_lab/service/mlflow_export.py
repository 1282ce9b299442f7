"""The analysis of files written as an MLflow model: `mlflow models serve` answers as the service does."""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from importlib.metadata import requires
from pathlib import Path

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from omegaconf import DictConfig

from hrtem_lab.cli.progress import console
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import PACKAGE
from hrtem_lab.tracking.model_code import copy_code, pin_requirements
from hrtem_lab.tracking.models import find_model

SIGNATURE = ModelSignature(
    Schema([ColSpec(DataType.string, "name"), ColSpec(DataType.binary, "content")]),
    Schema([ColSpec(DataType.string, column) for column in ("name", "result", "overlay", "error")]),
    ParamSchema([ParamSpec("pixel_size_nm", DataType.double, float("nan"))]),
)
"""A name and the bytes of each file, and the size of a pixel for those that do not say it."""


def export_mlflow(config: DictConfig) -> None:
    """Write a model with the package's code and the names of the libraries that it runs with.

    Raises:
        InputError: There is something at the output already, or no model to be written.
    """
    output = Path(config.output).expanduser()
    if output.exists() and any(output.iterdir()):
        raise InputError(f"output={output}: is not empty; give a new folder")
    save_model(find_model(config.model), output)
    console.print(f"{output}: mlflow models serve -m {output} --env-manager local", markup=False, soft_wrap=True)


def save_model(model: Path, output: Path) -> None:
    """Write a model to a folder that is empty or new."""
    names = [re.split(r"[^\w-]", line)[0] for line in requires("hrtem_lab") or () if "extra ==" not in line]
    with tempfile.TemporaryDirectory(prefix="hrtem_lab_") as scratch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*An input example was not provided")  # it would be a whole file
        unfinished = Path(scratch) / "model"
        mlflow.pyfunc.save_model(
            path=str(unfinished),
            python_model=str(PACKAGE / "service" / "mlflow_model.py"),
            artifacts={"folder": str(model)},
            signature=SIGNATURE,
            pip_requirements=pin_requirements(names),
            code_paths=[str(copy_code(Path(scratch)))],
        )
        shutil.copytree(unfinished, output, dirs_exist_ok=True)
