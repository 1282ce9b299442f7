"""A service in a thread of this process, on a free port of loopback, and a client that is as plain as curl."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import uvicorn

from hrtem_lab.particles import lattice_features
from hrtem_lab.processes.pool import ChildPool
from hrtem_lab.service import task
from hrtem_lab.service.access import Access
from hrtem_lab.service.app import make_app
from hrtem_lab.service.jobs import Jobs
from hrtem_lab.service.task import PRELOAD, AnalysisSettings


@dataclass(frozen=True)
class Server:
    """A running service."""

    port: int
    folder: Path
    jobs: Jobs

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def post(self, name: str, body: bytes, **query: str) -> tuple[int, Any]:
        """Send a file; status and content of the answer."""
        status, _, content = self.ask("POST", f"/analyses?{urlencode({'name': name, **query})}", body)
        return status, json.loads(content)

    def get(self, path: str) -> tuple[int, Any]:
        status, _, content = self.ask("GET", path)
        return status, json.loads(content)


@contextmanager
def running(
    folder: Path, model: Path, analyse: Callable[..., None] = task.analyse, token: str | None = None, **limits: Any
) -> Iterator[Server]:
    """Start a service; `limits` are those of `Jobs` and `make_app`."""
    upload = {"max_upload_bytes": 10_000_000, "upload_limit_s": 20.0}
    kept = {"workers": 2, "max_waiting": 3, "max_kept": 100, "keep_s": 3600.0, "analysis_limit_s": 600.0}
    upload, kept = ({key: limits.get(key, value) for key, value in each.items()} for each in (upload, kept))
    pool = ChildPool(PRELOAD if analyse is task.analyse else analyse.__module__)
    jobs = Jobs(folder, pool, AnalysisSettings(model, lattice_features), analyse=analyse, **kept)
    server = uvicorn.Server(
        uvicorn.Config(make_app(jobs, Access("127.0.0.1", token), **upload), port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield Server(server.servers[0].sockets[0].getsockname()[1], folder, jobs)
    finally:
        jobs.close()
        server.should_exit = True
        thread.join()
