"""Trees as arrays say what scikit-learn's say, and are read back without it."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier

from hrtem_lab.defects import decision_trees
from hrtem_lab.defects.decision_trees import DecisionTrees
from hrtem_lab.defects.forest import CLASSIFIER, TREES, Forest
from tests.defects.scenes import MANY, table


def particles(count, seed=0):
    """Features of which a tenth is missing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, 6))
    return np.where(rng.random(values.shape) < 0.1, np.nan, values)


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("settings", [{}, {"max_leaf_nodes": 5}, {"class_weight": {"a": 3.0, "b": 1.0, "c": 1.0}}])
def test_probabilities_are_those_of_scikit_learn(kind, settings, monkeypatch):
    monkeypatch.setattr(decision_trees, "ROWS_AT_ONCE", 64)
    inputs = particles(300)
    labels = np.array(["a", "b", "c"])[
        (np.nan_to_num(inputs[:, 0]) > 0.3).astype(int) + (np.nan_to_num(inputs[:, 1]) > 0)
    ]
    fitted = kind(12, random_state=0, **settings).fit(inputs, labels)
    unseen = particles(200, seed=1)
    trees = DecisionTrees.from_fitted(fitted.estimators_, fitted.classes_)
    np.testing.assert_allclose(trees.predict_proba(unseen), fitted.predict_proba(unseen), atol=1e-12)


def test_a_saved_forest_is_read_without_scikit_learn(tmp_path):
    rows = table(MANY)
    forest = Forest.fit(RandomForestClassifier(5, random_state=0), rows)
    forest.save(tmp_path)
    np.save(tmp_path / "expected.npy", forest.probabilities(rows).to_numpy())
    rows.to_pickle(tmp_path / "rows.pkl")
    code = f"""
import sys
from pathlib import Path
import numpy as np, pandas as pd
from hrtem_lab.defects.forest import Forest
folder = Path({str(tmp_path)!r})
found = Forest.load_if_present(folder).probabilities(pd.read_pickle(folder / "rows.pkl"))
np.testing.assert_allclose(found, np.load(folder / "expected.npy"), atol=1e-12)
assert not {{"sklearn", "skops"}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_file_holds_no_object_that_could_run_code(tmp_path):
    Forest.fit(RandomForestClassifier(3, random_state=0), table(MANY)).save(tmp_path)
    with zipfile.ZipFile(tmp_path / TREES) as archive:
        for name in archive.namelist():
            assert not np.lib.format.read_array(archive.open(name), allow_pickle=False).dtype.hasobject


def test_a_folder_holds_one_classifier(tmp_path):
    rows = table(MANY)
    for classifier, file, other in [
        (RandomForestClassifier(3), TREES, CLASSIFIER),
        (HistGradientBoostingClassifier(max_iter=3), CLASSIFIER, TREES),
        (RandomForestClassifier(3), TREES, CLASSIFIER),
    ]:
        Forest.fit(classifier, rows).save(tmp_path)
        assert (tmp_path / file).is_file()
        assert not (tmp_path / other).exists()
