"""Sentences that state what the tables of a population establish, and no more."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd

from hrtem_lab.evaluation.contrasts import min_attainable_p
from hrtem_lab.evaluation.intervals import MIN_GROUPS
from hrtem_lab.evaluation.populations import DIAMETER, NON_PARTICLE
from hrtem_lab.figures.interval_text import interval_text
from hrtem_lab.micrograph import UNCERTAIN
from hrtem_lab.plural import plural

ALPHA = 0.05
"""Corrected p value below which a difference is established."""
QUANTITY_LABELS = {
    "equivalent_diameter_nm": ("equivalent diameter", "nm"),
    "feret_max_nm": ("largest caliper", "nm"),
    "feret_min_nm": ("smallest caliper", "nm"),
    "area_nm2": ("area", "nm²"),
}
"""Label and unit of the quantities whose column is not their label."""

interval = partial(interval_text, level="95 % ")


def describe_sample(particles: pd.DataFrame, uncut: pd.DataFrame) -> list[str]:
    """State how many particles there are, and which of them are described.

    Args:
        particles: Table of `hrtem_lab.predict`.
        uncut: The particles that `select_uncut_particles` selects from it.
    """
    if particles.empty:
        return ["No particles: there is nothing to describe."]
    lines = [_describe_selection(particles, uncut)]
    if "class" in uncut and (uncertain := int((uncut["class"] == UNCERTAIN).sum())):
        lines.append(f"Of {uncertain} of them the forest is uncertain: they have no class.")
    if 0 < (number := uncut["micrograph"].nunique()) < MIN_GROUPS:
        few = f"Only {plural(number, 'micrograph')} with whole particles, fewer than {MIN_GROUPS}"
        lines.append(f"{few}: nothing is claimed of how its particles differ or what goes together.")
    if "class" not in particles:
        lines.append(
            "No classes in particles.csv (masks alone, or a model without a forest): nothing is said of faults."
        )
    return lines


def _describe_selection(particles: pd.DataFrame, uncut: pd.DataFrame) -> str:
    """State how many particles are described and how many are left out."""
    cut = int(particles["touches_edge"].sum())
    number = particles["micrograph"].nunique()
    line = f"{plural(len(particles), 'particle')} in {plural(number, 'micrograph')}, {len(uncut)} of them described; "
    line += f"left out: {cut} cut by the edge"
    if "repeat_of" in particles and (again := int((particles["repeat_of"] != "").sum())):
        line += f", {again} seen before in another micrograph"
    if "class" in particles:
        excluded = int((particles["class"].isin(NON_PARTICLE) & ~particles["touches_edge"]).sum())
        line += f", {excluded} called {' or '.join(NON_PARTICLE)}"
    return f"{line}. Each counts by the inverse of its chance to be seen whole (Miles-Lantuéjoul)."


def describe_population(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Describe the sizes, faults and correlations of one population.

    Args:
        tables: `distributions` and `correlations`, with classes also `faults` and `fault_differences`.
    """
    size = diameter_row(tables["distributions"])
    if not size["particles"]:
        return ["No particle is seen whole: nothing can be said of sizes and shapes."]
    spread = (
        f", standard deviation {interval(size, 'sd', unit='nm')}; log-normal fit: geometric mean "
        f"{interval(size, 'geometric_mean', unit='nm')}, geometric standard deviation {interval(size, 'geometric_sd')}"
    )
    is_single = math.isnan(size["sd"])  # a single particle has no spread
    lines = [f"Equivalent diameter: mean {interval(size, 'mean', unit='nm')}{'' if is_single else spread}."]
    if "faults" in tables:
        lines += _describe_faults(tables["faults"].iloc[-1], tables["fault_differences"])
    return lines + _describe_correlations(tables["correlations"])


def describe_difference(comparison: pd.DataFrame, name: str, other: str) -> list[str]:
    """Describe how one population differs from another one.

    Args:
        comparison: Table of `hrtem_lab.evaluation.contrasts.compare_populations`.
        name: Name of the first population.
        other: Name of the second population.
    """
    row = comparison.iloc[0]
    numbers = int(row["micrographs"]), int(row["micrographs_other"])
    if (least := min_attainable_p(*numbers)) > ALPHA:
        return [
            f"{name} against {other}: with {numbers[0]} and {plural(numbers[1], 'micrograph')} p cannot fall below "
            f"{least:.2g}, so that no difference can be claimed."
        ]
    return _describe_differences(comparison, f"Particles of {name}", f"those of {other}")


def _describe_faults(total: pd.Series, differences: pd.DataFrame) -> list[str]:
    """State the fraction of faulted particles, and how they differ from those without a fault."""
    if not total["particles"]:
        return ["No particle shows its lattice: nothing can be said of faults."]
    share = f"{interval(total, 'fault_share', bounds='')} of the particles that could show one"
    is_corrected = str(total["interval"]).startswith("corrected")
    errors = "with all of the forest's errors"
    if is_corrected:
        errors = "corrected for the forest's errors, the uncertain ones by their probabilities"
    lines = [f"Faults: {share}, {errors}; it calls {total['faults']} of {total['particles']} faulted."]
    if total["faults"] in (0, total["particles"]):
        return [*lines, "Faulted particles cannot be compared with others: all are of one kind."]
    return lines + _describe_differences(differences, "Faulted particles", "those without a fault")


def _describe_differences(table: pd.DataFrame, subject: str, others: str) -> list[str]:
    """Write a sentence for every established difference, and one for all the others."""
    lines, not_established = [], []
    for _, row in table.iterrows():
        quantity = str(row["quantity"])
        if row["p_adjusted"] < ALPHA:
            lines.append(_describe_established(row, subject, others))
        else:
            not_established.append(f"{label(quantity, '')} {interval(row, 'difference', unit=unit(quantity))}")
    if not_established:
        lines.append(f"{subject} against {others}, not established: {'; '.join(not_established)}.")
    return lines


def _describe_established(row: pd.Series, subject: str, others: str) -> str:
    """Write the sentence of one established difference."""
    quantity, is_larger = str(row["quantity"]), row["difference"] > 0
    sign = -1 if row["difference"] < 0 else 1
    by = f"{interval(row, 'difference', unit=unit(quantity), sign=sign)}; {_p_text(row)}"
    if quantity == DIAMETER:
        return f"{subject} are {'larger' if is_larger else 'smaller'} than {others} by {by}."
    return f"{subject} have a {'higher' if is_larger else 'lower'} {label(quantity, '')} than {others} by {by}."


def _describe_correlations(table: pd.DataFrame) -> list[str]:
    """Write a sentence for every established correlation, and one with the number of the others."""
    established = table[table["p_adjusted"] < ALPHA]
    lines = []
    for _, row in established.iterrows():
        names = " and ".join(label(str(row[end]), "") for end in ("first", "second"))
        value = interval(row, "correlation", bounds="")
        lines.append(f"Correlation of {names} ({row['kind']}): {value}; {_p_text(row)}.")
    rest = len(table) - len(established)
    return [*lines, f"{rest} of {len(table)} correlations are not established."] if rest else lines


def diameter_row(distributions: pd.DataFrame) -> pd.Series:
    """Select the row of the diameter of all particles."""
    return distributions[(distributions["class"] == "all") & (distributions["quantity"] == DIAMETER)].iloc[0]


def label(quantity: str, brackets: str = "()") -> str:
    """Label of a quantity, with its unit in the given brackets, if any."""
    name, symbol = _name_and_unit(quantity)
    return f"{name} {brackets[0]}{symbol}{brackets[1]}" if symbol and brackets else name


def unit(quantity: str) -> str:
    """Unit of a quantity, empty if it has none."""
    return _name_and_unit(quantity)[1]


def _name_and_unit(quantity: str) -> tuple[str, str]:
    """Name of a quantity, with the outline where that is not the geometric one, and its unit."""
    geometric = quantity.replace("_half_contrast", "")
    name, symbol = QUANTITY_LABELS.get(geometric, (geometric.replace("_", " "), ""))
    return name if geometric == quantity else f"{name}, half contrast", symbol


def _p_text(row: pd.Series) -> str:
    """Format the corrected p value of a row."""
    p = row["p_adjusted"]
    return f"corrected p {'< 0.001' if p < 0.001 else f'= {p:.2g}'}"
