"""Analyses that were asked for: waiting, running, and kept for a while to be fetched."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from hrtem_lab.micrograph import InputError
from hrtem_lab.plural import plural
from hrtem_lab.processes.pool import ChildPool, NoAnswer
from hrtem_lab.service.refusal import Refusal
from hrtem_lab.service.task import RESULT, AnalysisSettings, Upload, analyse

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


@dataclass
class Job:
    """One analysis.

    Attributes:
        folder: Folder of the upload and of its results; its name is the job's.
        name: Name of the file for people.
        state: `waiting`, `running`, `done` or `failed`.
        progress: Numbers of tiles that are done and of all of the current image.
        refusal: Reason of a failure.
        ended: Time at which it ended, s.
    """

    folder: Path
    name: str
    state: str = WAITING
    progress: tuple[int, int] = (0, 0)
    refusal: Refusal | None = None
    ended: float = 0.0
    finished: Future[None] = field(default_factory=Future)

    @property
    def id(self) -> str:
        """Name by which it is asked for; nobody can guess it."""
        return self.folder.name

    def describe(self) -> dict[str, Any]:
        """State of the job for its client, and its result where it has one."""
        tiles = {"tiles_done": self.progress[0], "tiles": self.progress[1]}
        state = {"id": self.id, "name": self.name, "state": self.state, **tiles}
        if self.refusal is not None:
            return state | {"error": self.refusal.reason}
        if self.state == DONE:
            return state | {"result": json.loads((self.folder / RESULT).read_text(encoding="utf-8"))}
        return state


class Jobs:
    """All analyses, and the threads that wait for the children that do them.

    Args:
        folder: Folder of all uploads and results.
        pool: Children.
        settings: Settings of the analyses.
        workers: Number of analyses at the same time.
        max_waiting: Number of further files that may wait.
        max_kept: Number of analyses whose results are kept.
        keep_s: Time that they are kept.
        analysis_limit_s: Time that an analysis may take.
        analyse: Analyses a file in a child.
    """

    def __init__(
        self,
        folder: Path,
        pool: ChildPool,
        settings: AnalysisSettings,
        *,
        workers: int,
        max_waiting: int,
        max_kept: int,
        keep_s: float,
        analysis_limit_s: float,
        analyse: Callable[..., None] = analyse,
    ) -> None:
        self.folder, self.pool, self.settings = folder, pool, settings
        self.max_open, self.max_kept, self.keep_s = workers + max_waiting, max_kept, keep_s
        self.analysis_limit_s, self.analyse = analysis_limit_s, analyse
        self._threads = ThreadPoolExecutor(workers)
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def open(self, name: str) -> Job:
        """Make a place for a file, before it is received.

        Raises:
            Refusal: Too many files wait already.
        """
        with self._lock:
            self._forget_old()
            waiting = sum(job.state in (WAITING, RUNNING) for job in self._jobs.values())
            if waiting >= self.max_open:
                raise Refusal(429, f"{plural(waiting, 'file')} waiting already; send it again later")
            job = Job(self.folder / uuid4().hex, name)
            job.folder.mkdir()
            self._jobs[job.id] = job
        return job

    def start(self, job: Job, upload: Upload) -> None:
        """Analyse a file that was received as soon as a child is free."""
        self._threads.submit(self._run, job, upload)

    def get(self, job_id: str) -> Job:
        """The job of a name.

        Raises:
            Refusal: There is none, or no longer.
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise Refusal(404, "there is no such analysis, or no longer; send the file again")
        return job

    def remove(self, job: Job) -> None:
        """Forget a job that has ended or was not started, with its files."""
        with self._lock:
            self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def close(self) -> None:
        """End all that runs."""
        self.pool.close()
        self._threads.shutdown(cancel_futures=True)

    def _run(self, job: Job, upload: Upload) -> None:
        """Do an analysis in a child, and note how it ended."""
        job.state = RUNNING
        try:
            task = partial(self.analyse, self.settings, upload, job.folder)
            self.pool.call(task, self.analysis_limit_s, lambda done, total: setattr(job, "progress", (done, total)))
        except InputError as error:
            job.refusal = Refusal(422, str(error))
        except NoAnswer as error:
            if error.hung:
                job.refusal = Refusal(504, f"{job.name}: its analysis {error.reason}; try a smaller image")
            else:
                reason = f"its analysis ended early ({error.reason}); the file may be damaged"
                job.refusal = Refusal(500, f"{job.name}: {reason}")
        except Exception as error:  # a fault of ours costs this request
            job.refusal = Refusal(500, f"{job.name}: {' '.join(str(error).split())[:200] or type(error).__name__}")
        finally:
            upload.path.unlink(missing_ok=True)
            job.ended, job.state = time.monotonic(), DONE if job.refusal is None else FAILED
            job.finished.set_result(None)

    def _forget_old(self) -> None:
        """Forget the jobs that ended long ago, and the oldest where there are too many."""
        ended = sorted((job for job in self._jobs.values() if job.ended), key=lambda job: job.ended)
        surplus = max(len(ended) + 1 - self.max_kept, 0)
        oldest = time.monotonic() - self.keep_s
        for job in [*ended[:surplus], *(job for job in ended[surplus:] if job.ended < oldest)]:
            del self._jobs[job.id]
            shutil.rmtree(job.folder, ignore_errors=True)
