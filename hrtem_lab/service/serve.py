"""From the settings of `serve` to a running service."""

from __future__ import annotations

import math
import secrets
from contextlib import closing
from functools import partial
from typing import Any

import uvicorn
from omegaconf import DictConfig

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import console
from hrtem_lab.micrograph import InputError
from hrtem_lab.processes.cores import count_cores
from hrtem_lab.processes.pool import ChildPool
from hrtem_lab.service.access import LOOPBACK, Access
from hrtem_lab.service.app import make_app
from hrtem_lab.service.jobs import Jobs
from hrtem_lab.service.scratch import scratch_folder
from hrtem_lab.service.task import PRELOAD, AnalysisSettings, check_model
from hrtem_lab.tracking.models import find_model

POSITIVE = ("port", "max_upload_mib", "upload_limit_s", "analysis_limit_s", "max_waiting", "max_kept", "keep_s")
MIN_TOKEN = 16
"""Smallest number of characters of a token."""


def serve(config: DictConfig) -> None:
    """Answer requests until Ctrl-C.

    Raises:
        InputError: A setting is wrong, or the model cannot be loaded.
    """
    _check(config)
    access = make_access(config)
    limits = {"read_limit_s": config.read_limit_s, "read_limit_gib": config.read_limit_gib}
    settings = AnalysisSettings(find_model(config.model).absolute(), build(config.features), config.tta, **limits)
    workers = config.workers or count_cores()
    with (
        scratch_folder() as folder,
        ChildPool(PRELOAD, threads=max(1, count_cores() // workers)) as pool,
    ):
        console.print(f"Loading {settings.model} ...", markup=False, soft_wrap=True)
        pool.call(partial(check_model, settings))
        kept = {key: config[key] for key in ("max_waiting", "max_kept", "keep_s", "analysis_limit_s")}
        with closing(Jobs(folder, pool, settings, workers=workers, **kept)) as jobs:
            upload = {"max_upload_bytes": int(config.max_upload_mib * 2**20), "upload_limit_s": config.upload_limit_s}
            app = make_app(jobs, access, **upload)
            console.print(f"Open {_address(config, access)} in a browser; Ctrl-C ends it", markup=False, soft_wrap=True)
            uvicorn.run(app, host=config.host, port=config.port, log_level="warning", limit_concurrency=256)


def make_access(config: DictConfig) -> Access:
    """Rules for requests: a token is needed wherever another computer could ask.

    Raises:
        InputError: The token is too short to be secret.
    """
    token = None if config.token is None else str(config.token)
    if token is None and config.host not in LOOPBACK:
        token = secrets.token_urlsafe(24)
    if token is not None and len(token) < MIN_TOKEN:
        raise InputError(f"token has {len(token)} characters, expected {MIN_TOKEN} or more; without token= one is made")
    return Access(str(config.host), token)


def _check(config: DictConfig) -> None:
    """Refuse numbers that are no limits."""
    for key in (*POSITIVE, "read_limit_s", "read_limit_gib", *(["workers"] if config.workers is not None else [])):
        if not _is_positive(config[key]):
            raise InputError(f"{key}={config[key]}: expected a positive number")


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _address(config: DictConfig, access: Access) -> str:
    """Address to open in a browser."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    secret = "" if access.token is None else f"?token={access.token}"
    return f"http://{host}:{config.port}/{secret}"
