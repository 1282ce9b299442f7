"""Numbers of a training that was repeated: their mean with its interval, and how far one more run may lie from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy

TAIL = 0.025
"""Probability beyond each end of an interval."""


def t_interval(values: npt.ArrayLike, test_to_train: float = 0.0) -> tuple[float, float]:
    """95 % interval of the mean over a few repeated runs, by Student's t (1908).

    A bootstrap of five values draws the same few again and again and is too narrow; Student's t is exact for normally
    distributed ones from two on. The runs of a cross-validation share most of what they learn from, so that they
    scatter less than independent ones would: their variance is corrected as by Nadeau and Bengio (2003, Mach. Learn.
    52, 239), who add the ratio of tested to trained-on units to 1 / n.

    Args:
        values: One value per run, (n,); `nan` is left out.
        test_to_train: Number of units in the test side of a run over that in its training side; 0 for runs that are
            independent.

    Returns:
        `(low, high)`; `nan` with fewer than two values.
    """
    defined = _defined(values)
    number = len(defined)
    if number < 2:
        return np.nan, np.nan
    half = scipy.stats.t.isf(TAIL, number - 1) * _deviation(defined) * np.sqrt(1 / number + test_to_train)
    return float(defined.mean() - half), float(defined.mean() + half)


def repeat_tolerance(values: npt.ArrayLike) -> float:
    """Distance from the mean of repeated runs within which one more run lies with a probability of 95 %.

    Half of the prediction interval of a normally distributed value (Hahn 1969, J. Am. Stat. Assoc. 64, 878).

    Args:
        values: One value per run, (n,); `nan` is left out.

    Returns:
        0 where all runs give the same number to the bit; `nan` with fewer than two values.
    """
    defined = _defined(values)
    number = len(defined)
    if number < 2:
        return np.nan
    return float(scipy.stats.t.isf(TAIL, number - 1) * _deviation(defined) * np.sqrt(1 + 1 / number))


def summarise_repeats(runs: pd.DataFrame, test_to_train: float = 0.0) -> dict[str, float]:
    """Mean of every metric over repeated runs, under its name, with `_low` and `_high` of `t_interval`.

    Intervals that a run has of its own metrics are left out: theirs is the chance of its test units alone.

    Args:
        runs: A row per run, a column per metric.
        test_to_train: As for `t_interval`.
    """
    summary: dict[str, float] = {}
    for name in select_metrics(runs):
        summary[name] = float(runs[name].mean())
        summary[f"{name}_low"], summary[f"{name}_high"] = t_interval(runs[name], test_to_train)
    return summary


def select_metrics(runs: pd.DataFrame) -> list[str]:
    """Columns that are metrics, and not an end of a metric's interval."""
    ends = {f"{name}{end}" for name in runs for end in ("_low", "_high")}
    return [str(name) for name in runs if name not in ends]


def compare_with_repeats(original: Mapping[str, float], repeats: pd.DataFrame) -> pd.DataFrame:
    """Say which numbers of a run agree with those of its repetitions.

    Args:
        original: Metrics of the run.
        repeats: A row per repetition, a column per metric.

    Returns:
        A row per metric that both have: `metric`, `original`, `again` (mean of the repetitions), `difference`,
        `tolerance` (see `repeat_tolerance`) and `agrees`, which is None where one repetition alone differs from the
        run, so that no tolerance is known.
    """
    rows = []
    for name in (name for name in original if name in repeats):
        values = repeats[name].to_numpy(dtype=np.float64)
        difference, tolerance = original[name] - values.mean(), repeat_tolerance(values)
        is_same = bool((values == original[name]).all())
        agrees = True if is_same else None if np.isnan(tolerance) else bool(abs(difference) <= tolerance)
        again = original[name] if is_same else values.mean()
        rows.append((name, original[name], again, 0.0 if is_same else difference, tolerance, agrees))
    return pd.DataFrame(rows, columns=["metric", "original", "again", "difference", "tolerance", "agrees"])


def _defined(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The values that are not `nan`."""
    array = np.asarray(values, dtype=np.float64)
    return array[~np.isnan(array)]


def _deviation(values: npt.NDArray[np.float64]) -> float:
    """Standard deviation (n - 1) of two or more values; exactly 0 of equal ones, whose mean may be rounded."""
    return 0.0 if np.ptp(values) == 0 else float(np.std(values, ddof=1))
