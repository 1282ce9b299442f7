"""Overhead of a trial of a sweep in seconds, by storage, sampler and number of trials.

One worker, in this process, runs trials of an objective that costs nothing; configuration, storage and MLflow are those
of a sweep. A database is measured if its URL is given.

Run it with: python benchmarks/sweep.py [postgresql://USER@HOST/DATABASE]
"""

import os
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

TRIALS = 40


class FreeObjective:
    """An objective that costs nothing."""

    metrics: ClassVar = ("val/dice",)

    def __call__(self, config: Any, run: Any, report: Any) -> dict[str, float]:
        for epoch in range(8):
            report(epoch, 8, {"val/dice": config.model.scheduler.max_lr})
        return {"val/dice": config.model.scheduler.max_lr}


class Clock:
    """The pipe of a worker: records when trials end, and never says stop."""

    def __init__(self) -> None:
        self.wall, self.cpu = [time.perf_counter()], [time.process_time()]

    def send(self, message: Any) -> None:
        if type(message).__name__ == "TrialEnded":
            self.wall.append(time.perf_counter())
            self.cpu.append(time.process_time())

    def poll(self) -> bool:
        return False


def sweep(storage: str, sampler: str) -> dict[str, Any]:
    """Seconds per trial: over all but the first, which pays for imports, and over the last ten of a study."""
    from hrtem_lab.search.spec import StudySpec
    from hrtem_lab.search.worker import Worker, WorkerTask
    from hrtem_lab.tracking.runs import start_run
    from hrtem_lab.tracking.store import connect

    overrides = (
        "+sweep=unet",
        "sweep.objective._target_=sweep.FreeObjective",
        f"sampler={sampler}",
        f"n_trials={TRIALS}",
    )
    spec = StudySpec((*overrides, "pruner=none"), storage, str(uuid.uuid4()))
    connect(spec.config.name)
    with start_run("benchmark") as run:
        pass
    clock = Clock()
    Worker(WorkerTask(spec, run.id), clock).run()
    wall, cpu = (np.diff(times)[1:] for times in (clock.wall, clock.cpu))
    return {
        "storage": "PostgreSQL" if "://" in storage else "journal",
        "sampler": sampler,
        "s per trial": wall.mean(),
        "last ten": wall[-10:].mean(),
        "slowest": wall.max(),
        "of it CPU": cpu.mean(),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{name}/mlflow.db"
        storages = [str(Path(name) / "study.journal"), *sys.argv[1:]]
        rows = [sweep(storage, sampler) for storage in storages for sampler in ("tpe", "random")]
    print(pd.DataFrame(rows).round(2).to_string(index=False))
