"""Sizes in words and tables."""

import numpy as np

from hrtem_lab.evaluation.size_report import lognormal_table, particles_needed, size_table, uncertainty_budget
from hrtem_lab.figures.sizing import (
    budget_rows,
    describe_density,
    describe_fit,
    describe_needed,
    sentence_on_sizes,
    size_rows,
)
from tests.evaluation.drawn import population
from tests.evaluation.test_size_report import areas


def test_a_table_of_sizes_has_a_column_for_each_and_says_how_well_it_covers():
    table = size_rows(size_table(population(1), resamples=100))
    assert table.titles == ["", "smallest caliper (nm)", "equivalent diameter (nm)"]
    assert [row[0] for row in table.rows][:3] == ["D10", "median, D50", "D90"]
    assert "200 particles in 10 micrographs, with 95 % intervals" in table.caption
    assert " %" in table.caption.rpartition("covers")[2]


def test_without_an_interval_none_is_written():
    sizes = size_table(population(1, micrographs=2), resamples=100)
    assert "intervals" not in size_rows(sizes).caption
    assert "(" not in sentence_on_sizes(sizes)
    assert "so few" in describe_needed(particles_needed(sizes, 0.02), 0.02)


def test_what_is_needed_is_said_with_its_number():
    sizes = size_table(population(1, micrographs=12), resamples=100)
    text = describe_needed(particles_needed(sizes, 0.001), 0.001)
    assert "±0.1 %" in text
    assert " more." in text


def test_a_fit_is_contradicted_or_not():
    normal = population(1)
    bimodal = normal.assign(feret_min_nm=np.where(np.arange(len(normal)) % 2, 3.0, 9.0) + 0.1 * normal["feret_min_nm"])
    lines = describe_fit(lognormal_table(bimodal))
    assert "does not describe" in lines[0]
    assert "is not contradicted" in lines[1]
    assert "too few" in describe_fit(lognormal_table(population(1, micrographs=1, each=4)))[0]


def test_the_budget_and_the_density_are_readable():
    uncut = population(1)
    budget = uncertainty_budget(uncut, size_table(uncut, resamples=100), areas(uncut), 0.01)
    rows = budget_rows(budget).rows
    assert len(rows) == 10
    assert rows[2][:2] == ["smallest caliper", "pixel size"]
    assert rows[2][3] == "1.0 %"
    assert "not known" in describe_density({"value": np.nan})
    assert "1234 (95 % 1100 to 1400)" in describe_density({"value": 1234.0, "low": 1100.0, "high": 1400.0})
