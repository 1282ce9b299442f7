"""Results of a run as the tables of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from hrtem_lab.figures.interval_text import interval_text
from hrtem_lab.figures.report import DataTable
from hrtem_lab.particle_facts import fact_of

COMPARED = {
    "dice": "Dice",
    "iou": "IoU",
    "precision": "precision",
    "recall": "recall",
    "object_f1": "object F1",
    "boundary_mean_nm": "distance of outlines (nm)",
    "size_bias_nm": "bias of diameters (nm)",
}
"""Metrics in the table of methods, and their titles."""
FOREST_SCORES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "fault_f1": "fault F1",
    "ece": "calibration error",
}
"""Metrics in the table of a forest, and their titles."""
FOREST_PARTS = {
    "test": "forest, test particles",
    "answered": "forest, test particles that are not uncertain",
    "true_masks": "forest, test particles cut by their true outlines",
    "cv": "forest, cross-validated by specimen",
}
"""Part of the particles in the names of metrics, and its description."""
MAX_TRIALS = 20
"""Number of trials in the table, the best ones."""


def comparison_rows(comparison: pd.DataFrame, name: str, reference: str) -> DataTable:
    """Table of methods.

    Args:
        comparison: Table of `hrtem_lab.figures.tables.comparison_table`, with the method as a column.
        name: Name of the micrographs that were scored.
        reference: Method whose lead is shown.
    """
    titles, has_leads = ["method", *COMPARED.values()], "lead" in comparison
    if has_leads:
        titles += [f"lead of {reference} in Dice", "p (Holm)", "effect"]
    rows = [
        [str(row["method"]), *(_interval(row, metric) for metric in COMPARED), *(_lead(row) if has_leads else [])]
        for _, row in comparison.iterrows()
    ]
    caption = f"{name.capitalize()} micrographs, with 95 % intervals in brackets; Methods says over what"
    return DataTable(caption, titles, rows, _numbers(titles))


def _lead(row: pd.Series) -> list[str]:
    """Lead of the reference over a method, its p value and its effect size; empty for the reference itself."""
    return [_interval(row, "lead", "lead_"), _number(row.get("lead_p_holm"), 2), _number(row.get("lead_effect"), 2)]


def condition_rows(breakdown: pd.DataFrame, reference: str) -> DataTable:
    """Table of the reference's scores in ranges of each condition, as from `hrtem_lab.evaluation.breakdown`."""
    titles = ["condition", "range", "micrographs", "Dice", "object F1", "false area"]
    rows = [
        [
            fact_of(str(row["condition"])).label.replace("$^2$", "²"),
            str(row["range"]),
            str(row["micrographs"]),
            _interval(row, "dice"),
            _number(row["object_f1"]),
            _number(row["false_positive_rate"]),
        ]
        for _, row in breakdown.iterrows()
    ]
    return DataTable(f"{reference} by condition", titles, rows, _numbers(titles, texts=2))


def size_rows(by_size: pd.DataFrame) -> DataTable:
    """Table of the particles that each method finds, in ranges of their diameter."""
    return DataTable.of_frame(by_size, "Particles by their true diameter", digits=3)


def forest_rows(metrics: Mapping[str, float]) -> DataTable:
    """Table of the forest and of what it is compared with.

    Args:
        metrics: Metrics with the names that they have in MLflow, `forest/test/accuracy` among them.
    """
    test = _below(metrics, "forest/test/")
    parts = {text: _below(metrics, f"forest/{part}/") for part, text in FOREST_PARTS.items()}
    rows = [_forest_row(text, part) for text, part in parts.items() if "accuracy" in part]
    for name in sorted(key.removesuffix("/accuracy") for key in test if key.endswith("/accuracy")):
        rows.append(_forest_row(f"{name.replace('_', ' ')}, test particles", _below(test, f"{name}/")))
        rows[-1][-2:] = [_interval(test, f"lead_over_{name}"), _number(test.get(f"lead_over_{name}_p"), 2)]
    titles = ["", *FOREST_SCORES.values(), "lead of the forest in accuracy, by specimen", "p"]
    return DataTable("In brackets 95 % intervals over specimens", titles, rows, _numbers(titles))


def _forest_row(text: str, scores: Mapping[str, float]) -> list[str]:
    """Scores of a classifier, and two empty cells for what it is behind the forest."""
    return [text, *(_interval(scores, score) for score in FOREST_SCORES), "", ""]


def _below(metrics: Mapping[str, float], prefix: str) -> dict[str, float]:
    """The metrics whose names begin with a prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in metrics.items() if key.startswith(prefix)}


def trial_rows(trials: pd.DataFrame) -> DataTable:
    """Table of the first trials of a search.

    Args:
        trials: Finished trials, the best first.
    """
    shown = trials.drop(columns=["state", "run", "retry_of", "error"], errors="ignore").head(MAX_TRIALS)
    last_parts = [str(name).rpartition(".")[2] for name in shown]
    names = {name: last for name, last in zip(shown, last_parts, strict=True) if last_parts.count(last) == 1}
    caption = f"The {len(shown)} best of {len(trials)} finished trials; trials.csv has all of them"
    return DataTable.of_frame(shown.rename(columns=names), caption)


def repeat_rows(repeats: pd.DataFrame, objective: str) -> DataTable:
    """Table of settings that were tried under several seeds, the best mean first.

    Args:
        repeats: Table of `hrtem_lab.search.seed_comparison.compare_over_seeds`.
        objective: Name of the objective.
    """
    settings = list(repeats.columns[: repeats.columns.get_loc("seeds")])
    titles = [*settings, "seeds", f"mean {objective}", "behind the first, by seed"]
    rows = [
        [
            *(str(row[name]) for name in settings),
            str(row["seeds"]),
            _interval(row, "mean", ""),
            _interval(row, "behind"),
        ]
        for _, row in repeats.iterrows()
    ]
    return DataTable(
        "Settings under several seeds, with Student's 95 % intervals", titles, rows, _numbers(titles, len(settings))
    )


def final_rows(finals: Mapping[str, float], objective: str) -> DataTable:
    """Table of the best and the default settings under new seeds.

    Args:
        finals: Means `best`, `default` and `gain`, each with `_low` and `_high`.
        objective: Name of the objective.
    """
    texts = {"best": "best settings", "default": "default settings", "gain": "difference"}
    rows = [[text, _interval(finals, name)] for name, text in texts.items()]
    return DataTable(
        "Trained again under new seeds, mean and Student's 95 % interval", ["", objective], rows, [False, True]
    )


def _interval(row: pd.Series | Mapping[str, float], column: str, bounds: str | None = None) -> str:
    """A value with its interval; empty where there is none."""
    if pd.isna(row.get(column)):
        return ""
    return interval_text(row, column, bounds=bounds, digits=3)


def _number(value: float | None, digits: int = 3) -> str:
    """A number rounded to significant digits; empty where there is none."""
    return "" if value is None or pd.isna(value) else f"{value:.{digits}g}"


def _numbers(titles: Sequence[str], texts: int = 1) -> list[bool]:
    """Whether each column holds numbers: all but the first ones."""
    return [False] * texts + [True] * (len(titles) - texts)
