"""Where MLflow keeps runs: the store and its experiments."""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
from filelock import FileLock

from hrtem_lab.paths import workspace

MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
"""Tag of an experiment; without it the user interface opens its pages for chats."""


def use_store() -> str:
    """Choose the store, `MLFLOW_TRACKING_URI` or by default `mlflow.db` in the workspace, and return its URI."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(workspace() / 'mlflow.db').as_posix()}"
    mlflow.set_tracking_uri(uri)
    return uri


def connect(experiment: str) -> str:
    """Choose the store and the experiment; create both if they are new.

    Artifacts of a SQLite store lie in the folder `mlartifacts` beside it. The store is created under a file lock:
    several processes that open a fresh SQLite store at once break it for good.

    Args:
        experiment: Name of the MLflow experiment.

    Returns:
        The store's URI.
    """
    uri = use_store()
    folder = Path(uri.removeprefix("sqlite:///")).absolute().parent if uri.startswith("sqlite:///") else None
    with FileLock((folder or workspace()) / ".mlflow.lock"):
        if mlflow.get_experiment_by_name(experiment) is None:
            # without a location of its own, a SQLite store would put artifacts into the folder we were called from
            location = (folder / "mlartifacts").as_uri() if folder else None
            mlflow.create_experiment(experiment, location, tags=MODEL_TRAINING)
    mlflow.set_experiment(experiment)
    return uri
