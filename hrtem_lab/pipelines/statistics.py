"""The pipeline of `statistics`: the tables of a prediction in; distributions, contrasts, figures and sentences out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig
from rich import box
from rich.markup import escape
from rich.table import Table

from hrtem_lab.atomic_write import write_text
from hrtem_lab.cli.progress import console, track
from hrtem_lab.evaluation import contrasts, populations
from hrtem_lab.figures import populations as population_figures
from hrtem_lab.figures import statements
from hrtem_lab.figures.style import save
from hrtem_lab.files import make_folder, read_results, write_table
from hrtem_lab.micrograph import InputError

TABLES = ("distributions", "correlations", "faults", "fault_differences", "expected_faults", "comparison")
FIGURES = ("sizes", "shapes", "correlations", "faults", "comparison")
"""Every one that there can be."""
NUMBERS = (*populations.QUANTITIES, "box_rows_px", "box_columns_px")


@dataclass(frozen=True)
class Population:
    """What a prediction found in one folder."""

    folder: Path
    particles: pd.DataFrame
    whole: pd.DataFrame

    @classmethod
    def read(cls, folder: str) -> Population:
        """The particles of a folder, and those that count."""
        particles, fields = read_results(folder, NUMBERS)
        return cls(Path(folder).expanduser().resolve(), particles, populations.seen_whole(particles, fields))


def statistics(config: DictConfig) -> None:
    """Describe a population of particles, and compare it with another one where that is given."""
    if not isinstance(config.resamples, int) or config.resamples < 100:
        raise InputError(f"resamples={config.resamples}: expected a whole number, 100 or more; 2000 are usual")
    population = Population.read(config.input)
    other = Population.read(config.against) if config.against else None
    if other and other.folder == population.folder:
        raise InputError(f"against={config.against}: the same folder as input; give another one to compare with")
    output = make_folder(config.output)
    tables = _tables(population, other, config.resamples)
    _clear(output)
    for name, table in tables.items():
        write_table(output / f"{name}.csv", table)
    named = _by_name(*filter(None, (population, other)))
    for name, figure in population_figures.all_of(named, tables).items():
        save(figure, output / "figures" / f"{name}.png")
    said = statements.counted(population.particles, population.whole) + statements.of_one(tables)
    if other is not None:
        said += statements.of_two(tables["comparison"], *named)
    write_text(output / "statements.txt", "\n".join(said) + "\n")
    _show(tables["distributions"], said, population.folder.name, output)


def _clear(output: Path) -> None:
    """Remove what an earlier call wrote there."""
    if (output / "statements.txt").is_file():
        for file in (*(f"{name}.csv" for name in TABLES), *(f"figures/{name}.png" for name in FIGURES)):
            (output / file).unlink(missing_ok=True)


def _tables(population: Population, other: Population | None, resamples: int) -> dict[str, pd.DataFrame]:
    """The tables by the name of their file."""
    whole = population.whole
    asked: dict[str, Callable[..., pd.DataFrame]] = {
        "distributions": partial(populations.distributions, whole),
        "correlations": partial(contrasts.correlations, whole),
    }
    if "class" in whole:
        asked["faults"] = partial(populations.fault_shares, whole)
        asked["fault_differences"] = partial(contrasts.fault_differences, whole)
    if set(populations.PROBABILITY_COLUMNS) <= set(whole):
        asked["expected_faults"] = partial(populations.expected_faults, whole)
    if other is not None:
        asked["comparison"] = partial(contrasts.compare, whole, other.whole)
    return {name: asked[name](resamples=resamples) for name in track(asked, "Drawing micrographs again")}


def _by_name(*populations: Population) -> dict[str, pd.DataFrame]:
    """The particles that count by the name of their folder, or its whole path where two have the same name."""
    short = {each.folder.name: each.whole for each in populations}
    return short if len(short) == len(populations) else {str(each.folder): each.whole for each in populations}


def _show(distributions: pd.DataFrame, said: list[str], name: str, output: Path) -> None:
    table = Table(title=f"Particles of {escape(name)}, 95 % intervals over micrographs", box=box.SIMPLE)
    table.add_column("Quantity", no_wrap=True)
    for title in ("Mean", "SD", "Median"):
        table.add_column(title, justify="right")
    for _, row in distributions[distributions["class"] == "all"].iterrows():
        cells = (statements.interval(row, statistic, level="") for statistic in ("mean", "sd", "median"))
        table.add_row(statements.named(row["quantity"]), *cells)
    console.print(table)
    for line in said:
        console.print(f"- {line}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"Tables, figures, statements.txt: {output}", markup=False, soft_wrap=True)
