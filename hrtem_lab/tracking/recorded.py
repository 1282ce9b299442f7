"""The record that a run in MLflow has of itself, and how the present differs from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mlflow
import yaml

from hrtem_lab.micrograph import InputError
from hrtem_lab.tracking.store import use_store


@dataclass(frozen=True)
class RecordedRun:
    """A run in the store.

    Attributes:
        id: MLflow's identifier.
        status: MLflow's word for how it ended, such as `FINISHED`.
        config: Resolved configuration.
        metrics: Last value of each metric.
        tags: Tags, among them where it came from (see `hrtem_lab.tracking.provenance`).
    """

    id: str
    status: str
    config: dict[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def read_run(run_id: str) -> RecordedRun:
    """Read a run of the current store.

    Raises:
        InputError: There is none, or it is no run of a command: it holds no configuration.
    """
    uri = use_store()
    try:
        run = mlflow.MlflowClient().get_run(run_id)
    except mlflow.MlflowException as error:
        raise InputError(f"run={run_id}: {uri} holds no such run; make ui shows their identifiers") from error
    try:
        config = yaml.safe_load(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/config.yaml"))
    except (mlflow.MlflowException, OSError) as error:
        raise InputError(
            f"run={run_id} holds no config.yaml; give the run of a whole command, not that of one method in it"
        ) from error
    return RecordedRun(run_id, run.info.status, config, run.data.metrics, run.data.tags)


def describe_changes(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Say what of code, versions and machine is another one than it was, a line each.

    Args:
        then: Tags of a run.
        now: Result of `hrtem_lab.tracking.provenance.provenance`.
    """
    lines = [f"{key} was {then[key]}, and is {value}" for key, value in now.items() if then.get(key, value) != value]
    if then.get("git.dirty") == "True":
        lines.append("files of the run had been changed after its commit: nobody can bring them back")
    return lines
