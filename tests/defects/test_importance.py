"""A family of features that decides the class, and one that does not matter."""

import numpy as np

from hrtem_lab.defects.forest import Forest
from hrtem_lab.defects.importance import family_importance
from tests.defects.scenes import MANY, table, trees


def test_only_a_family_that_separates_the_classes_has_importance():
    rows = table(MANY).assign(noise=np.random.default_rng(0).normal(size=42))
    forest = Forest.fit(trees(), rows)
    families = {"nothing": ["noise"], "all": ["first", "second"], "another set": ["third"]}
    found = family_importance(forest, table(MANY, seed=1).assign(noise=0.0), families)
    assert found.index.tolist() == ["all", "nothing"]
    assert found.loc["all", "balanced_accuracy"] > 0.3
    assert found.loc["all", "fault_f1"] > 0.3
    assert abs(found.loc["nothing", "balanced_accuracy"]) < 0.1
