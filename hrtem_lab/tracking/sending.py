"""Everything that is sent to a tracking server, each kind by a function that may be called again."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import mlflow
import numpy as np
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric
from mlflow.types import Schema, TensorSpec

from hrtem_lab.paths import PACKAGE
from hrtem_lab.tracking.model_code import copy_code, pin_requirements, restore_search_path

MAX_TAG_CHARACTERS = 5000
"""Length to which the value of a tag is cut; MLflow refuses longer ones."""
LOGGED_ARTIFACTS = "mlflow.loggedArtifacts"
"""Tag that lists the artifacts that MLflow's pages show as tables."""


def send_metrics(run_id: str, values: Mapping[str, float], step: int, timestamp: int) -> None:
    """Log metrics of a step; MLflow keeps one of several equal ones."""
    metrics = [Metric(key, value, timestamp, step) for key, value in values.items()]
    mlflow.MlflowClient().log_batch(run_id, metrics=metrics)


def send_params(run_id: str, values: Mapping[str, str]) -> None:
    """Log parameters; those that the run has keep their values, and the others become the tag `config.drift`."""
    there = mlflow.MlflowClient().get_run(run_id).data.params
    mlflow.log_params({key: text for key, text in values.items() if key not in there}, run_id=run_id)
    drifted = [f"{key}: {there[key]} -> {text}" for key, text in values.items() if there.get(key, text) != text]
    if drifted:
        send_tags(run_id, {"config.drift": "; ".join(drifted)[:MAX_TAG_CHARACTERS]})


def send_tags(run_id: str, values: Mapping[str, str]) -> None:
    """Set tags."""
    client = mlflow.MlflowClient()
    for key, value in values.items():
        client.set_tag(run_id, key, value)


def send_text(run_id: str, content: str, name: str) -> None:
    """Log a text as an artifact."""
    mlflow.log_text(content, name, run_id=run_id)


def send_table(run_id: str, table: str, name: str) -> None:
    """Log a table (JSON, as pandas splits it) that MLflow's pages show, in the place of one that is there."""
    send_text(run_id, table, name)
    listed = json.loads(mlflow.MlflowClient().get_run(run_id).data.tags.get(LOGGED_ARTIFACTS, "[]"))
    entry = {"path": name, "type": "table"}
    if entry not in listed:
        send_tags(run_id, {LOGGED_ARTIFACTS: json.dumps([*listed, entry])})


def send_file(run_id: str, path: str) -> None:
    """Log a file as an artifact of its name."""
    mlflow.log_artifact(path, run_id=run_id)


def send_folder(run_id: str, path: str) -> None:
    """Log a folder as an artifact folder of its name."""
    mlflow.log_artifacts(path, Path(path).name, run_id=run_id)


def send_image(run_id: str, pixels: list[list[int]], key: str, step: int, timestamp: int) -> None:
    """Log a grey image of a series that MLflow's pages step through."""
    image = np.array(pixels, dtype=np.uint8)
    mlflow.MlflowClient().log_image(run_id, image, key=key, step=step, timestamp=timestamp)


def send_dataset(run_id: str, name: str, digest: str, source: str) -> None:
    """Log what a run was trained or scored on."""
    entity = Dataset(name=name, digest=digest, source_type="code", source=source)
    context = InputTag(key="mlflow.data.context", value="training")
    mlflow.MlflowClient().log_inputs(run_id, [DatasetInput(dataset=entity, tags=[context])])


def send_model(run_id: str, folder: str, example: list[list[float]], pixel_size_nm: float) -> None:
    """Log a saved model with its signature, an example, pinned requirements and the package's code."""
    image, params = np.array([example], dtype=np.float32), {"pixel_size_nm": pixel_size_nm}
    signature = mlflow.models.infer_signature(image, image, params)
    # MLflow infers the size of the example, and the model takes images of every size
    signature.inputs = signature.outputs = Schema([TensorSpec(np.dtype(np.float32), (-1, -1, -1))])
    active = mlflow.active_run()
    is_active = active is not None and active.info.run_id == run_id
    with (
        tempfile.TemporaryDirectory(prefix="hrtem_lab_") as scratch,
        restore_search_path(),
        contextlib.nullcontext() if is_active else mlflow.start_run(run_id=run_id),
    ):
        mlflow.pyfunc.log_model(
            name="model",
            python_model=str(PACKAGE / "tracking" / "pyfunc.py"),
            artifacts={"folder": folder},
            signature=signature,
            input_example=(image, params),
            pip_requirements=pin_requirements(),
            code_paths=[str(copy_code(Path(scratch)))],
        )


def send_experiment_tag(run_id: str, experiment_id: str, key: str, value: str) -> None:
    """Set a tag of an experiment, for a run of it."""
    mlflow.MlflowClient().set_experiment_tag(experiment_id, key, value)


def send_status(run_id: str, status: str) -> None:
    """End a run."""
    mlflow.MlflowClient().set_terminated(run_id, status)


SENDERS: dict[str, Callable[..., None]] = {
    "metrics": send_metrics,
    "params": send_params,
    "tags": send_tags,
    "text": send_text,
    "table": send_table,
    "file": send_file,
    "folder": send_folder,
    "image": send_image,
    "dataset": send_dataset,
    "experiment_tag": send_experiment_tag,
    "model": send_model,
    "status": send_status,
}
"""Kind of what is sent -> function, called with the identifier of the run and arguments that JSON can hold."""
