"""Results of a training as tables and lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from shlex import quote

import pandas as pd
from rich import box
from rich.table import Table

from hrtem_lab.evaluation import holm_adjust
from hrtem_lab.figures.interval_text import interval_text
from hrtem_lab.plural import plural

MAX_NAMED = 3
"""Number of names in a line before it says how many more there are."""
MAX_LISTED = 12
"""Number of micrographs up to which the Dice of each is printed."""
MAX_OUTSIDE = 12
"""Number of numbers that are named where they do not agree."""
METHOD_METRICS = {"dice": "Dice", "iou": "IoU", "object_f1": "Object F1"}
"""Metrics in the table of methods, and their titles."""
LEAD = {"difference": "lead", "low": "lead_low", "high": "lead_high", "p": "lead_p", "effect": "lead_effect"}
"""Result of a paired test -> column of the table of methods."""
FOREST_STAGES = {"cv": "cross-validated by specimen", "test": "on the test micrographs"}
"""Stages in which a forest is scored, and their descriptions."""


def comparison_table(summaries: dict[str, dict[str, float]], tests: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Join the metrics of all methods, the best first, with the lead in Dice of one of them over each of the others.

    Args:
        summaries: Method -> result of `hrtem_lab.evaluation.summarise`.
        tests: Method -> result of `hrtem_lab.evaluation.paired_dice_difference`, the leading method's scores against
            its own.
    """
    table = pd.DataFrame(summaries).T.rename_axis("method")
    differences = pd.DataFrame(tests).T.rename(columns=LEAD) if tests else pd.DataFrame()
    table = table.join(differences).sort_values("dice", ascending=False)
    return table.assign(lead_p_holm=holm_adjust(table["lead_p"])) if tests else table


def methods_table(comparison: pd.DataFrame, title: str, reference: str) -> Table:
    """Format the comparison of methods for the terminal.

    Args:
        comparison: Result of `comparison_table`.
        title: Micrographs that were scored, and what the intervals are over.
        reference: Name of the method whose lead is meant.
    """
    table = Table(title=title, box=box.SIMPLE)
    table.add_column("Method", no_wrap=True)
    for heading in (*METHOD_METRICS.values(), f"Lead of {reference} in Dice", "p (Holm)"):
        table.add_column(heading, justify="right")
    for name, row in comparison.iterrows():
        lead = ["", ""]
        if not pd.isna(row.get("lead")):
            p = row.get("lead_p_holm")
            lead = [_interval(row, "lead", "lead_"), "" if pd.isna(p) else f"{p:.1g}"]
        table.add_row(str(name), *(_interval(row, metric) for metric in METHOD_METRICS), *lead)
    return table


def matrix_table(cells: pd.DataFrame) -> Table:
    """Format a matrix of domains for the terminal: in each cell the Dice, and below it the gap to the diagonal.

    Args:
        cells: A row per pair of domains with `trained_on`, `tested_on`, `dice`, `gap`, `gap_low` and `gap_high`.
    """
    table = Table(title="Dice by domain, and how far it is below the domain's own network (95 %)", box=box.SIMPLE)
    table.add_column("Trained on", no_wrap=True)
    for name in dict.fromkeys(cells["tested_on"]):
        table.add_column(f"Tested on {name}", justify="right")
    for trained_on, row in cells.groupby("trained_on", sort=False):
        texts = [
            f"{cell['dice']:.3f}" + ("" if cell["tested_on"] == trained_on else f"\n{_interval(cell, 'gap')}")
            for _, cell in row.iterrows()
        ]
        table.add_row(str(trained_on), *texts)
    return table


def reproduction_lines(table: pd.DataFrame, repeats: int) -> list[str]:
    """State how many numbers of a run agree with those of its repetitions, and name those that do not.

    Args:
        table: Result of `hrtem_lab.evaluation.compare_with_repeats`.
        repeats: Number of repetitions.
    """
    same = int(((table["agrees"] == True) & (table["difference"] == 0)).sum())  # noqa: E712
    if same == len(table):
        return [f"All {same} numbers agree to the bit"]
    if repeats == 1:
        text = f"{same} of {len(table)} numbers agree to the bit"
        return [f"{text}; how far the others may differ, one repetition cannot say: repeats=3"]
    outside = table[table["agrees"] == False]  # noqa: E712
    named = [
        f"{row.metric}: {row.original:.6g} there, {row.again:.6g} here, difference {row.difference:.2g}, "
        f"tolerance {row.tolerance:.2g}"
        for row in outside.head(MAX_OUTSIDE).itertuples()
    ]
    more = [f"and {len(outside) - MAX_OUTSIDE} more, in reproduction.csv"] if len(outside) > MAX_OUTSIDE else []
    by_chance = 0.05 * (len(table) - same)
    return [
        f"{len(table) - len(outside)} of {len(table)} numbers agree within the 95 % tolerance of {repeats} "
        f"repetitions, {same} of them to the bit; by chance alone about {by_chance:.0f} would lie outside",
        *named,
        *more,
    ]


def micrographs_table(dice: pd.DataFrame, micrographs: str) -> Table:
    """Format the Dice of each micrograph for the terminal, and the mean; an undefined one is an empty cell.

    Args:
        dice: A row per micrograph, a column per method.
        micrographs: Name of the micrographs that were scored, for the title.
    """
    table = Table(title=f"Dice, {micrographs}", box=box.SIMPLE)
    table.add_column("Micrograph", no_wrap=True)
    for method in dice:
        table.add_column(str(method), justify="right")
    for name, row in dice.iterrows():
        table.add_row(str(name), *("" if pd.isna(value) else f"{value:.3f}" for value in row))
    table.add_section()
    table.add_row("mean", *(f"{value:.3f}" for value in dice.mean()))
    return table


def forest_lines(metrics: dict[str, float]) -> list[str]:
    """State the scores of a forest, a line for each of `FOREST_STAGES`.

    Args:
        metrics: Metrics with the names that they have in MLflow.
    """
    lines = []
    for stage, description in FOREST_STAGES.items():
        prefix = f"forest/{stage}/"
        row = pd.Series({name.removeprefix(prefix): value for name, value in metrics.items() if prefix in name})
        lines.append(
            f"Forest, {description}: accuracy {_interval(row, 'accuracy')} over {plural(row['particles'], 'particle')} "
            f"(always the commonest class: {row['majority_accuracy']:.2f}), balanced accuracy "
            f"{row['balanced_accuracy']:.2f}, fault F1 {row['fault_f1']:.2f}"
        )
    if metrics.get("forest/uncertain/particles"):
        uncertain = pd.Series({name.removeprefix("forest/uncertain/"): value for name, value in metrics.items()})
        lines.append(
            f"Uncertain: {uncertain['particles']:.0f} of the test particles get no class, which would be right for "
            f"{uncertain['accuracy']:.2f} of them; the accuracy of the others is {_interval(uncertain, 'gain')} above "
            "that of all"
        )
    return lines


def where_results_are(folder: Path, uri: str, view: str | None = None) -> list[str]:
    """State where the tables and figures of a run are, and how runs are compared.

    Args:
        folder: Folder of the run.
        uri: Address of the MLflow store.
        view: Place of the comparison in MLflow's pages.
    """
    is_server = uri.startswith(("http://", "https://"))
    server = uri.rstrip("/") if is_server else "http://127.0.0.1:5000"
    compare = f"{server}/{view}" if view else uri
    lines = [f"{'Pictures and tables:':21}{folder}", f"{'Report:':21}{folder / 'report.html'}"]
    return [*lines, f"{'Compare runs:':21}{compare if is_server else f'make ui   ({compare})'}"]


def next_steps(folder: Path, uri: str, view: str | None = None) -> list[str]:
    """State where the results are, and which commands use them.

    Args:
        folder: Folder of the run.
        uri: Address of the MLflow store.
        view: Place of the comparison in MLflow's pages.
    """
    predict = f"python -m hrtem_lab.predict input=FOLDER output=RESULTS model={quote(str(folder))}"
    return [*where_results_are(folder, uri, view), f"{'Your own images:':21}{predict}"]


def _interval(row: pd.Series, column: str, bounds: str | None = None) -> str:
    """Format a score and its interval."""
    return interval_text(row, column, bounds=bounds, digits=3, bound_digits=2)


def note_lines(notes: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each note with the names of what it is about, of many the first few.

    Args:
        notes: Name and note, in any number of pairs.
    """
    names_by_note: dict[str, list[str]] = {}
    for name, note in dict.fromkeys(notes):
        names_by_note.setdefault(note, []).append(name)
    lines = []
    for note, names in names_by_note.items():
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        lines.append(f"{', '.join(names[:MAX_NAMED])}{more}: {note}")
    return lines
