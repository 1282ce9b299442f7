"""Seconds that a trial of a sweep costs beyond what it measures, by where the study is kept and how large it is.

An objective that costs nothing is swept over by one worker, in this process; configuration, storage and MLflow are
those of a sweep. A database is measured where its URL is given.

Run it with: python benchmarks/sweep.py [postgresql://USER@HOST/DATABASE]
"""

import os
import sys
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

TRIALS = 40


class Nothing:
    """An objective of no cost."""

    metrics: ClassVar = ("val/dice",)

    def __call__(self, config: Any, run: Any, tell: Any) -> dict[str, float]:
        for epoch in range(8):
            tell(epoch, 8, {"val/dice": config.model.scheduler.max_lr})
        return {"val/dice": config.model.scheduler.max_lr}


class Clock:
    """The line of a worker: notes when trials end, and never tells it to stop."""

    def __init__(self) -> None:
        self.wall, self.processor = [time.perf_counter()], [time.process_time()]

    def send(self, words: tuple[Any, ...]) -> None:
        if words[0] == "ended":
            self.wall.append(time.perf_counter())
            self.processor.append(time.process_time())

    def poll(self) -> bool:
        return False


def sweep(storage: str, sampler: str) -> dict[str, Any]:
    """Seconds per trial, over all but the first, which pays for what is imported, and over the last ten of a study."""
    from hrtem_lab.search.worker import Plan, Worker
    from hrtem_lab.tracking.runs import start_run
    from hrtem_lab.tracking.store import connect

    words = ("+sweep=unet", "sweep.objective._target_=sweep.Nothing", f"sampler={sampler}", f"n_trials={TRIALS}")
    plan = Plan((*words, "pruner=none"), storage, str(uuid.uuid4()))
    connect(plan.config.name)
    with start_run("benchmark") as parent:
        pass
    clock = Clock()
    Worker(replace(plan, parent=parent.id), clock).work()
    wall, processor = (np.diff(times)[1:] for times in (clock.wall, clock.processor))
    return {
        "storage": "PostgreSQL" if "://" in storage else "journal",
        "sampler": sampler,
        "s per trial": wall.mean(),
        "last ten": wall[-10:].mean(),
        "slowest": wall.max(),
        "of it processor": processor.mean(),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{name}/mlflow.db"
        places = [str(Path(name) / "study.journal"), *sys.argv[1:]]
        rows = [sweep(place, sampler) for place in places for sampler in ("tpe", "random")]
    print(pd.DataFrame(rows).round(2).to_string(index=False))
