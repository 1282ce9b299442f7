"""The pipeline of `ui`: MLflow's server on the runs so far, and the link to what is worth seeing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import webbrowser

from omegaconf import DictConfig

from hrtem_lab.cli.progress import console, quiet
from hrtem_lab.micrograph import InputError
from hrtem_lab.tracking.comparison_view import newest_view
from hrtem_lab.tracking.store import answers, use_store

START_LIMIT_S = 300
JOBS = "MLFLOW_SERVER_ENABLE_JOB_EXECUTION"
"""Variable of the environment by which MLflow starts processes for jobs of its GenAI pages."""


def serve_ui(config: DictConfig) -> int:
    """Start the server, print the link, open it, and wait until the server is stopped (Ctrl-C).

    Returns:
        Exit code of the server; 0 where the runs are on a server already.
    """
    quiet()
    uri = use_store()
    if uri.startswith(("http://", "https://")):
        _show(uri, config.open)
        return 0
    address = f"http://127.0.0.1:{config.port}"
    call = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--port", str(config.port)]
    # one process, not four, and none of the six that wait for jobs: each would import all of MLflow
    environment = {JOBS: "false"} | os.environ
    server = subprocess.Popen([*call, "--host", "127.0.0.1", "--workers", "1"], env=environment)
    try:
        _wait(server, address)
        _show(address, config.open)
        return server.wait()
    finally:
        server.terminate()
        server.wait()


def _wait(server: subprocess.Popen[bytes], address: str) -> None:
    """Wait until the server answers.

    Raises:
        InputError: It ended, or does not answer in time.
    """
    deadline = time.monotonic() + START_LIMIT_S
    while not answers(address):
        if server.poll() is not None or time.monotonic() > deadline:
            raise InputError(f"MLflow does not answer at {address}; another port=... may be free")
        time.sleep(0.5)


def _show(address: str, in_browser: bool) -> None:
    """Print the links to the newest comparison and its report, or to all experiments, and open the first."""
    view, report = newest_view() or ("", "")
    start = f"{address.rstrip('/')}/"
    console.print(f"Compare methods:     {start}{view}", soft_wrap=True, highlight=False)
    if report:
        console.print(f"Its report:          {start}{report}", soft_wrap=True, highlight=False)
    if in_browser:
        webbrowser.open(start + view)
