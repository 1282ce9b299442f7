"""The worker processes on this machine: started, watched, replaced when one is killed, and stopped on request."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from hrtem_lab.cli.progress import console
from hrtem_lab.interrupts import block_sigint
from hrtem_lab.search.messages import STOP, TrialEnded, TrialStarted, WorkerMessage
from hrtem_lab.search.pool_view import PoolView
from hrtem_lab.search.signals import Interrupts, StopRequest, handle_interrupts
from hrtem_lab.search.study import SharedStudy
from hrtem_lab.search.worker import WorkerTask, run_worker

REFRESH_INTERVAL_S = 10.0
"""Time after which the study is asked again what other machines have done."""
SHUTDOWN_TIMEOUT_S = 10.0
"""Time that terminated workers have to close their MLflow runs, before they are killed."""


@dataclass
class WorkerHandle:
    """One worker process, as the pool sees it.

    Attributes:
        number: Worker number, from 1.
        process: OS process of the worker.
        connection: Pipe to the process.
        trial: Number of the running trial; None between two trials.
    """

    number: int
    process: SpawnProcess
    connection: Connection
    trial: int | None = None


@dataclass(frozen=True)
class PoolResult:
    """How the work of a pool ended.

    Attributes:
        stop_request: Whether, and how urgently, the user wanted it to stop.
        worker_failures: Number of workers that died.
    """

    stop_request: StopRequest = StopRequest.NONE
    worker_failures: int = 0


class WorkerPool:
    """Worker processes that run trials until the study has enough of them.

    Args:
        task: Task of each worker.
        study: The study.
        n_workers: Number of workers.
        folder: Output folder; logs go to `logs` in it.
    """

    def __init__(self, task: WorkerTask, study: SharedStudy, n_workers: int, folder: Path) -> None:
        self.task, self.study, self.n_workers, self.folder = task, study, n_workers, folder
        self.workers: list[WorkerHandle] = []
        self.worker_failures = 0
        self.interrupts = Interrupts()
        self.view = PoolView(task.spec.objective_names, task.spec.n_trials)
        self.last_refresh = 0.0

    def run(self) -> PoolResult:
        """Start the workers and watch them until all have ended."""
        with handle_interrupts() as self.interrupts, self.view:
            for number in range(1, self.n_workers + 1):
                self._start_worker(number)
            handled = StopRequest.NONE
            while self.workers:
                self._refresh_status()
                self._poll()
                if self.interrupts.request > handled:
                    handled = self.interrupts.request
                    self._stop(handled)
            self.view.show_study(self.study)
        self.study.fail_stale_trials()
        return PoolResult(self.interrupts.request, self.worker_failures)

    def _start_worker(self, number: int) -> None:
        context = get_context("spawn")
        pool_end, worker_end = context.Pipe()
        process = context.Process(target=run_worker, args=(self.task, worker_end, self._log(number)), daemon=False)
        with block_sigint(), _limit_threads(max(1, (os.cpu_count() or 1) // self.n_workers)):
            process.start()
        worker_end.close()
        self.workers.append(WorkerHandle(number, process, pool_end))
        self.view.add_worker(number)

    def _log(self, number: int) -> Path:
        return self.folder / "logs" / f"{socket.gethostname()}_{number}.log"

    def _poll(self) -> None:
        """Wait a moment for messages, handle them, and remove the workers that have ended."""
        connection.wait([source for w in self.workers for source in (w.connection, w.process.sentinel)], timeout=0.5)
        for worker in list(self.workers):
            ended = worker.process.exitcode is not None  # asked first: then no message is left in the pipe
            with suppress(EOFError, OSError):
                while worker.connection.poll():
                    self._handle_message(worker, worker.connection.recv())
            if ended:
                self._remove_worker(worker)

    def _handle_message(self, worker: WorkerHandle, message: WorkerMessage) -> None:
        self.view.show_message(worker.number, message)
        if isinstance(message, TrialStarted):
            worker.trial = message.trial
        elif isinstance(message, TrialEnded):
            worker.trial = None
            self.last_refresh = 0.0

    def _remove_worker(self, worker: WorkerHandle) -> None:
        """Remove a worker that has ended. If it was killed, enqueue its trial again and start another worker."""
        self.workers.remove(worker)
        self.view.remove_worker(worker.number)
        worker.connection.close()
        worker.process.join()
        if not worker.process.exitcode or self.interrupts.request is not StopRequest.NONE:
            return
        self.worker_failures += 1
        self.study.fail_stale_trials()  # unless another worker was first
        trial = "no trial" if worker.trial is None else f"trial {worker.trial}"
        reason = f"exit code {worker.process.exitcode}; see {self._log(worker.number)}"
        console.print(
            f"worker {worker.number} died with {trial} ({reason})", soft_wrap=True, highlight=False, markup=False
        )
        if self.worker_failures <= self.task.spec.config.max_failures:
            self._start_worker(worker.number)

    def _stop(self, request: StopRequest) -> None:
        """Ask the workers to end after their running trials, or end them at once."""
        if request is StopRequest.AFTER_RUNNING_TRIALS:
            console.print("Ending after the running trials; Ctrl-C once more ends at once")
            for worker in self.workers:
                with suppress(OSError):
                    worker.connection.send(STOP)
            return
        for worker in self.workers:
            worker.process.terminate()
        deadline = time.monotonic() + SHUTDOWN_TIMEOUT_S
        for worker in self.workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.process.kill()

    def _refresh_status(self) -> None:
        """Show the state of the study now and then, and enqueue the trials of workers that died elsewhere."""
        if time.monotonic() - self.last_refresh < REFRESH_INTERVAL_S:
            return
        self.last_refresh = time.monotonic()
        self.study.fail_stale_trials()
        self.view.show_study(self.study)


@contextmanager
def _limit_threads(n_threads: int) -> Iterator[None]:
    """Let processes that start inside compute with so many threads, unless the user has set a number."""
    previous = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = previous or str(n_threads)
    try:
        yield
    finally:
        if previous is None:
            del os.environ["OMP_NUM_THREADS"]
