"""Tables of a report on sizes: what was counted and left out, sizes, particles per area, the uncertainty budget."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from hrtem_lab.evaluation.populations import DIAMETER, QUANTITIES, exclusion_reasons
from hrtem_lab.evaluation.size_statistics import (
    MIN_COVERAGE,
    MIN_MICROGRAPHS,
    RESAMPLES,
    Sizes,
    draw_micrographs,
    estimate_sizes,
    half_interval,
    lognormal_fit,
    simulate_coverage,
)
from hrtem_lab.plural import plural

FERET = "feret_min_nm"
REPORTED = tuple(
    f"{name}{outline}_nm" for outline in ("", "_half_contrast") for name in ("feret_min", "equivalent_diameter")
)
"""Sizes that are reported where a table has them: of the geometric outline, and of that at half of the contrast."""
BUDGETED = "d50"
"""Statistic whose uncertainty is budgeted: the median by number."""
CALIPER_ERROR_PX = 0.5
"""Largest error of a diameter in pixels where no error of its outline is known (`hrtem_lab.particles.measure`)."""
COVERAGE_FACTOR = 2.0
"""Factor k of the expanded uncertainty, for about 95 % (JCGM 100:2008, 6.2)."""
NM2_PER_UM2 = 1e6


def reported_sizes(uncut: pd.DataFrame) -> list[str]:
    """The columns of `REPORTED` that a table has, and of the other outline those that hold a size."""
    return [name for name in REPORTED if name in uncut and (name in QUANTITIES or uncut[name].notna().any())]


def exclusions(particles: pd.DataFrame) -> pd.DataFrame:
    """Count the particles by what becomes of them: `reason` (`counted` first) and `particles`."""
    reasons = exclusion_reasons(particles).replace("", "counted")
    counts = reasons.value_counts()
    order = ["counted", *sorted(counts.index.drop("counted", errors="ignore"))]
    return pd.DataFrame({"reason": order, "particles": [int(counts.get(reason, 0)) for reason in order]})


def size_table(uncut: pd.DataFrame, resamples: int = RESAMPLES) -> pd.DataFrame:
    """Describe every reported size by `hrtem_lab.evaluation.size_statistics.STATISTICS`.

    Returns:
        `quantity`, `statistic`, `value`, `low`, `high` (95 % over micrographs), `relative_error`, `particles`,
        `micrographs` and, of the median, `coverage`: how often such an interval holds the truth in simulated data of
        this extent. Where that is below `MIN_COVERAGE`, the interval is left out.
    """
    tables = []
    for quantity in reported_sizes(uncut):
        sizes = Sizes.of_table(uncut, quantity)
        table = estimate_sizes(sizes, resamples).assign(coverage=np.nan)
        table.loc["d50", "coverage"] = simulate_coverage(sizes)
        table.loc[table["coverage"] < MIN_COVERAGE, ["low", "high"]] = np.nan
        tables.append(table.assign(particles=len(sizes.values), micrographs=sizes.number_of_micrographs))
    return pd.concat(tables, keys=reported_sizes(uncut), names=["quantity"]).reset_index()


def lognormal_table(uncut: pd.DataFrame) -> pd.DataFrame:
    """Fit every reported size by a log-normal distribution.

    Returns:
        `quantity`, `geometric_mean_nm`, `geometric_sd`, and `distance`, `anderson_darling` and `p` of `lognormal_fit`.
    """
    rows = []
    for quantity in reported_sizes(uncut):
        sizes = Sizes.of_table(uncut, quantity)
        mean, sd = sizes.statistics()[0, -2:]
        rows.append({"quantity": quantity, "geometric_mean_nm": mean, "geometric_sd": sd, **lognormal_fit(sizes)})
    return pd.DataFrame(rows)


def number_density(uncut: pd.DataFrame, fields: pd.DataFrame, resamples: int = RESAMPLES) -> dict[str, float]:
    """Count particles per area, corrected for those that an edge cuts.

    Args:
        uncut: Table of `select_uncut_particles`.
        fields: `field_nm2` of every micrograph, also of those without a particle, indexed by its name.
        resamples: Number of draws of micrographs.

    Returns:
        `value`, `low` and `high` in particles per square micrometre; `nan` where a field's area is not known, the ends
        also with fewer than `MIN_MICROGRAPHS` micrographs or where nothing is found.
    """
    counts = uncut.groupby("micrograph")["weight"].sum().reindex(fields.index, fill_value=0.0).to_numpy()
    areas = fields["field_nm2"].to_numpy(dtype=np.float64) / NM2_PER_UM2
    number = len(fields)
    if not number or np.isnan(areas).any():
        return dict.fromkeys(("value", "low", "high"), np.nan)
    value = counts.sum() / areas.sum()
    half = np.nan
    if number >= MIN_MICROGRAPHS and value > 0:
        draws = draw_micrographs(number, resamples)
        densities = (draws @ counts) / (draws @ areas)
        error = np.std(np.log(densities[densities > 0])) * np.sqrt(number / (number - 1))
        half = float(half_interval(error, number))
    return {"value": float(value), "low": float(value * np.exp(-half)), "high": float(value * np.exp(half))}


def uncertainty_budget(
    uncut: pd.DataFrame, sizes: pd.DataFrame, fields: pd.DataFrame, pixel_error: float = math.nan
) -> pd.DataFrame:
    """Combine what is known of the uncertainty of every median (JCGM 100:2008, "GUM").

    Args:
        uncut: Table of `select_uncut_particles`.
        sizes: Table of `size_table`.
        fields: `pixel_size_nm` of every micrograph, indexed by its name.
        pixel_error: Relative standard uncertainty of the pixel size; `nan` where it is not known.

    Returns:
        `quantity`, `component`, `standard_uncertainty_nm`, `relative` and `basis`, the way in which it was found. After
        the components comes `combined`, the root of the sum of the squares of those known, and `expanded` by
        `COVERAGE_FACTOR`.
    """
    rows: list[dict[str, Any]] = []
    for quantity in reported_sizes(uncut):
        median = sizes[(sizes["quantity"] == quantity) & (sizes["statistic"] == BUDGETED)].iloc[0]
        edge, edge_basis = _edge_error(uncut, quantity, fields)
        parts = {
            "between micrographs": (median["relative_error"] * median["value"], _sampling_basis(median)),
            "edge": (edge, edge_basis),
            "pixel size": (pixel_error * median["value"], _pixel_basis(pixel_error)),
        }
        rows += [_budget_row(quantity, name, u, median["value"], basis) for name, (u, basis) in parts.items()]
        known = [u for u, _ in parts.values() if not np.isnan(u)]
        combined = float(np.sqrt(np.sum(np.square(known)))) if known else np.nan
        without = [name for name, (u, _) in parts.items() if np.isnan(u)]
        basis = f"without {' and '.join(without)}" if without else "all components"
        rows.append(_budget_row(quantity, "combined", combined, median["value"], basis))
        expanded = COVERAGE_FACTOR * combined
        rows.append(_budget_row(quantity, "expanded", expanded, median["value"], f"k = {COVERAGE_FACTOR:g}, {basis}"))
    return pd.DataFrame(rows)


def particles_needed(sizes: pd.DataFrame, precision: float, quantity: str = DIAMETER) -> dict[str, float]:
    """Number of particles and micrographs for a median whose 95 % interval reaches no further than wanted.

    The error falls with the root of the number of micrographs, as long as each shows as many particles as those here.

    Args:
        sizes: Table of `size_table`.
        precision: Wanted half width of the interval as a fraction of the median.
        quantity: Size in question.

    Returns:
        `micrographs` and `particles` in all, and `more_particles` than there are; `nan` where there is no interval.
    """
    median = sizes[(sizes["quantity"] == quantity) & (sizes["statistic"] == BUDGETED)].iloc[0]
    if np.isnan(median["relative_error"]):
        return dict.fromkeys(("micrographs", "particles", "more_particles"), np.nan)
    ratio = (ndtri(0.975) * median["relative_error"] / math.log1p(precision)) ** 2
    micrographs = math.ceil(median["micrographs"] * ratio)
    particles = math.ceil(median["particles"] * ratio)
    return {
        "micrographs": micrographs,
        "particles": particles,
        "more_particles": max(particles - int(median["particles"]), 0),
    }


def _edge_error(uncut: pd.DataFrame, quantity: str, fields: pd.DataFrame) -> tuple[float, str]:
    """Standard uncertainty of a diameter by its outline, in nm, and its basis.

    Outlines are found by one network with one bias, so it does not average out over particles.
    """
    errors = f"{quantity.removesuffix('_nm')}_se_nm"
    if errors in uncut and uncut[errors].notna().any():
        return float(np.sqrt(np.average(uncut[errors].dropna() ** 2))), "standard errors of the outlines"
    largest = (
        CALIPER_ERROR_PX * float(_pixel_sizes(uncut["micrograph"].unique(), fields).max()) if len(uncut) else np.nan
    )
    basis = (
        f"at most {CALIPER_ERROR_PX:g} pixel, rectangular distribution; of the drawing of the outline nothing is known"
    )
    return largest / math.sqrt(3), basis


def _pixel_sizes(micrographs: Iterable[str], fields: pd.DataFrame) -> pd.Series:
    """Pixel size of each micrograph, in nm."""
    return fields.loc[list(micrographs), "pixel_size_nm"].astype(float)


def _sampling_basis(median: pd.Series) -> str:
    """Text on how the uncertainty by the choice of micrographs was found."""
    if np.isnan(median["relative_error"]):
        return f"needs {MIN_MICROGRAPHS} micrographs with whole particles, there are {median['micrographs']}"
    return f"bootstrap over {plural(median['micrographs'], 'micrograph')}"


def _pixel_basis(pixel_error: float) -> str:
    """Text on how the uncertainty of the pixel size was found."""
    if np.isnan(pixel_error):
        return "not known; name the material, and the scale is checked by its lattice"
    return "lattice spacings of resolved particles"


def _budget_row(quantity: str, component: str, u: float, value: float, basis: str) -> dict[str, Any]:
    """Row of `uncertainty_budget`."""
    return {
        "quantity": quantity,
        "component": component,
        "standard_uncertainty_nm": u,
        "relative": u / value if value else np.nan,
        "basis": basis,
    }
