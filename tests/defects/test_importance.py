"""A family that says all, one that says nothing."""

import numpy as np

from hrtem_lab.defects.forest import Forest
from hrtem_lab.defects.importance import family_importance
from tests.defects.scenes import MANY, table, trees


def test_only_what_tells_the_classes_apart_is_missed():
    rows = table(MANY).assign(noise=np.random.default_rng(0).normal(size=42))
    forest = Forest.fit(trees(), rows)
    families = {"nothing": ["noise"], "all": ["first", "second"], "another set": ["third"]}
    found = family_importance(forest, table(MANY, seed=1).assign(noise=0.0), families)
    assert found.index.tolist() == ["all", "nothing"]
    assert found.loc["all", "balanced_accuracy"] > 0.3
    assert found.loc["all", "fault_f1"] > 0.3
    assert abs(found.loc["nothing", "balanced_accuracy"]) < 0.1
