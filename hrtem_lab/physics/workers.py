"""One task for many items: on all processors of this machine, or on all machines of a Dask cluster.

joblib's generator of unordered results would do for the processors, but its workers live on for minutes after their
parent was killed, and go on with the tasks that are dispatched; here they end at once.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import connection, get_context, parent_process
from typing import Any, TypeVar

from hrtem_lab.interrupts import block_sigint
from hrtem_lab.micrograph import InputError
from hrtem_lab.processes.cluster import connect

Result = TypeVar("Result")
MAX_PROCESSES = 61 if sys.platform == "win32" else 1024
"""Largest number of processes in a pool; Windows waits for no more."""


def run(
    task: Callable[[int], Result], items: Sequence[int], workers: int, cluster: Any = None
) -> Iterator[tuple[int, Result]]:
    """Yield each item with its result, in the order in which they are ready.

    Args:
        task: Function of an item; it has to be picklable unless `workers` is 0.
        items: Items to call it with.
        workers: Number of processes on this machine; 0 is this one. At most twice as many results are held in memory.
        cluster: Address of a Dask scheduler (`tcp://...`), its scheduler file (`.json`) or a Dask cluster, whose
            workers then take the place of this machine's.

    Raises:
        InputError: No scheduler answers, or a worker was killed.
    """
    if not items:
        return
    if cluster is not None:
        yield from _run_on_cluster(task, items, cluster)
    elif workers == 0:
        for item in items:
            yield item, task(item)
    else:
        yield from _run_in_processes(task, items, min(workers, len(items), MAX_PROCESSES))


def _run_in_processes(
    task: Callable[[int], Result], items: Sequence[int], workers: int
) -> Iterator[tuple[int, Result]]:
    """Run tasks in a pool of processes; the arguments are those of `run`."""
    # spawn: a forked copy of a process that runs threads may hang
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
        rest = iter(items)
        waiting: dict[Future[Result], int] = {}
        try:
            while True:
                with block_sigint():  # submitting starts the processes; this one ends the work after Ctrl-C
                    for item in islice(rest, 2 * workers - len(waiting)):
                        waiting[pool.submit(task, item)] = item
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool as error:
            raise InputError(
                f"one of {workers} processes has died, most often killed for want of memory (a script of your "
                "own needs if __name__ == '__main__'); what is done is kept: the same again with fewer workers goes on"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Make this worker end when its parent is killed."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    """Wait for the end of the process that a sentinel belongs to, and exit."""
    connection.wait([sentinel])
    os._exit(1)


def _run_on_cluster(task: Callable[[int], Result], items: Sequence[int], cluster: Any) -> Iterator[tuple[int, Result]]:
    """Run tasks on a Dask cluster; the arguments are those of `run`."""
    from distributed import KilledWorker, as_completed

    # abTEM sends its settings from a worker that has imported it to all others
    with connect(cluster, preload="abtem") as client:
        waiting = {client.submit(task, item, pure=False): item for item in items}
        try:
            for future in as_completed(list(waiting)):
                yield waiting.pop(future), future.result()
        except KilledWorker as error:
            raise InputError(f"cluster={cluster}: its workers died of a task, most often for want of memory") from error
        finally:
            client.cancel(list(waiting))
