"""An objective that costs nothing, and fails on request."""

import math
import os
import time
from pathlib import Path
from typing import Any, ClassVar

from optuna import TrialPruned

OVERRIDES = [
    "+sweep=unet",
    "sweep.objective._target_=tests.search.toy.Toy",
    "~sweep.space",
    "+sweep.space={seed:{low:0,high:1000000},start:{choices:[a,b]}}",
]
"""What makes a sweep over it: `seed` is a whole number, `start` a choice."""


class Toy:
    """Highest at a seed of 500000; an epoch does nothing but report.

    Args:
        folder: The first call of all processes writes its process number here and then hangs.
        crash: Whether a trial with `start=b` raises.
        nan: Whether a trial with `start=b` is not defined.
        seconds: Duration of a trial.
    """

    metrics: ClassVar = ("val/dice", "val/loss", "parameters")

    def __init__(self, folder: str | None = None, crash: bool = False, nan: bool = False, seconds: float = 0.0) -> None:
        self.folder, self.crash, self.nan, self.seconds = folder, crash, nan, seconds

    def prepare(self, config: Any, progress: Any) -> None:
        """Nothing is needed."""

    def __call__(self, config: Any, run: Any, report: Any) -> dict[str, float]:
        if self.folder:
            self._hang_once(Path(self.folder) / "hangs")
        time.sleep(self.seconds)
        if config.start == "b" and self.crash:
            raise RuntimeError("b was\nnot to be")
        dice = math.nan if config.start == "b" and self.nan else 1 - abs(config.seed / 1e6 - 0.5)
        for epoch in range(1, 4):
            if report(epoch, 3, {"val/dice": dice * epoch / 3}):
                raise TrialPruned
        return {"val/dice": dice, "val/loss": 1 - dice, "parameters": float(config.seed)}

    def _hang_once(self, path: Path) -> None:
        try:
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return
        os.write(file, str(os.getpid()).encode())
        os.close(file)
        time.sleep(1000)
