"""The workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hrtem_lab.micrograph import InputError

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def connect(cluster: Any, preload: str) -> Iterator[Client]:
    """Connect to a Dask scheduler.

    Args:
        cluster: Address of the scheduler (`tcp://...`), its scheduler file (`.json`) or a Dask cluster.
        preload: Module that every worker, also one that joins later, imports before its first task. Two threads of a
            worker that import a large library at the same time could wait for each other's import locks.

    Raises:
        InputError: No scheduler answers.
    """
    from distributed import Client, WorkerPlugin

    class ImportPlugin(WorkerPlugin):
        """Imports a module when a worker starts."""

        name = f"import {preload}"

        def setup(self, worker: Any) -> None:
            import_module(preload)

    is_file = isinstance(cluster, str) and cluster.endswith(".json")
    try:
        client = Client(scheduler_file=cluster) if is_file else Client(cluster, timeout=20)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cluster={cluster}: no Dask scheduler answers there ({error}); give tcp://HOST:PORT"
        ) from error
    with client:
        client.register_plugin(ImportPlugin())
        yield client
