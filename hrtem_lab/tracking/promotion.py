"""The registered model that a lab works with, chosen by a person."""

from __future__ import annotations

import mlflow

from hrtem_lab.micrograph import InputError
from hrtem_lab.tracking.store import use_store

REGISTERED, CHAMPION = "hrtem-segmenter", "champion"
"""Name of the registered model, and of the alias of its version in use: `models:/hrtem-segmenter@champion`."""


def promote(run_id: str) -> str:
    """Make the model that a run logged the champion. Called again for the same run, it registers nothing anew.

    Args:
        run_id: Identifier of a parent run of `train`.

    Returns:
        The registered version.

    Raises:
        InputError: The store holds no such run, or the run logged no model.
    """
    uri = use_store()
    client = mlflow.MlflowClient()
    try:
        run = client.get_run(run_id)
    except mlflow.MlflowException as error:
        raise InputError(f"run={run_id}: {uri} holds no such run; make ui shows their identifiers") from error
    models = mlflow.search_logged_models(
        [run.info.experiment_id], f"source_run_id = '{run_id}'", output_format="list", max_results=1
    )
    if not models:
        raise InputError(f"run={run_id} logged no model; give the parent run of a training that has ended")
    versions = _versions(client, run_id)
    version = versions[0] if versions else mlflow.register_model(models[0].model_uri, REGISTERED).version
    client.set_registered_model_alias(REGISTERED, CHAMPION, version)
    if not versions:
        client.set_model_version_tag(REGISTERED, version, "run", run_id)
    return str(version)


def _versions(client: mlflow.MlflowClient, run_id: str) -> list[str]:
    """Versions of the registered model that are of a run."""
    found = client.search_model_versions(f"name = '{REGISTERED}'")
    return [str(version.version) for version in found if version.tags.get("run") == run_id]
