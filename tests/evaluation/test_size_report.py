"""What a report on sizes says of drawn populations."""

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.evaluation.populations import exclusion_reasons, select_uncut_particles
from hrtem_lab.evaluation.size_report import (
    exclusions,
    lognormal_table,
    number_density,
    particles_needed,
    size_table,
    uncertainty_budget,
)
from tests.evaluation.drawn import FIELD_PX, fields, particles, population

PIXEL_NM = 0.1


def areas(uncut: pd.DataFrame) -> pd.DataFrame:
    """Pixel size and area of each micrograph."""
    names = uncut["micrograph"].unique()
    return pd.DataFrame({"pixel_size_nm": PIXEL_NM, "field_nm2": (FIELD_PX * PIXEL_NM) ** 2}, index=names)


def test_every_particle_is_counted_or_has_one_reason():
    table = particles(0, micrographs=2, each=5)
    table.loc[0, "touches_edge"] = True
    table.loc[0:1, "class"] = "agglomerate"
    table.loc[2, "aspect_ratio"] = np.inf
    reasons = exclusion_reasons(table)
    assert reasons[:4].tolist() == ["cut by the edge", "called agglomerate", "no outline to measure", ""]
    counts = exclusions(table).set_index("reason")["particles"]
    assert counts.index[0] == "counted"
    assert counts["counted"] == len(select_uncut_particles(table, fields(table))) == 7
    assert counts.sum() == len(table)


def test_the_table_of_sizes_holds_both_diameters_and_says_how_well_it_covers():
    table = size_table(population(1), resamples=200)
    assert table["quantity"].unique().tolist() == ["feret_min_nm", "equivalent_diameter_nm"]
    median = table[(table["statistic"] == "d50") & (table["quantity"] == "equivalent_diameter_nm")].iloc[0]
    assert median["low"] < 5.1 < median["high"]
    assert 0.9 <= median["coverage"] <= 1
    assert (median["particles"], median["micrographs"]) == (200, 10)
    assert lognormal_table(population(1))["geometric_mean_nm"].tolist() == pytest.approx([4.6, 5.1], abs=0.1)


def test_sizes_by_another_outline_are_reported_where_they_are_there():
    uncut = population(1).assign(feret_min_half_contrast_nm=4.0)
    assert "feret_min_half_contrast_nm" in size_table(uncut, resamples=50)["quantity"].tolist()


def test_the_density_is_that_of_discs_thrown_at_random():
    """Discs of two sizes on fields with edges: 3000 in a square micrometre, whatever the edges cut."""
    rng = np.random.default_rng(0)
    density_per_um2, side_px, fields_number = 3000, 512, 200
    rows = []
    for name in range(fields_number):
        number = rng.poisson(density_per_um2 * (2 * side_px * PIXEL_NM) ** 2 / 1e6)
        corner = rng.uniform(-side_px / 2, 1.5 * side_px, (number, 2))
        size = rng.choice([40, 160], number)
        whole = ((corner >= 1) & (corner + size[:, None] <= side_px - 1)).all(axis=1)
        rows.append(pd.DataFrame({"micrograph": str(name), "box_rows_px": size[whole], "box_columns_px": size[whole]}))
    table = pd.concat(rows, ignore_index=True).assign(touches_edge=False)
    template = particles(0, micrographs=1, each=1).drop(columns=["class", *table.columns])
    table = table.join(pd.concat([template] * len(table), ignore_index=True))
    size = pd.DataFrame({"rows": side_px, "columns": side_px}, index=[str(name) for name in range(fields_number)])
    area = size.assign(field_nm2=(side_px * PIXEL_NM) ** 2)
    found = number_density(select_uncut_particles(table, size), area, resamples=200)
    assert found["low"] < density_per_um2 < found["high"]
    assert found["value"] == pytest.approx(density_per_um2, rel=0.1)


def test_micrographs_without_a_particle_count_for_the_density():
    uncut = population(0)
    field = areas(uncut)
    empty = pd.concat([field, field.set_axis([f"empty {name}" for name in field.index])])
    assert number_density(uncut, empty)["value"] == pytest.approx(number_density(uncut, field)["value"] / 2)


def test_an_unknown_field_gives_no_density():
    uncut = population(0)
    assert np.isnan(number_density(uncut, areas(uncut).assign(field_nm2=np.nan))["value"])


def test_the_budget_adds_squares_and_doubles_them():
    uncut = population(1).assign(equivalent_diameter_se_nm=0.03)
    budget = uncertainty_budget(uncut, size_table(uncut, resamples=200), areas(uncut), pixel_error=0.01)
    part = budget[budget["quantity"] == "equivalent_diameter_nm"].set_index("component")["standard_uncertainty_nm"]
    assert part["edge"] == pytest.approx(0.03)
    assert part["pixel size"] == pytest.approx(0.051, abs=0.002)
    names = ["between micrographs", "edge", "pixel size"]
    assert part["combined"] == pytest.approx(np.sqrt((part[names] ** 2).sum()))
    assert part["expanded"] == pytest.approx(2 * part["combined"])
    caliper = budget[(budget["quantity"] == "feret_min_nm") & (budget["component"] == "edge")].iloc[0]
    assert caliper["standard_uncertainty_nm"] == pytest.approx(PIXEL_NM / 2 / np.sqrt(3))


def test_a_budget_without_a_known_scale_says_so():
    uncut = population(1)
    budget = uncertainty_budget(uncut, size_table(uncut, resamples=50), areas(uncut))
    assert budget.loc[budget["component"] == "expanded", "basis"].tolist() == ["k = 2, without pixel size"] * 2


def test_four_times_the_micrographs_halve_the_interval():
    sizes = size_table(population(1, micrographs=12), resamples=500)
    error = sizes[(sizes["statistic"] == "d50") & (sizes["quantity"] == "equivalent_diameter_nm")].iloc[0]
    half = 1.96 * error["relative_error"]
    same, finer = particles_needed(sizes, np.expm1(half)), particles_needed(sizes, np.expm1(half / 2))
    assert same["micrographs"] == pytest.approx(12, abs=1)
    assert finer["particles"] == pytest.approx(4 * 240, rel=0.02)
    assert finer["more_particles"] == finer["particles"] - 240
    assert np.isnan(particles_needed(size_table(population(1, micrographs=2), 50), 0.02)["particles"])
