"""The pipeline of `statistics`: distributions, contrasts, figures and sentences from the tables of a prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import DictConfig
from rich import box
from rich.markup import escape
from rich.table import Table

from hrtem_lab.atomic_write import write_text
from hrtem_lab.cli.progress import console, track
from hrtem_lab.evaluation import contrasts, populations, size_report
from hrtem_lab.evaluation.fault_share import BaseRates
from hrtem_lab.figures import populations as population_figures
from hrtem_lab.figures import statements
from hrtem_lab.figures.interval_text import interval_text
from hrtem_lab.figures.style import save
from hrtem_lab.files import make_folder, read_outline, read_results, read_summary, write_table
from hrtem_lab.micrograph import InputError
from hrtem_lab.particles.measure import HALF_CONTRAST_MEASUREMENTS, half_contrast_name

TABLES = (
    *("distributions", "correlations", "faults", "fault_differences", "comparison"),
    *("exclusions", "sizes", "lognormal", "budget", "expected_faults"),
)
FIGURES = ("sizes", "shapes", "correlations", "faults", "comparison")
"""Names of all tables and figures that `statistics` may write, or did in an earlier version."""
NUMERIC_COLUMNS = (*populations.QUANTITIES, "box_rows_px", "box_columns_px")
"""Columns of particles.csv that are read as numbers."""
HALF_CONTRAST_COLUMNS = {
    name: half_contrast_name(name)
    for name in populations.QUANTITIES
    if half_contrast_name(name) in HALF_CONTRAST_MEASUREMENTS
}
"""Columns of the half-contrast outline that take the place of geometric ones."""


@dataclass(frozen=True)
class Population:
    """The particles of one prediction.

    Attributes:
        folder: Folder of the prediction.
        particles: All particles.
        uncut: The particles that are described (see `populations.select_uncut_particles`).
        fields: Area and largest pixel of what is shown of each group of micrographs.
        pixel_error: Relative standard uncertainty of the pixel sizes; `nan` where it is not known.
        base_rates: Base rates of the forest that gave the classes; None where the summary holds none.
    """

    folder: Path
    particles: pd.DataFrame
    uncut: pd.DataFrame
    fields: pd.DataFrame
    pixel_error: float
    base_rates: BaseRates | None

    @classmethod
    def read(cls, folder: str) -> Population:
        """Read the particles of a folder, with the outline that its summary names, and select those that are described.

        Micrographs of one group (a specimen, a session, a field) are not independent, and count as one.
        """
        outlined = HALF_CONTRAST_COLUMNS if read_outline(folder) == "half_contrast" else {}
        particles, fields = read_results(folder, (*NUMERIC_COLUMNS, *outlined.values()))
        particles = particles.assign(**{name: particles[column] for name, column in outlined.items()})
        uncut = populations.select_uncut_particles(particles, fields)
        if "group" in uncut:
            uncut = uncut.assign(micrograph=uncut["group"])
            named = particles.groupby("micrograph")["group"].first().reindex(fields.index)
            groups = fields.groupby(named.fillna(fields["group"]))
            fields = pd.DataFrame(
                {"field_nm2": groups["field_nm2"].sum(min_count=1), "pixel_size_nm": groups["pixel_size_nm"].max()}
            )
        path = Path(folder).expanduser().resolve()
        summary = read_summary(path)
        pixel_error = (summary.get("scale") or {}).get("pixel_error")
        rates = (summary.get("model") or {}).get("base_rates")
        return cls(
            path,
            particles,
            uncut,
            fields,
            np.nan if pixel_error is None else float(pixel_error),
            BaseRates(**rates) if rates else None,
        )


def statistics(config: DictConfig) -> None:
    """Describe a population of particles, and compare it with another one where that is given."""
    population, other = _read_populations(config)
    output = make_folder(config.output)
    tables = compute_tables(population, other, config.resamples)
    _remove_earlier_results(output)
    for name, table in tables.items():
        write_table(output / f"{name}.csv", table)
    by_name = _name_populations(*filter(None, (population, other)))
    for name, figure in population_figures.plot_population(by_name, tables).items():
        save(figure, output / "figures" / f"{name}.png")
    sentences = statements.describe_sample(population.particles, population.uncut)
    sentences += statements.describe_population(tables)
    if other is not None:
        sentences += statements.describe_difference(tables["comparison"], *by_name)
    write_text(output / "statements.txt", "\n".join(sentences) + "\n")
    _print_results(tables["distributions"], sentences, population.folder.name, output)


def _read_populations(config: DictConfig) -> tuple[Population, Population | None]:
    """Check the settings, and read the population and the one to compare it with, if any."""
    if not isinstance(config.resamples, int) or config.resamples < 100:
        raise InputError(f"resamples={config.resamples}: expected a whole number, 100 or more; 2000 are usual")
    population = Population.read(config.input)
    other = Population.read(config.against) if config.against else None
    if other and other.folder == population.folder:
        raise InputError(f"against={config.against}: the same folder as input; give another one to compare with")
    return population, other


def _remove_earlier_results(output: Path) -> None:
    """Remove the tables and figures that an earlier call wrote to the folder."""
    if (output / "statements.txt").is_file():
        for file in (*(f"{name}.csv" for name in TABLES), *(f"figures/{name}.png" for name in FIGURES)):
            (output / file).unlink(missing_ok=True)


def compute_tables(population: Population, other: Population | None, resamples: int) -> dict[str, pd.DataFrame]:
    """Compute the tables that the columns of the particles allow, by the name of their file."""
    uncut = population.uncut
    steps: dict[str, Callable[..., pd.DataFrame]] = {
        "sizes": partial(size_report.size_table, uncut),
        "distributions": partial(populations.distributions, uncut),
        "correlations": partial(contrasts.correlations, uncut),
    }
    if "class" in uncut:
        steps["faults"] = partial(populations.fault_shares, uncut, population.base_rates)
        steps["fault_differences"] = partial(contrasts.fault_differences, uncut)
    if other is not None:
        steps["comparison"] = partial(contrasts.compare_populations, uncut, other.uncut)
    tables = {name: steps[name](resamples=resamples) for name in track(steps, "Drawing micrographs again")}
    budget = size_report.uncertainty_budget(uncut, tables["sizes"], population.fields, population.pixel_error)
    exclusions = size_report.exclusions(population.particles)
    return {**tables, "lognormal": size_report.lognormal_table(uncut), "budget": budget, "exclusions": exclusions}


def _name_populations(*populations: Population) -> dict[str, pd.DataFrame]:
    """Uncut particles by the name of their folder, or by its whole path if two folders have the same name."""
    by_name = {each.folder.name: each.uncut for each in populations}
    return by_name if len(by_name) == len(populations) else {str(each.folder): each.uncut for each in populations}


def _print_results(distributions: pd.DataFrame, sentences: list[str], name: str, output: Path) -> None:
    """Print the distributions, the sentences and the folder."""
    table = Table(title=f"Particles of {escape(name)}, 95 % intervals over micrographs", box=box.SIMPLE)
    table.add_column("Quantity", no_wrap=True)
    for title in ("Mean", "SD", "Median"):
        table.add_column(title, justify="right")
    for _, row in distributions[distributions["class"] == "all"].iterrows():
        cells = (interval_text(row, statistic) for statistic in ("mean", "sd", "median"))
        table.add_row(statements.label(row["quantity"]), *cells)
    console.print(table)
    for line in sentences:
        console.print(f"- {line}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"Tables, figures, statements.txt: {output}", markup=False, soft_wrap=True)
