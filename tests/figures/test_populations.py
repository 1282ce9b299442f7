"""Figures of a population against its tables."""

import numpy as np
import pytest
from scipy.stats import lognorm

from hrtem_lab.evaluation.contrasts import correlations
from hrtem_lab.evaluation.populations import distributions, fault_shares
from hrtem_lab.figures import populations as figures
from tests.evaluation.drawn import population


@pytest.fixture(scope="module")
def uncut():
    return population(3, micrographs=12)


def test_the_histogram_is_a_density_and_the_fit_lies_on_it(uncut):
    axes = figures.plot_sizes(uncut, distributions(uncut, 100)).axes[0]
    assert sum(bar.get_width() * bar.get_height() for bar in axes.patches) == pytest.approx(1)
    x, y = axes.lines[0].get_xydata().T
    shape, _, scale = lognorm.fit(uncut["equivalent_diameter_nm"], floc=0)
    np.testing.assert_allclose(y, lognorm.pdf(x, shape, scale=scale), atol=0.03)


def test_particles_whose_class_is_uncertain_are_drawn_with_the_others(uncut):
    unsure = uncut.assign(**{"class": ["uncertain", *uncut["class"][1:]]})
    axes = figures.plot_sizes(unsure, distributions(unsure, 100)).axes[0]
    assert sum(bar.get_width() * bar.get_height() for bar in axes.patches) == pytest.approx(1)
    points = [len(drawn.get_offsets()) for drawn in figures.plot_shapes(unsure).axes[0].collections]
    assert sum(points) == len(unsure)


def test_a_star_stands_only_where_the_corrected_p_is_small(uncut):
    table = correlations(uncut, 200)
    texts = [text.get_text() for text in figures.plot_correlations(table).axes[0].texts]
    starred = (table["p_adjusted"] < 0.05).sum()
    assert 0 < starred < len(table)
    assert sum(text.endswith("*") for text in texts) == starred
    table.loc[:, "p_adjusted"], table.loc[0, "correlation"] = np.nan, np.nan
    texts = [text.get_text() for text in figures.plot_correlations(table).axes[0].texts]
    assert not any("*" in text or "nan" in text for text in texts)


def test_the_shares_of_faults_are_where_the_table_has_them(uncut):
    table = fault_shares(uncut, 100)
    axes = figures.plot_faults(table).axes[0]
    points = next(container for container in axes.containers)[0].get_xydata()
    np.testing.assert_allclose(points[:, 1], table["fault_share"][:-1])
    assert [text.get_text() for text in axes.texts] == [str(number) for number in table["particles"][:-1]]


def test_two_populations_are_drawn_with_the_mean_of_each_micrograph(uncut):
    above, below = figures.plot_comparison({"a": uncut, "b": population(4, micrographs=7)}).axes
    assert [len(line.get_xdata()) for line in below.lines] == [12, 7]
    middle = above.lines[0].get_xdata()[np.searchsorted(above.lines[0].get_ydata(), 0.5)]
    assert middle == pytest.approx(uncut["equivalent_diameter_nm"].median(), abs=0.05)


def test_the_legend_names_populations_of_any_name(uncut):
    figure = figures.plot_comparison({"_a": uncut, "$b$ $\\x": uncut})
    figure.canvas.draw()
    texts = figure.axes[0].get_legend().get_texts()
    assert [text.get_text().replace("\\$", "$") for text in texts] == ["_a (n=240)", "$b$ $\\x (n=240)"]


def test_an_empty_population_has_no_figures(uncut):
    assert figures.plot_population({"a": uncut[:0], "b": uncut}, {}) == {}
