"""A training that takes no time: what a study of several trainings sees of one."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from hrtem_lab.files import write_json
from hrtem_lab.pipelines.run_folder import METRICS, open_run


def make_train(dice: Callable[[DictConfig], float], trained: list[str]) -> Callable[..., dict[str, float]]:
    """A training of two methods whose Dice is a function of the configuration; each is noted by its folder's name."""

    def train(config: DictConfig, parent_id: str | None = None) -> dict[str, float]:
        with open_run(config, "train", parent_id) as (run, folder, _):
            trained.append(folder.name)
            value = dice(config)
            rows = [
                {"method": "unet", "dice": value, "lead": np.nan},
                {"method": "otsu", "dice": 0.5, "lead": value - 0.5},
            ]
            others = {"iou": 0.4, "object_f1": 0.6, "dice_low": 0.0, "dice_high": 1.0, "lead_p": 0.01}
            pd.DataFrame(rows).assign(**others).to_csv(folder / "comparison.csv", index=False)
            metrics = {"test/dice": value, "test/dice_low": 0.0, "test/dice_high": 1.0}
            run.log_metrics(metrics)
            write_json(folder / METRICS, metrics)
        return metrics

    return train


def read_metrics(folder: Path) -> dict[str, float]:
    """The metrics that a folder holds."""
    return json.loads((folder / METRICS).read_text())
