"""Single features that tell faults from the rest, against scikit-learn's area under the ROC."""

import numpy as np
from hydra import compose, initialize_config_dir
from sklearn.metrics import roc_auc_score

from hrtem_lab.cli.build import build
from hrtem_lab.defects import fault_separation
from hrtem_lab.paths import CONF
from tests.defects.scenes import table


def test_separation_is_that_of_the_area_under_the_roc():
    rng = np.random.default_rng(0)
    labels = np.where(rng.random(200) < 0.3, "fault", "empty")
    inputs = rng.integers(0, 9, (200, 3)) + np.outer(labels == "fault", [4, 0, -2])
    expected = [abs(roc_auc_score(labels == "fault", column) - 0.5) for column in inputs.T]
    np.testing.assert_allclose(fault_separation(inputs, labels), expected)
    assert fault_separation(inputs, np.full(200, "empty")).tolist() == [0.5] * 3


def test_the_reference_of_one_feature_takes_the_one_that_tells_faults():
    """One feature tells faults, another one tells perfect particles from empty outlines, which are more."""
    rows = table({"fault": 60, "no_fault": 200, "empty": 200}, groups=12)
    rng = np.random.default_rng(1)
    rows["tells_faults"] = (rows["label"] == "fault") + rng.normal(0, 0.3, len(rows))
    rows["tells_empty"] = (rows["label"] == "empty") + rng.normal(0, 0.01, len(rows))
    rows.loc[rows.index[:9], "tells_faults"] = np.nan
    with initialize_config_dir(str(CONF), version_base="1.3"):
        recipe = build(compose("forest", overrides=["references=[best_feature]"]).references.best_feature).recipe
    rows = rows[["label", "group", "tells_faults", "tells_empty"]]
    forest = recipe.fit(rows)
    assert forest.classifier["choose"].get_support().tolist() == [True, False]
    found = forest.probabilities(rows)["fault"]
    assert roc_auc_score(rows["label"] == "fault", found) > 0.9
