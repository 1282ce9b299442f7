"""Ranks and critical differences, against the worked example of Demsar (2006) and SciPy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare

from hrtem_lab.evaluation.ranks import critical_difference, indistinguishable, mean_ranks

# Demsar 2006, table 6: AUC of four classifiers on 14 data sets
AUC = pd.DataFrame(
    {
        "C4.5": [.763, .599, .954, .628, .882, .936, .661, .583, .775, 1.0, .940, .619, .972, .957],
        "C4.5+m": [.768, .591, .971, .661, .888, .931, .668, .583, .838, 1.0, .962, .666, .981, .978],
        "C4.5+cf": [.771, .590, .968, .654, .886, .916, .609, .563, .866, 1.0, .965, .614, .9751, .946],
        "C4.5+m+cf": [.798, .569, .967, .657, .898, .931, .685, .625, .875, 1.0, .962, .669, .975, .970],
    }
)  # fmt: skip


def test_the_published_example():
    ranks = mean_ranks(AUC)
    assert ranks.round(3).to_dict() == pytest.approx(
        {"C4.5": 3.143, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}, abs=0.002
    )
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(4, 14, alpha=0.10) == pytest.approx(1.12, abs=0.005)


def test_the_ranks_are_those_of_friedmans_test():
    scores = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 5)))
    ranks = mean_ranks(scores)
    k, n = 5, 12
    statistic = 12 * n / (k * (k + 1)) * ((ranks - (k + 1) / 2) ** 2).sum()
    assert statistic == pytest.approx(friedmanchisquare(*scores.T.to_numpy()).statistic)


def test_equal_scores_share_a_rank_and_undefined_groups_are_left_out():
    scores = pd.DataFrame({"a": [1.0, 0.5, np.nan], "b": [1.0, 0.7, 0.9], "c": [0.2, 0.1, 0.9]})
    assert mean_ranks(scores).to_dict() == {"b": 1.25, "a": 1.75, "c": 3.0}
    assert mean_ranks(scores[2:]).isna().all()


def test_runs_of_methods_that_cannot_be_told_apart():
    ranks = pd.Series({"a": 1.0, "b": 1.6, "c": 2.2, "d": 4.0})
    assert indistinguishable(ranks, 0.7) == [("a", "b"), ("b", "c")]
    assert indistinguishable(ranks, 1.3) == [("a", "c")]
    assert indistinguishable(ranks, 0.1) == []
    assert np.isnan(critical_difference(1, 10))
