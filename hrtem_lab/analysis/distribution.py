"""One task for many files: in this process, in children on all cores, or on the workers of a Dask cluster.

A task is called with the name of a file and its arguments, and returns the reason why the file failed, None where it
did not. An `InputError` ends the work: it concerns all files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import Any

from hrtem_lab.processes.cluster import connect
from hrtem_lab.processes.cores import count_cores
from hrtem_lab.processes.pool import ChildPool, NoAnswer

Task = Callable[..., str | None]
Arguments = Mapping[str, tuple[Any, ...]]
"""Arguments of the task for each file, by its name."""
Outcomes = Iterator[tuple[str, str | None]]
"""Name of each file with the reason of its failure, in the order in which they end."""
TRIES = 2
"""Number of times that a file is tried whose process died: it may have been another file's memory that it lacked."""


def run_here(task: Task, inputs: Arguments) -> Outcomes:
    """Do the task for one file after the other."""
    for name, arguments in inputs.items():
        yield name, task(name, *arguments)


def run_in_children(task: Task, inputs: Arguments, workers: int, preload: str) -> Outcomes:
    """Do the task in child processes; a file whose process dies twice fails.

    Args:
        task: Task that can be pickled.
        inputs: Arguments of the task for each file.
        workers: Number of processes.
        preload: Module that a process imports first.

    Raises:
        InputError: The task raised it.
    """
    pool = ChildPool(preload, threads=max(1, count_cores() // workers))
    threads = ThreadPoolExecutor(workers)
    try:
        names = {threads.submit(_call, pool, task, name, *arguments): name for name, arguments in inputs.items()}
        for future in as_completed(list(names)):
            yield names.pop(future), future.result()
    finally:
        pool.close()  # first: threads wait for their processes
        threads.shutdown(cancel_futures=True)


def _call(pool: ChildPool, task: Task, name: str, *arguments: Any) -> str | None:
    """Do the task in a child, and once more in another one if it dies."""
    reason = ""
    for _ in range(TRIES):
        try:
            return pool.call(partial(task, name, *arguments))
        except NoAnswer as error:
            reason = f"{name}: its analysis crashed ({error.reason}), most often for want of memory"
        except RuntimeError as error:
            return f"{name}: {error}"
    return f"{reason}; fewer workers= leave each more"


def run_on_cluster(task: Task, inputs: Arguments, cluster: Any, preload: str) -> Outcomes:
    """Do the task on the workers of a Dask cluster, which see the same folders; a file that kills several fails.

    Args:
        task: Task that can be pickled.
        inputs: Arguments of the task for each file.
        cluster: Scheduler, as for `connect`.
        preload: Module that a worker imports first.

    Raises:
        InputError: No scheduler answers, or the task raised it.
    """
    from distributed import KilledWorker, as_completed

    with connect(cluster, preload) as client:
        names = {client.submit(task, name, *arguments, pure=False): name for name, arguments in inputs.items()}
        try:
            for future in as_completed(list(names)):
                name = names.pop(future)
                try:
                    yield name, future.result()
                except KilledWorker:
                    yield name, f"{name}: its workers died, most often for want of memory"
        finally:
            client.cancel(list(names))
