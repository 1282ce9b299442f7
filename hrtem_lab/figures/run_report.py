"""The report on a run of `train`, `evaluate`, `forest` or `sweep`: what was compared, and what numbers came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from hrtem_lab.figures.interval_text import interval_text
from hrtem_lab.figures.learning import plot_learning
from hrtem_lab.figures.micrographs import select_extremes
from hrtem_lab.figures.report import Block, DataTable, Facts, Gallery, Page, Picture, Section, Text, present
from hrtem_lab.figures.run_tables import (
    comparison_rows,
    condition_rows,
    final_rows,
    forest_rows,
    repeat_rows,
    size_rows,
    trial_rows,
)

CAPTIONS = {
    "comparison": "Dice of each method: mean with its 95 % interval, and each micrograph as a point",
    "ranks": "Mean rank by Dice; methods that a bar joins cannot be told apart (Demšar 2006)",
    "breakdown": "Dice of the reference in ranges of each condition, with 95 % intervals",
    "reliability": "How often a pixel is particle, over the network's probability; below, number of pixels",
    "particle_reliability": "How often a particle that is found is one, over its probability; below, their number",
    "particle_risk_coverage": "Fraction of false particles among those that are kept, most probable first",
    "gallery": "Test micrographs from the worst Dice to the best; dashed: the truth",
    "references": "The forest and what it is compared with, on test particles",
    "confusion_test": "Classes of test particles: counts, shaded by their fraction of the true class",
    "confusion_cv": "Classes of the particles to learn from, cross-validated by specimen",
    "fault_curves": "A fault against every other class: ROC, and precision over recall",
    "forest_reliability": "How often a particle's class is right, over its probability; below, number of particles",
    "risk_coverage": "Fraction of wrong classes among the particles that get one, most confident first",
    "importance": "What is lost on test when a family of features is permuted",
    "fault_detection_rate": "Fraction of the particles with a defect that are called faulted, with 95 % intervals",
    "history": "Value of each trial in order, and the best so far",
    "importances": "Share of each setting in the spread of the values (fANOVA)",
    "parallel": "Settings of each trial, coloured by its value",
    "pareto": "Trials by their values; those of the Pareto front are beaten by none in all of them",
    "repeats": "Settings under several seeds, and how far each is behind the first",
}
"""Figure of a run, by the name of its file -> caption."""
PLACES = {"worst": "lowest", "median": "median", "best": "highest"}
"""Overlay -> what its Dice is among all."""


@dataclass(frozen=True, kw_only=True)
class RunTables:
    """Everything that a report of a run shows, as the folder of the run holds it; what it does not hold is empty.

    Attributes:
        figures: Folder of the figures.
        methods: Paragraph for a publication.
        origin: Name and value of what the numbers came from: command, commit, digests.
        reference: Method that the others are compared with.
        comparisons: Set of micrographs -> table of methods, as from `hrtem_lab.figures.tables.comparison_table`.
        micrographs: Scores with the columns `method`, `name` and `dice`.
        breakdown: Dice in ranges of conditions, as from `hrtem_lab.evaluation.breakdown`.
        by_size: Particles of each method in ranges of diameter, as from `hrtem_lab.evaluation.scores_by_size`.
        metrics: Metrics of the run, with the names that they have in MLflow.
        curves: A row per epoch, with the columns `epoch` and `train/...`, `val/...`.
        trials: Trials of a search, a row each, the best first.
        objective: Column of `trials` that was searched by, the first where there are several.
        repeats: Settings under several seeds, as from `hrtem_lab.search.seed_comparison.compare_over_seeds`.
        finals: Means of the best and the default settings, as from `hrtem_lab.search.retrain.summarize`.
    """

    figures: Path
    methods: str
    origin: Sequence[tuple[str, str]]
    reference: str = ""
    comparisons: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    micrographs: pd.DataFrame = field(default_factory=pd.DataFrame)
    breakdown: pd.DataFrame = field(default_factory=pd.DataFrame)
    by_size: pd.DataFrame = field(default_factory=pd.DataFrame)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)
    objective: str = ""
    repeats: pd.DataFrame = field(default_factory=pd.DataFrame)
    finals: Mapping[str, float] = field(default_factory=dict)


def build_run_page(tables: RunTables, title: str, subtitle: str, footer: str) -> Page:
    """Build the page of a report on a run; a section without content is left out."""
    sections = [
        Section("Summary", _facts(tables)),
        Section("Methods compared", _comparisons(tables)),
        Section("Worst, median and best", _overlays(tables)),
        Section("Learning", _learning(tables)),
        Section("Conditions", _conditions(tables)),
        Section("From one domain to another", _generalisation(tables.figures)),
        Section("Calibration", _calibration(tables)),
        Section("Classes of particles", _forest(tables)),
        Section("Search", _search(tables)),
        Section("Methods", [Text([tables.methods], to_copy=True)]),
        Section("Where the numbers come from", [_origin(tables)]),
    ]
    return Page(title, subtitle, sections, footer)


def _facts(tables: RunTables) -> list[Block]:
    """The numbers that a reader looks for first."""
    items: list[tuple[str, str]] = []
    for name, table in tables.comparisons.items():
        row = table[table["method"] == tables.reference].iloc[0]
        items.append((f"Dice of {tables.reference}, {name} micrographs", interval_text(row, "dice", digits=3)))
        items.append((f"F1 of its particles, {name}", interval_text(row, "object_f1", digits=3)))
    if "forest/test/accuracy" in tables.metrics:
        forest = {key.removeprefix("forest/test/"): value for key, value in tables.metrics.items()}
        items.append(("Accuracy of the forest", interval_text(forest, "accuracy", digits=3)))
        if "fault_f1" in forest:  # test particles without a fault have none
            items.append(("Fault F1 of the forest", interval_text(forest, "fault_f1", digits=3)))
    if len(tables.trials):
        best = tables.trials[tables.trials["state"] == "complete"].head(1)
        items += [(f"Best {tables.objective}", f"{value:.3f}") for value in best[tables.objective]]
        states = tables.trials["state"].value_counts()
        items.append(("Trials", ", ".join(f"{count} {state}" for state, count in states.items())))
    return [Facts(items)] if items else []


def _comparisons(tables: RunTables) -> list[Block]:
    """The table of methods of each set of micrographs, and the figures of the first."""
    rows = [comparison_rows(table, name, tables.reference) for name, table in tables.comparisons.items()]
    return [*rows, *_charts(tables, "comparison", "ranks")]


def _overlays(tables: RunTables) -> list[Block]:
    """The micrographs of the lowest, the median and the highest Dice, with what was found and the truth."""
    if tables.micrographs.empty:
        return []
    scores = tables.micrographs[tables.micrographs["method"] == tables.reference].reset_index(drop=True)
    rows = {place: scores.iloc[index] for place, index in select_extremes(scores).items()}
    files = {
        place: Picture.of_file(
            tables.figures / f"{place}.png",
            f"{row['name']!s}: Dice {row['dice']:.3f}, the {PLACES[place]}",
            badge=place,
        )
        for place, row in rows.items()
    }
    pictures = [picture for picture in files.values() if picture is not None]
    note = f"Solid: what {tables.reference} found. Dashed: the truth."
    return [Gallery(pictures, note)] if pictures else []


def _learning(tables: RunTables) -> list[Block]:
    """The learning curves."""
    if tables.curves.empty:
        return []
    return [
        Picture.of_figure(plot_learning(tables.curves), "Loss and Dice by epoch, on training and validation images")
    ]


def _conditions(tables: RunTables) -> list[Block]:
    """Scores in ranges of conditions and of the size of particles."""
    rows = [condition_rows(tables.breakdown, tables.reference)] if len(tables.breakdown) else []
    sizes = [size_rows(tables.by_size)] if len(tables.by_size) else []
    return [*_charts(tables, "breakdown"), *rows, *sizes]


def _generalisation(figures: Path) -> list[Block]:
    """Heat maps of what was trained in one domain and scored in another, and what else stands beside them."""
    paths = sorted(figures.glob("matrix*.png"))
    return present(
        Picture.of_chart(path, "Trained in the domain of the row, scored in that of the column") for path in paths
    )


def _calibration(tables: RunTables) -> list[Block]:
    """Figures of how far probabilities can be believed, of pixels, particles and classes."""
    names = ("reliability", "particle_reliability", "particle_risk_coverage", "forest_reliability", "risk_coverage")
    return _charts(tables, *names)


def _forest(tables: RunTables) -> list[Block]:
    """Scores and figures of the forest."""
    rows = [forest_rows(tables.metrics)] if "forest/test/accuracy" in tables.metrics else []
    names = ("confusion_test", "confusion_cv", "references", "fault_curves", "fault_detection_rate", "importance")
    return [*rows, *_charts(tables, *names)]


def _search(tables: RunTables) -> list[Block]:
    """Trials, the best settings under new seeds, and figures of a search."""
    finished = tables.trials[tables.trials["state"] == "complete"] if len(tables.trials) else tables.trials
    if finished.empty:
        return []
    blocks: list[Block] = [final_rows(tables.finals, tables.objective)] if tables.finals else []
    blocks += [repeat_rows(tables.repeats, tables.objective)] if len(tables.repeats) else []
    names = [name for kind in ("history", "importances", "parallel") for name in _files(tables.figures, kind)]
    return [*blocks, trial_rows(finished), *_charts(tables, "repeats", "pareto", *names)]


def _files(figures: Path, kind: str) -> list[str]:
    """Names of the figures of a kind; there is one for each objective where there are several."""
    return sorted(path.stem for path in figures.glob(f"{kind}*.png"))


def _charts(tables: RunTables, *names: str) -> list[Block]:
    """The figures of these names that are there."""
    captions = {name: CAPTIONS.get(name, CAPTIONS.get(name.partition("_")[0], name)) for name in names}
    return present(Picture.of_chart(tables.figures / f"{name}.png", text) for name, text in captions.items())


def _origin(tables: RunTables) -> DataTable:
    """Table of the origin of the numbers."""
    return DataTable("Origin", ["", ""], [list(row) for row in tables.origin], [False, False])
