"""How often the 95 % interval of a mean over a few repeated trainings, or over folds, holds the truth."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd

from hrtem_lab.evaluation import t_interval

SETS, RESAMPLES = 2000, 999
UNITS, FEATURES, FOLDS = 50, 10, 5

Interval = Callable[[np.ndarray], tuple[float, float]]


def bootstrap(values: np.ndarray) -> tuple[float, float]:
    """The usual percentile bootstrap of the mean."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def draw(rng: np.random.Generator, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and what least squares is to find: their sum, with noise."""
    x = rng.normal(size=(units, FEATURES))
    return x, x.sum(axis=1) + rng.normal(size=units)


def error(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> float:
    """Mean absolute error of least squares."""
    return float(np.abs(x_test @ np.linalg.lstsq(x, y, rcond=None)[0] - y_test).mean())


def cross_validate(rng: np.random.Generator) -> np.ndarray:
    """Error on each fold, (folds,)."""
    x, y = draw(rng, UNITS)
    fold = np.arange(UNITS) % FOLDS
    return np.array([error(x[fold != k], y[fold != k], x[fold == k], y[fold == k]) for k in range(FOLDS)])


def coverage(interval: Interval, sets: list[np.ndarray], truth: float) -> float:
    """Fraction of sets of runs whose interval holds the truth."""
    return float(np.mean([low <= truth <= high for low, high in map(interval, sets)]))


def main(path: str) -> None:
    """Write the table."""
    rng = np.random.default_rng(0)
    rows = []
    for runs in (3, 5, 10):
        seeds = list(rng.normal(size=(SETS, runs)))
        rows.append((f"{runs} seeds", "Student's t", coverage(t_interval, seeds, 0)))
        rows.append((f"{runs} seeds", "percentile bootstrap", coverage(bootstrap, seeds, 0)))
    folds = [cross_validate(rng) for _ in range(SETS)]
    learned, tested = UNITS - UNITS // FOLDS, 400
    truth = float(np.mean([error(*draw(rng, learned), *draw(rng, tested)) for _ in range(SETS)]))
    rows.append((f"{FOLDS} folds", "Student's t", coverage(t_interval, folds, truth)))
    corrected = coverage(lambda values: t_interval(values, 1 / (FOLDS - 1)), folds, truth)
    rows.append((f"{FOLDS} folds", "Student's t, corrected", corrected))
    pd.DataFrame(rows, columns=["runs", "interval", "coverage"]).to_csv(path, index=False)


if __name__ == "__main__":
    main(sys.argv[1])
