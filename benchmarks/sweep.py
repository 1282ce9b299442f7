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

import pandas as pd

TRIALS = 60


class Nothing:
    """An objective of no cost."""

    metrics: ClassVar = ("val/dice",)

    def __call__(self, config: Any, tell: Any) -> dict[str, float]:
        for epoch in range(8):
            tell(epoch, 8, {"val/dice": config.model.scheduler.max_lr})
        return {"val/dice": config.model.scheduler.max_lr}


class Clock:
    """The line of a worker: notes when trials end, and never tells it to stop."""

    def __init__(self) -> None:
        self.ended = [time.perf_counter()]

    def send(self, words: tuple[Any, ...]) -> None:
        if words[0] == "ended":
            self.ended.append(time.perf_counter())

    def poll(self) -> bool:
        return False


def sweep(storage: str, sampler: str) -> dict[str, Any]:
    """Seconds per trial over the first and the last ten of a study."""
    from hrtem_lab.lab import tracking
    from hrtem_lab.lab.sweep.worker import Plan, Worker

    words = ("+sweep=unet", "sweep.objective._target_=sweep.Nothing", f"sampler={sampler}", f"n_trials={TRIALS}")
    plan = Plan((*words, "pruner=none"), storage, str(uuid.uuid4()))
    tracking.connect(plan.config.name)
    with tracking.run("benchmark") as parent:
        pass
    worker, clock = Worker(replace(plan, parent=parent), Clock()), Clock()
    worker.line = clock
    worker.work()
    seconds = pd.Series(clock.ended).diff().dropna()
    kind = "PostgreSQL" if "://" in storage else "journal"
    row = {
        "storage": kind,
        "sampler": sampler,
        "first ten, s": seconds[1:11].mean(),
        "last ten, s": seconds[-10:].mean(),
    }
    return row | {"last ten, s": seconds[-10:].mean(), "slowest, s": seconds[1:].max()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{name}/mlflow.db"
        places = [str(Path(name) / "study.journal"), *sys.argv[1:]]
        rows = [sweep(place, sampler) for place in places for sampler in ("tpe", "gp", "random")]
    print(pd.DataFrame(rows).round(2).to_string(index=False))
