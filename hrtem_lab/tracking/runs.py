"""MLflow: one parent run per command, one child per method, the same metric names in all of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from filelock import FileLock
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from omegaconf import DictConfig, OmegaConf
from pandas.api.types import is_numeric_dtype

from hrtem_lab.atomic_write import write_text
from hrtem_lab.files import write_table
from hrtem_lab.interrupts import is_interrupt
from hrtem_lab.paths import PACKAGE, workspace

PACKAGES = ("torch", "pytorch-lightning", "segmentation-models-pytorch", "abtem", "ase", "scikit-learn", "numpy")
MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}  # else the UI opens its pages for chats
PARAM_BATCH = 100  # MLflow takes no more at once


def use_store() -> str:
    """Choose the store, `MLFLOW_TRACKING_URI` or by default `mlflow.db` in the project, and give its URI."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace() / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    return uri


def connect(experiment: str) -> str:
    """Choose the store and the experiment; make both if they are new.

    Artifacts of a SQLite store lie in the folder `mlartifacts` beside it. The store is made under a file lock: several
    processes that open a fresh SQLite store at once break it for good.

    Args:
        experiment: Name of the MLflow experiment.

    Returns:
        The store's URI.
    """
    uri = use_store()
    here = Path(uri.removeprefix("sqlite:///")).absolute().parent if uri.startswith("sqlite:///") else None
    with FileLock((here or workspace()) / ".mlflow.lock"):
        if mlflow.get_experiment_by_name(experiment) is None:
            # without a place of its own, a SQLite store would put artifacts into whatever folder we were called from
            place = (here / "mlartifacts").as_uri() if here else None
            mlflow.create_experiment(experiment, place, tags=MODEL_TRAINING)
    mlflow.set_experiment(experiment)
    return uri


@contextmanager
def run(
    name: str, parent: str | None = None, tags: Mapping[str, str] | None = None, again: str | None = None
) -> Iterator[str]:
    """An MLflow run that ends FINISHED, FAILED or, after Ctrl-C, KILLED; gives its id. `again` is one to go on with."""
    active = mlflow.start_run(
        run_id=again,
        run_name=name,
        nested=parent is not None,
        parent_run_id=parent,
        tags=dict(tags or {}),
        log_system_metrics=parent is None or tags is not None,  # what says where it came from is no part of another
    )
    status = "FAILED"
    try:
        yield active.info.run_id
        status = "FINISHED"
    except BaseException as stop:
        if is_interrupt(stop):
            status = "KILLED"
        raise
    finally:
        mlflow.end_run(status)


def multirun() -> str | None:
    """The MLflow run that the jobs of a multirun (`-m`) are grouped under; None in a single job."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not HydraConfig.initialized() or HydraConfig.get().mode is not RunMode.MULTIRUN:
        return None
    return _group(HydraConfig.get().sweep.dir)


@cache
def _group(folder: str) -> str:
    """A run that holds nothing but others; `folder` is that of the multirun, which no other has."""
    with run(time.strftime("multirun %Y-%m-%d %H:%M:%S")) as run_id:
        return run_id


def give_up(run_id: str) -> None:
    """Mark the run of a process that died; nothing, where this store does not hold it."""
    with contextlib.suppress(mlflow.MlflowException):
        mlflow.MlflowClient().set_terminated(run_id, "KILLED")


def log_config(config: DictConfig, folder: Path) -> None:
    """The resolved configuration: as an artifact and in the run's folder whole, its leaves as parameters."""
    text = OmegaConf.to_yaml(config, resolve=True)
    write_text(folder / "config.yaml", text)
    mlflow.log_text(text, "config.yaml")
    leaves = [(k, str(v)[:6000]) for k, v in _leaves(OmegaConf.to_container(config, resolve=True))]
    for start in range(0, len(leaves), PARAM_BATCH):
        mlflow.log_params(dict(leaves[start : start + PARAM_BATCH]))


def provenance() -> dict[str, str]:
    """What a number came from: commit, whether files had changed since, versions, machine."""
    return {
        "git.commit": _git("rev-parse", "HEAD"),
        "git.dirty": str(bool(_git("status", "--porcelain"))),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, {_accelerator()}",
        "python": platform.python_version(),
        **{f"version.{name}": version(name) for name in PACKAGES},
    }


def log_data(name: str, recipe: Mapping[str, Any], split: Mapping[Any, list[int]]) -> None:
    """The data as an MLflow dataset under our own digest, and the digest of the split as a tag."""
    source = CodeDatasetSource({"recipe": json.dumps(recipe, sort_keys=True)})
    data = MetaDataset(source, name=name, digest=digest(recipe))  # type: ignore[abstract]
    mlflow.log_input(data, context="training")
    mlflow.set_tags({"data.digest": digest(recipe), "split.digest": digest(split)})
    mlflow.log_dict(dict(split), "split.json")


def digest(content: Any) -> str:
    """Fingerprint of anything that JSON can hold, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def log_metrics(values: Mapping[str, float], prefix: str = "") -> None:
    """Metrics, under `prefix/` if any, in one batch; what is undefined is left out, for MLflow has no such value."""
    before = f"{prefix}/" if prefix else ""
    mlflow.log_metrics({f"{before}{k}": float(v) for k, v in values.items() if v == v})


def log_table(table: pd.DataFrame, name: str) -> None:
    """A table that MLflow's UI shows; it takes text for text in columns of objects alone."""
    text = {column: object for column in table.columns if not is_numeric_dtype(table[column])}
    mlflow.log_table(table.astype(text), name)


def log_csv(path: Path, table: pd.DataFrame) -> None:
    """A table, written to a CSV file and logged as an artifact."""
    write_table(path, table)
    mlflow.log_artifact(str(path))


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, node


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(PACKAGE), *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _accelerator() -> str:
    from hrtem_lab.segmentation.processor import describe

    return describe()
