"""The corrected share of faults: populations are drawn from known distributions of what a forest sees."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from hrtem_lab.evaluation import wilson_interval
from hrtem_lab.evaluation.fault_share import BaseRates, corrected_share
from hrtem_lab.micrograph import CLASSES

MEANS = {"fault": 1.0, "no_fault": -0.6, "no_fringe": -3.0}
"""Mean of what is seen of a particle of each class, normal with a standard deviation of 1: classes overlap."""
RATES = BaseRates([1.0, 8.0], [0.02, 0.5], [0.5, 0.4])
"""In training, large particles are faulted more often."""


def chances(factor, diameter):
    """Chances of the classes of `MEANS`, (n, 3): the odds of a fault are those of the training times a factor."""
    odds = RATES(diameter) * [1, 1, 1.5]
    odds[:, 0] *= factor
    return odds / odds.sum(axis=1, keepdims=True)


def share_of(chance):
    """Share of faults among the particles that could show one."""
    return chance[:, 0].sum() / chance[:, :2].sum()


def population(rng, factor, number=75, sizes=(1.0, 8.0)):
    """Particles with the probabilities of a forest that knows what a class looks like, and its rates in the training.

    Returns them, and the chances from which they were drawn.
    """
    diameter = np.exp(rng.uniform(*np.log(sizes), number))
    chance = chances(factor, diameter)
    which = (rng.random((number, 1)) > chance.cumsum(axis=1)).sum(axis=1)
    x = rng.normal(np.array(list(MEANS.values()))[which])
    likelihood = np.column_stack([norm.pdf(x - mean) for mean in MEANS.values()]) * RATES(diameter)
    table = pd.DataFrame(0.0, index=range(number), columns=[f"p_{name}" for name in CLASSES])
    table[[f"p_{name}" for name in MEANS]] = likelihood / likelihood.sum(axis=1, keepdims=True)
    return table.assign(diameter_nm=diameter, weight=1.0), chance


@pytest.mark.parametrize("sizes", [(1.0, 8.0), (1.0, 2.0), (6.0, 8.0)])
def test_the_interval_holds_the_drawn_share_whatever_the_sizes(sizes):
    """A plain count, of those with a fault more probable than none, follows the rates of the training instead."""
    rng = np.random.default_rng(0)
    held, errors, count_errors = [], [], []
    for factor in np.exp(np.linspace(-4, 2, 100)):
        table, chance = population(rng, factor, sizes=sizes)
        share = share_of(chance)
        found = corrected_share(table, RATES, "diameter_nm")
        held.append(found["low"] <= share <= found["high"])
        errors.append(found["fault_share"] - share)
        visible = table[table["p_no_fringe"] < 0.5]
        count_errors.append((visible["p_fault"] > visible["p_no_fault"]).mean() - share)
    assert 0.9 <= np.mean(held) <= 1
    assert abs(np.mean(errors)) < 0.03
    assert np.std(count_errors[:50]) < 0.2
    assert np.abs([np.mean(count_errors[:30]), np.mean(count_errors[-30:])]).max() > 0.06


def test_certain_probabilities_give_the_count_and_an_interval_like_wilsons():
    table = pd.DataFrame(0.0, index=range(60), columns=[f"p_{name}" for name in CLASSES])
    table.loc[:11, "p_fault"], table.loc[12:39, "p_no_fault"], table.loc[40:, "p_empty"] = 1, 1, 1
    found = corrected_share(table.assign(d=3.0, weight=1.0), RATES, "d")
    assert found["could_show"] == pytest.approx(40)
    assert found["fault_share"] == pytest.approx(0.3, abs=0.01)
    assert [found["low"], found["high"]] == pytest.approx(wilson_interval(12, 40), abs=0.02)


def test_micrographs_that_differ_widen_the_interval():
    rng = np.random.default_rng(1)
    held = {"micrographs": [], "particles": []}
    spread = 1.5
    for factor in np.exp(np.linspace(-1, 1, 40)):
        own = factor * np.exp(spread * rng.normal(size=12))
        table = pd.concat([population(rng, each, number=30)[0] for each in own], ignore_index=True)
        many = np.repeat(factor * np.exp(spread * norm.ppf((np.arange(50) + 0.5) / 50)), 50)
        truth = share_of(chances(many, np.tile(np.exp(np.linspace(0, np.log(8), 50)), 50)))
        for name, groups in (("micrographs", np.repeat(np.arange(12), 30)), ("particles", None)):
            found = corrected_share(table, RATES, "diameter_nm", groups)
            held[name].append(found["low"] <= truth <= found["high"])
    assert np.mean(held["micrographs"]) > 0.85
    assert np.mean(held["particles"]) < np.mean(held["micrographs"]) - 0.1


def test_none_and_all_are_ends_of_the_interval():
    for label, end in (("no_fault", 0.0), ("fault", 1.0)):
        table = pd.DataFrame(0.0, index=range(30), columns=[f"p_{name}" for name in CLASSES])
        table = table.assign(**{f"p_{label}": 1.0}, d=3.0, weight=1.0)
        found = corrected_share(table, RATES, "d")
        assert found["fault_share"] == end
        assert end in (found["low"], found["high"])
        assert 0.05 < found["high"] - found["low"] < 0.2


@pytest.mark.parametrize("number", [0, 3])
def test_too_few_give_no_interval(number):
    table = population(np.random.default_rng(0), 1.0)[0][:number]
    found = corrected_share(table, RATES, "diameter_nm")
    assert np.isnan([found["low"], found["high"]]).all()
    assert np.isnan(found["fault_share"]) == (number == 0)


def test_particles_without_probabilities_do_not_count():
    table = population(np.random.default_rng(0), 1.0)[0]
    more = pd.concat([table, table.assign(p_fault=np.nan)], ignore_index=True)
    assert corrected_share(more, RATES, "diameter_nm") == corrected_share(table, RATES, "diameter_nm")


def test_base_rates_are_those_of_the_training():
    rng = np.random.default_rng(0)
    diameter = pd.Series(np.exp(rng.uniform(0, 2, 5000)))
    expected = np.column_stack([0.1 * np.log(diameter), np.full(5000, 0.6)])
    chance = rng.random(5000)
    label = pd.Series(
        np.select([chance < expected[:, 0], chance < expected.sum(axis=1)], ["fault", "no_fault"], "empty")
    )
    rates = BaseRates.of_training(label, diameter)
    np.testing.assert_allclose(rates([2.0, 4.0])[:, :2], [[0.069, 0.6], [0.139, 0.6]], atol=0.04)
    np.testing.assert_allclose(rates([0.5, 3.0, 50.0]).sum(axis=1), 1)
    few = BaseRates.of_training(label[:5], diameter[:5])
    assert len(few.diameter_nm) == 1
    assert min(*few.fault, *few.no_fault) > 0
