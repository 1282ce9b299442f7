"""Weighted statistics against SciPy, against repeated particles, and particles that were really cut by an edge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import gmean, lognorm, mannwhitneyu, pointbiserialr, spearmanr

from hrtem_lab.evaluation.weighted import DESCRIPTION, contrast, describe, mid_ranks, miles_lantuejoul_weights, spearman
from hrtem_lab.micrograph import InputError
from hrtem_lab.particles import measure

ROWS, COLUMNS = 7, 9


@pytest.fixture
def values():
    return np.random.default_rng(1).lognormal(1.5, 0.2, size=(40, 3)).round(2)  # rounded: some are equal


def weighted(values, weight=None):
    return np.column_stack([np.ones(len(values)) if weight is None else weight, values])


@pytest.mark.parametrize("box", [(1, 1), (2, 3), (5, 1), (5, 7)])
def test_a_weight_counts_the_places_where_a_particle_is_whole(box):
    """The rectangle is laid to every place of the field; `measure` says where the edge cuts it."""
    whole = 0
    for row in range(ROWS - box[0] + 1):
        for column in range(COLUMNS - box[1] + 1):
            instances = np.zeros((ROWS, COLUMNS), np.int32)
            instances[row : row + box[0], column : column + box[1]] = 1
            found = measure(instances, 1.0).iloc[0]
            whole += not found["touches_edge"]
            assert (found["box_rows_px"], found["box_columns_px"]) == box
    assert miles_lantuejoul_weights([box[0]], [box[1]], ROWS, COLUMNS)[0] == pytest.approx(ROWS * COLUMNS / whole)


def test_a_whole_particle_that_has_no_place_in_its_field_is_refused():
    with pytest.raises(InputError, match="as large as its field"):
        miles_lantuejoul_weights([3, 8], [3, 3], 9, 9)


def test_discs_dropped_at_random_keep_their_sizes_only_with_the_weights():
    """As many small discs as large ones, and every diameter between: of the large ones fewer are seen whole."""
    rng = np.random.default_rng(0)
    side, number = 400, 60_000
    diameter = rng.choice([20, 60, 140], number, p=[0.5, 0.3, 0.2])
    corner = rng.integers(-150, side + 150, size=(number, 2))  # of the bounding box; far enough that all places count
    whole = ((corner >= 1) & (corner + diameter[:, None] <= side - 1)).all(axis=1)
    seen = diameter[whole].astype(float)
    weight = miles_lantuejoul_weights(seen, seen, side, side)
    shares = [weight[seen == d].sum() / weight.sum() for d in (20, 60, 140)]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    assert np.mean(seen == 140) < 0.12
    found = dict(zip(DESCRIPTION, describe(weighted(seen, weight)), strict=True))
    assert found["mean"] == pytest.approx(diameter.mean(), rel=0.03)
    assert found["sd"] == pytest.approx(diameter.std(), rel=0.03)
    assert abs(seen.mean() - diameter.mean()) > 8


def test_without_weights_it_is_numpy_and_scipy(values):
    found = describe(weighted(values)).reshape(len(DESCRIPTION), 3)
    quantiles = np.quantile(values, [0.25, 0.5, 0.75], axis=0, method="inverted_cdf")
    fits = np.array([lognorm.fit(column, floc=0) for column in values.T])
    n = len(values)
    judge = [values.mean(axis=0), values.std(axis=0, ddof=1), *quantiles, gmean(values), fits[:, 2]]
    np.testing.assert_allclose(found, [*judge[:6], np.exp(fits[:, 0] * np.sqrt(n / (n - 1)))], rtol=1e-3)
    np.testing.assert_allclose(found[5], judge[6], rtol=1e-3)


def test_without_weights_correlations_and_effects_are_scipys(values):
    judge = spearmanr(values).statistic
    np.testing.assert_allclose(spearman(weighted(values)), judge[np.triu_indices(3, 1)])
    sort = np.random.default_rng(2).integers(0, 2, len(values))
    first, second = values[sort == 1], values[sort == 0]
    difference, delta, biserial = contrast(np.column_stack([sort, weighted(values)])).reshape(3, 3)
    np.testing.assert_allclose(difference, first.mean(axis=0) - second.mean(axis=0))
    u = mannwhitneyu(first, second).statistic
    np.testing.assert_allclose(delta, 2 * u / (len(first) * len(second)) - 1, atol=1e-12)
    np.testing.assert_allclose(biserial, [pointbiserialr(sort, column).statistic for column in values.T])


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12))
def test_a_weight_of_two_is_two_particles(rows):
    weight, *columns = np.array(rows, dtype=float).T
    values = np.column_stack(columns)
    repeated = np.repeat(values, weight.astype(int), axis=0)
    np.testing.assert_allclose(spearman(weighted(values, weight)), spearman(weighted(repeated)), atol=1e-9)
    sort = np.arange(len(values)) % 2
    ours = contrast(np.column_stack([sort, weighted(values, weight)]))
    same = contrast(np.column_stack([np.repeat(sort, weight.astype(int)), weighted(repeated)]))
    np.testing.assert_allclose(ours, same, atol=1e-9)
    one, other = (
        describe(part).reshape(len(DESCRIPTION), 2) for part in (weighted(values, weight), weighted(repeated))
    )
    np.testing.assert_allclose(one[[0, 2, 3, 4, 5]], other[[0, 2, 3, 4, 5]], atol=1e-9)


def test_equal_values_share_a_rank():
    assert mid_ranks(np.array([1.0, 2, 1, 4]), np.array([3.0, 1, 3, 9])).tolist() == [3, 1, 3, 6]


def test_what_does_not_vary_correlates_with_nothing(values):
    values[:, 1] = 1.3
    found = spearman(weighted(values))
    assert np.isnan(found[[0, 2]]).all()
    assert not np.isnan(found[1])


@pytest.mark.parametrize("number", [0, 1])
def test_too_few_particles_are_undefined_and_no_warning(number):
    rows = np.full((number, 3), 2.0)
    assert np.isnan(describe(rows).reshape(len(DESCRIPTION), 2)[[1, 6]]).all()
    assert np.isnan(spearman(rows)).all()
    assert np.isnan(contrast(rows)).all()


def test_a_shape_of_zero_has_no_geometric_mean():
    found = describe(np.array([[1.0, 0.0, 2.0], [1.0, 3.0, 2.0]])).reshape(len(DESCRIPTION), 2)
    assert np.isnan(found[5:, 0]).all()
    assert found[5:, 1].tolist() == pytest.approx([2, 1])
