"""How often 95 % intervals of means and medians of few groups hold the truth, by method of the interval.

    python experiments/intervals/coverage.py coverage.csv

Scores of micrographs are drawn from three distributions: normal; Dice of a good method, skewed, with one micrograph in
ten that fails; and the same with three micrographs of each group, which share half of their variance.
"""

import sys

import numpy as np
import pandas as pd
from scipy.stats import binom, norm, t

SIMULATIONS, RESAMPLES = 2000, 999
GROUPS = (6, 8, 12, 20, 40, 80)
TAIL = 0.025


def draw_dice(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Dice of micrographs: nine in ten near 0.94, the others anywhere between 0 and 1."""
    return np.where(rng.random(shape) < 0.1, rng.beta(2, 2, shape), rng.beta(30, 2, shape))


def draw_normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Normal scores."""
    return rng.normal(0.8, 0.1, shape)


def draw_clustered(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Means of three micrographs of each group, which differ by as much as the groups do."""
    return (draw_dice(rng, *shape) + draw_dice(rng, *shape, 3).mean(axis=-1)) / 2


DRAWS = {"normal": draw_normal, "dice": draw_dice, "dice, 3 in a group": draw_clustered}


def bca_levels(value: np.ndarray, boot: np.ndarray, jackknife: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels of the bias-corrected and accelerated bootstrap (Efron 1987)."""
    share = np.clip((boot < value[:, None]).mean(axis=1) + (boot == value[:, None]).mean(axis=1) / 2, 1e-3, 1 - 1e-3)
    bias = norm.ppf(share)
    away = jackknife.mean(axis=1, keepdims=True) - jackknife
    acceleration = (away**3).sum(axis=1) / np.maximum(6 * (away**2).sum(axis=1) ** 1.5, 1e-300)
    z = bias[:, None] + norm.ppf([TAIL, 1 - TAIL])[None]
    levels = norm.cdf(bias[:, None] + z / (1 - acceleration[:, None] * z))
    return levels[:, 0], levels[:, 1]


def quantiles(boot: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of each row, at levels of its own."""
    ordered, last = np.sort(boot, axis=1), boot.shape[1] - 1
    rows = np.arange(len(boot))
    return tuple(ordered[rows, np.round(last * np.broadcast_to(level, len(boot))).astype(int)] for level in (low, high))


def intervals(values: np.ndarray, statistic: str, rng: np.random.Generator) -> dict[str, tuple]:
    """Intervals of the mean or the median of each row of (simulations, groups), by method."""
    number = values.shape[1]
    reduce = {"mean": np.mean, "median": np.median}[statistic]
    value = reduce(values, axis=1)
    boot, spread = np.empty((len(values), RESAMPLES)), np.empty((len(values), RESAMPLES))
    for i in range(RESAMPLES):
        drawn = np.take_along_axis(values, rng.integers(number, size=values.shape), axis=1)
        boot[:, i], spread[:, i] = reduce(drawn, axis=1), drawn.std(axis=1, ddof=1)
    expanded = norm.sf(np.sqrt(number / (number - 1)) * t.isf(TAIL, number - 1))
    jackknife = np.stack([reduce(np.delete(values, i, axis=1), axis=1) for i in range(number)], axis=1)
    found = {
        "percentile": quantiles(boot, TAIL, 1 - TAIL),
        "expanded percentile": quantiles(boot, expanded, 1 - expanded),
        "BCa": quantiles(boot, *bca_levels(value, boot, jackknife)),
    }
    if statistic == "mean":
        error = values.std(axis=1, ddof=1) / np.sqrt(number)
        half = t.isf(TAIL, number - 1) * error
        found["Student's t"] = value - half, value + half
        pivots = (boot - value[:, None]) / np.maximum(spread / np.sqrt(number), 1e-12)
        low, high = quantiles(pivots, TAIL, 1 - TAIL)
        found["bootstrap-t"] = value - high * error, value - low * error
    else:
        rank = int(binom.ppf(TAIL, number, 0.5))  # the largest with P(fewer than rank below the median) <= TAIL
        ordered = np.sort(values, axis=1)
        found["order statistics"] = ordered[:, max(rank - 1, 0)], ordered[:, min(number - rank, number - 1)]
    return found


def main(path: str) -> None:
    """Write the table of coverages and mean widths."""
    rows = []
    for name, draw in DRAWS.items():
        for statistic in ("mean", "median"):
            truth = {"mean": np.mean, "median": np.median}[statistic](draw(np.random.default_rng(1), 4_000_000))
            for number in GROUPS:
                rng = np.random.default_rng(number)
                for method, (low, high) in intervals(draw(rng, SIMULATIONS, number), statistic, rng).items():
                    coverage = np.mean((low <= truth) & (truth <= high))
                    rows.append((name, statistic, method, number, coverage, np.mean(high - low)))
    columns = ["distribution", "statistic", "method", "groups", "coverage", "width"]
    table = pd.DataFrame(rows, columns=columns).round(4)
    table.to_csv(path, index=False)
    shown = table.pivot_table("coverage", ["distribution", "statistic", "method"], "groups", sort=False)
    print(shown.round(3).to_string())


if __name__ == "__main__":
    main(*sys.argv[1:])
