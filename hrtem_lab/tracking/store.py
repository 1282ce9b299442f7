"""Where MLflow keeps runs: the store and its experiments."""

from __future__ import annotations

import os
from http.client import HTTPException
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.request import urlopen

import mlflow
from filelock import FileLock, Timeout
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import workspace

MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
"""Tag of an experiment; without it the user interface opens its pages for chats."""


SERVER_TIMEOUT_S = 10.0
"""Time that a tracking server has to answer before a command begins."""
LOCK_LIMIT_S = 300.0
"""Time that other processes have to create the store."""


def use_store() -> str:
    """Choose the store, `MLFLOW_TRACKING_URI` or by default `mlflow.db` in the workspace.

    Returns:
        The store's URI.

    Raises:
        InputError: The store is on a tracking server that does not answer.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(workspace() / 'mlflow.db').as_posix()}"
    check_server(uri)
    mlflow.set_tracking_uri(uri)
    return uri


def check_server(uri: str) -> None:
    """Ask a tracking server for a sign of life; MLflow itself would try for minutes.

    Args:
        uri: URI of the store; one that is no server is not asked.

    Raises:
        InputError: Nothing answers within `SERVER_TIMEOUT_S`, however long its name takes to be resolved.
    """
    if not uri.startswith(("http://", "https://")):
        return
    outcome: list[str] = []
    probe = Thread(target=lambda: outcome.append(_probe(uri)), daemon=True)
    probe.start()
    probe.join(SERVER_TIMEOUT_S)
    reason = outcome[0] if outcome else f"timed out after {SERVER_TIMEOUT_S:g} s"
    if reason:
        raise InputError(
            f"MLFLOW_TRACKING_URI={uri}: no tracking server answers there ({reason}); start it, or unset "
            "MLFLOW_TRACKING_URI to keep runs in mlflow.db"
        )


def _probe(uri: str) -> str:
    """Why a server does not answer; '' where it does, whatever it says: a login may be asked for."""
    try:
        with urlopen(f"{uri.rstrip('/')}/health", timeout=SERVER_TIMEOUT_S):
            return ""
    except HTTPError:
        return ""
    except (OSError, HTTPException, ValueError) as error:
        return str(getattr(error, "reason", error))


def answers(uri: str) -> bool:
    """Whether a tracking server answers at once."""
    try:
        with urlopen(f"{uri.rstrip('/')}/health", timeout=2):
            return True
    except (OSError, HTTPException):
        return False


def server_is_away() -> bool:
    """Whether the current store is on a server that does not answer."""
    uri = mlflow.get_tracking_uri()
    return uri.startswith(("http://", "https://")) and not answers(uri)


def connect(experiment: str) -> str:
    """Choose the store and the experiment; create both if they are new.

    Artifacts of a SQLite store lie in the folder `mlartifacts` beside it. The store is created under a file lock:
    several processes that open a fresh SQLite store at once break it for good.

    Args:
        experiment: Name of the MLflow experiment.

    Returns:
        The store's URI.

    Raises:
        InputError: The experiment was deleted, what the URI names is no store of MLflow, no tracking server answers, or
            another process keeps the store locked.
    """
    uri = use_store()
    folder = Path(uri.removeprefix("sqlite:///")).absolute().parent if uri.startswith("sqlite:///") else None
    lock = (folder or workspace()) / ".mlflow.lock"
    try:
        with FileLock(lock, timeout=LOCK_LIMIT_S):
            _create(experiment, uri, folder)
    except Timeout as error:
        raise InputError(
            f"MLFLOW_TRACKING_URI={uri}: another process has kept {lock} for {LOCK_LIMIT_S:g} s; end it, or "
            "give another store"
        ) from error
    except OSError as error:
        raise InputError(
            f"MLFLOW_TRACKING_URI={uri}: {lock} cannot be written ({error.strerror}); give a store in a "
            "folder that you may write to"
        ) from error
    mlflow.set_experiment(experiment)
    return uri


def _first_line(error: Exception) -> str:
    """Cut a message of a library before its statements and lists."""
    return str(error).partition("\n")[0].strip(". ")


def _create(experiment: str, uri: str, folder: Path | None) -> None:
    """Create an experiment where it is not there, with the artifacts of a SQLite store in a folder of its own."""
    try:
        known = mlflow.get_experiment_by_name(experiment)
    except OperationalError:  # a disk that cannot be written, which the command explains
        raise
    except (mlflow.MlflowException, SQLAlchemyError) as error:
        raise InputError(
            f"MLFLOW_TRACKING_URI={uri}: no MLflow store answers there ({_first_line(error)}); give the address or the "
            "file of one, or unset MLFLOW_TRACKING_URI to keep runs in mlflow.db"
        ) from error
    if known is not None and known.lifecycle_stage == "deleted":
        raise InputError(
            f"the MLflow experiment {experiment} was deleted: give another name=, or restore it with "
            f"mlflow experiments restore --experiment-id {known.experiment_id}"
        )
    if known is None:
        # without a location of its own, a SQLite store would put artifacts into the folder we were called from
        location = (folder / "mlartifacts").as_uri() if folder else None
        mlflow.create_experiment(experiment, location, tags=MODEL_TRAINING)
