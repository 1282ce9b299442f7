"""Sizes, their uncertainty and their fit in words and tables, as a publication reports them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from hrtem_lab.evaluation.populations import DIAMETER
from hrtem_lab.figures.interval_text import interval_text
from hrtem_lab.figures.report import DataTable
from hrtem_lab.figures.statements import label
from hrtem_lab.plural import plural

ALPHA = 0.05
STATISTIC_LABELS = {
    "d10": "D10",
    "d50": "median, D50",
    "d90": "D90",
    "mean": "mean",
    "area_weighted_mean": "mean, area-weighted",
    "area_weighted_d50": "median, area-weighted",
    "sd": "standard deviation",
    "geometric_mean": "geometric mean",
    "geometric_sd": "geometric standard deviation",
}


def size_rows(sizes: pd.DataFrame) -> DataTable:
    """Table of all sizes: a row per statistic, a column per quantity."""
    quantities = sizes["quantity"].unique().tolist()
    rows = [
        [text, *(_statistic_text(sizes, quantity, statistic) for quantity in quantities)]
        for statistic, text in STATISTIC_LABELS.items()
    ]
    first = sizes.iloc[0]
    caption = f"Sizes of {plural(first['particles'], 'particle')} in {plural(first['micrographs'], 'micrograph')}"
    caption += ", with 95 % intervals over micrographs" if sizes["low"].notna().any() else ""
    coverage = sizes.loc[sizes["statistic"] == "d50", "coverage"].dropna()
    if len(coverage):
        caption += f"; in simulated data of this extent that of a median covers {100 * coverage.min():.0f} %"
    return DataTable(caption, ["", *(label(name) for name in quantities)], rows, [False] + [True] * len(quantities))


def _statistic_text(sizes: pd.DataFrame, quantity: str, statistic: str) -> str:
    """A value with its interval."""
    row = sizes[(sizes["quantity"] == quantity) & (sizes["statistic"] == statistic)].iloc[0]
    return "" if math.isnan(row["value"]) else interval_text(row, "value", bounds="")


def sentence_on_sizes(sizes: pd.DataFrame) -> str:
    """The median of the equivalent diameter with its interval."""
    row = sizes[(sizes["quantity"] == DIAMETER) & (sizes["statistic"] == "d50")].iloc[0]
    return interval_text(row, "value", bounds="", unit="nm")


def describe_fit(lognormal: pd.DataFrame) -> list[str]:
    """State whether each size is log-normal."""
    lines = []
    for _, row in lognormal.iterrows():
        start = (
            f"{label(row['quantity'], '').capitalize()}: log-normal fit with geometric mean "
            f"{row['geometric_mean_nm']:.2f} nm and geometric standard deviation {row['geometric_sd']:.2f}"
        )
        if math.isnan(row["p"]):
            lines.append(f"{start}; too few particles to test the fit.")
            continue
        verdict = "does not describe the sizes" if row["p"] < ALPHA else "is not contradicted by the sizes"
        lines.append(
            f"{start}; it {verdict} (largest difference of the distributions {row['distance']:.3f}, Anderson-Darling "
            f"{row['anderson_darling']:.2f}, p = {row['p']:.2g})."
        )
    return lines


def budget_rows(budget: pd.DataFrame) -> DataTable:
    """Table of the uncertainty of each median."""
    rows = [
        [
            label(row["quantity"], ""),
            row["component"],
            "" if math.isnan(row["standard_uncertainty_nm"]) else f"{row['standard_uncertainty_nm']:.2g}",
            "" if math.isnan(row["relative"]) else f"{100 * row['relative']:.1f} %",
            row["basis"],
        ]
        for _, row in budget.iterrows()
    ]
    titles = ["median of", "component", "uncertainty (nm)", "relative", "basis"]
    return DataTable("Uncertainty of the medians", titles, rows, [False, False, True, True, False])


def describe_needed(needed: Mapping[str, float], precision: float) -> str:
    """State how many more particles the wanted precision takes."""
    if math.isnan(needed["particles"]):
        return "How many particles would be enough cannot be said from so few micrographs."
    if not needed["more_particles"]:
        return f"The median of the equivalent diameter is known to {100 * precision:g} %, as far as sampling goes."
    return (
        f"For a 95 % interval of ±{100 * precision:g} % around the median of the equivalent diameter, about "
        f"{plural(needed['particles'], 'particle')} in {plural(needed['micrographs'], 'micrograph')} like these are "
        f"needed, {needed['more_particles']:.0f} more."
    )


def describe_density(density: Mapping[str, float]) -> str:
    """State the number of particles per area."""
    if math.isnan(density["value"]):
        return "The number of particles per area is not known."
    text = interval_text(density, "value", bounds="", digits=0, level="95 % ")
    return f"Particles per square micrometre, corrected for those that an edge cuts: {text}."
