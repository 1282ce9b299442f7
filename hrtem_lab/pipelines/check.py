"""The pipeline of `check`: the content of a labelled set, its faults, and its split."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from omegaconf import DictConfig
from rich import box
from rich.markup import escape
from rich.table import Table

from hrtem_lab.cli.build import build
from hrtem_lab.cli.command import DONE, PARTLY_DONE
from hrtem_lab.cli.progress import console, progress_bar
from hrtem_lab.evaluation.agreement import annotator_agreement
from hrtem_lab.figures.tables import note_lines
from hrtem_lab.files import make_folder, write_table
from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines.label_check import SHOWN, compare_labels
from hrtem_lab.segmentation.labelled import refuse_mixed_outlines
from hrtem_lab.segmentation.split import SPLIT_FILE, STAGES, Split, refuse_leaks
from hrtem_lab.segmentation.survey import Survey, size_classes, survey

SUSPECT = 0.25
"""Disagreement of label and network, as a part of the particles' area, from which a label is a suspect."""


def check(config: DictConfig) -> int:
    """Survey a set, compare its labels with a network, and split it.

    Returns:
        Exit code: 0 where all is right, 3 where something is wrong with a file, a label or the split.
    """
    data = config.data
    with progress_bar("Reading and comparing micrographs") as advance:
        surveyed = survey(build(data.layout).open(data.root, data.pixel_size_nm), advance)
    output = make_folder(config.output)
    faults = [*surveyed.problems, *_set_faults(surveyed)]
    table = surveyed.table
    if len(table):
        rows = compare_labels(surveyed, config.model, config.folds, config.seed, output)
        columns = ["name", "disagreement", "flag"]
        table = table.join(pd.DataFrame(rows, columns=columns).set_index("name"))
        _write_agreement(surveyed, output)
    write_table(output / "check.csv", table.reset_index())
    split = _split(config, surveyed, faults, output)
    _print(surveyed, table, split, faults, output)
    return PARTLY_DONE if faults else DONE


def _set_faults(surveyed: Survey) -> list[str]:
    """Faults of the set as a whole: nothing is marked, or labels follow different outlines."""
    faults = []
    as_a_whole = Survey(surveyed.micrographs, surveyed.table)
    for refuse in (as_a_whole.refuse_problems, lambda: refuse_mixed_outlines(surveyed)):
        try:
            refuse()
        except InputError as error:
            faults.append(str(error))
    return faults


def _split(config: DictConfig, surveyed: Survey, faults: list[str], output: Path) -> Split | None:
    """The split of the set, written to `split.json`; a fault where there is none."""
    (output / SPLIT_FILE).unlink(missing_ok=True)
    if faults:
        return None
    try:
        split: Split = build(config.data.splitter).split(surveyed, config.seed)
        refuse_leaks(split, surveyed)
    except InputError as error:
        faults.append(str(error))
        return None
    split.save(output / SPLIT_FILE)
    return split


def _write_agreement(surveyed: Survey, output: Path) -> None:
    """Write and print how far several annotators agree, where there are several."""
    names = list(surveyed.table.index[surveyed.table["annotators"] > 1])
    if not names:
        return
    each = (surveyed.micrographs.select([name])[0] for name in names)
    tables = [annotator_agreement(m.annotators, m.pixel_size_nm).assign(micrograph=m.name) for m in each]
    table = pd.concat(tables, ignore_index=True)
    write_table(output / "agreement.csv", table)
    console.print(
        f"Annotators agree to a Dice of {table['dice'].mean():.3f}, {table['boundary_mean_nm'].mean():.3f} nm between "
        f"outlines, {table['size_difference_nm'].abs().mean():.3f} nm in mean size: the ceiling of any score"
    )


def _print(surveyed: Survey, table: pd.DataFrame, split: Split | None, faults: list[str], output: Path) -> None:
    """Print what the set holds and what is wrong."""
    summary = Table(title="Labelled micrographs", box=box.SIMPLE)
    for column in ("", "micrographs", "particles", "share of area"):
        summary.add_column(column, justify="left" if not column else "right")
    if len(table):
        sizes = pd.Series(size_classes(table["median_diameter_nm"]), index=table.index)
        parts = [("all", table), *((size, table[sizes == size]) for size in sorted(set(sizes)))]
        parts += [(f"label: {kind}", rows) for kind, rows in table.groupby("label")]
        parts += [(f"{size:.4g} nm per pixel", rows) for size, rows in table.groupby("pixel_size_nm")]
        parts += [(f"{stage}", table.loc[list(split.sides[stage])]) for stage in STAGES] if split else []
        for name, rows in parts:
            cells = str(len(rows)), str(int(rows["particles"].sum())), f"{rows['particle_fraction'].mean():.1%}"
            summary.add_row(escape(str(name)), *cells)
    console.print(summary)
    flags = [
        (str(name), note) for column in ("notes", "flag") if column in table for name, note in table[column].items()
    ]
    for line in note_lines([(name, note) for name, note in flags if note]):
        console.print(f"[yellow]note[/yellow] {escape(line)}", highlight=False, soft_wrap=True)
    for first, second, points in surveyed.duplicates:
        console.print(f"[yellow]same field[/yellow] {escape(first)} and {escape(second)} ({points} points agree)")
    suspects = table[table["disagreement"] > SUSPECT] if "disagreement" in table else table[:0]
    if len(suspects):
        worst = suspects.sort_values("disagreement", ascending=False)["disagreement"]
        listed = ", ".join(f"{name} ({value:.2f})" for name, value in worst[:SHOWN].items())
        console.print(f"[yellow]look at the labels of[/yellow] {escape(listed)}", soft_wrap=True, highlight=False)
    for fault in faults:
        console.print(f"[red]wrong[/red] {escape(fault)}", highlight=False, soft_wrap=True)
    written = f"check.csv, suspects.png{', split.json' if split else ''}: {output}"
    console.print(written, markup=False, soft_wrap=True)
