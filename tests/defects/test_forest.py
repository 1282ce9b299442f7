"""A forest learns from features alone, and nothing but a forest is loaded."""

import builtins
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from hrtem_lab.defects.forest import Forest
from hrtem_lab.defects.probability_calibration import ProbabilityCalibration
from hrtem_lab.evaluation.fault_share import BaseRates
from hrtem_lab.micrograph import CLASSES, InputError
from tests.defects.scenes import MANY, table, trees


def test_a_forest_learns_features_that_separate_the_classes():
    forest = Forest.fit(trees(), table(MANY))
    unseen = table(MANY, seed=1)
    assert (forest.probabilities(unseen).idxmax(axis=1) == unseen["label"]).mean() > 0.95
    assert forest.features == ("first", "second")


def test_the_given_classifier_stays_unfitted():
    classifier = trees()
    Forest.fit(classifier, table(MANY))
    assert not hasattr(classifier, "estimators_")


def test_probabilities_sum_to_one_and_a_class_missing_in_training_has_none():
    rows = table(MANY)
    found = Forest.fit(trees(), rows).probabilities(rows)
    assert list(found.columns) == list(CLASSES)
    assert found.index.equals(rows.index)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found[["agglomerate", "empty"]] == 0).all(axis=None)
    # in the right columns, whatever the order that scikit-learn keeps its classes in
    assert (found["fault"] > 0.5).sum() == 12


def test_a_column_keeps_its_meaning_whatever_the_order():
    rows = table(MANY)
    forest = Forest.fit(trees(), rows)
    turned = rows[["label", "second", "group", "first"]].assign(more=1.0)
    pd.testing.assert_frame_equal(forest.probabilities(turned), forest.probabilities(rows))


def test_missing_values_are_accepted():
    rows = table(MANY)
    rows.iloc[::5, 0] = np.nan
    rows.iloc[1::7, :2] = np.nan
    found = Forest.fit(trees(), rows).probabilities(rows)
    assert np.isfinite(found.to_numpy()).all()
    unmeasured = rows.assign(first=np.nan, second=np.nan)
    np.testing.assert_allclose(Forest.fit(trees(), rows).probabilities(unmeasured).sum(axis=1), 1)


def test_another_feature_set_is_refused():
    forest = Forest.fit(trees(), table(MANY))
    with pytest.raises(InputError, match=r"reads 1 features .* second .* features="):
        forest.probabilities(table(MANY).drop(columns="second"))


def test_ground_truth_is_not_learnt():
    rows = table(MANY).assign(true_diameter_nm=1.0, dose_e_per_nm2=2.0, pixel_size_nm=3.0, true_material="Au")
    assert Forest.fit(trees(), rows).features == ("first", "second")


def test_a_particle_below_the_threshold_is_uncertain():
    given = pd.DataFrame([[0.5, 0.5, 0, 0, 0], [0.1, 0.9, 0, 0, 0], [0.8, 0.1, 0.1, 0, 0]], columns=list(CLASSES))
    forest = replace(Forest.fit(trees(), table(MANY)), confidence_threshold=0.8)
    assert forest.classes(given).tolist() == ["uncertain", "no_fault", "fault"]
    assert replace(forest, confidence_threshold=0.0).classes(given).tolist() == ["fault", "no_fault", "fault"]
    assert forest.classes(given.iloc[:0]).empty


def test_out_of_bag_particles_are_scored():
    rows = table(MANY)
    assert Forest.fit(trees().set_params(oob_score=True, n_estimators=60), rows).oob_accuracy > 0.9
    assert np.isnan(Forest.fit(trees(), rows).oob_accuracy)


def test_a_feature_that_no_particle_has_is_not_read():
    rows = table(MANY).assign(never=np.nan)
    for classifier in (trees(), HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2)):
        forest = Forest.fit(classifier, rows)
        assert forest.features == ("first", "second")
        assert np.isfinite(forest.probabilities(rows.assign(never=1.0)).to_numpy()).all()


def test_no_particle_has_no_probability():
    forest = Forest.fit(trees(), table(MANY))
    found = forest.probabilities(table(MANY).iloc[:0])
    assert found.shape == (0, len(CLASSES))
    assert forest.probabilities(pd.DataFrame(columns=["label", "group"])).shape == (0, len(CLASSES))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (table({"no_fault": 5}), r"holds 5 particles, of the classes \['no_fault'\]; a forest needs two or more"),
        (table(MANY).iloc[:0], r"holds 0 particles, of the classes \[\]"),
    ],
)
def test_a_table_with_fewer_than_two_classes_is_refused(rows, message):
    with pytest.raises(InputError, match=message) as caught:
        Forest.fit(trees(), rows)
    assert "\n" not in str(caught.value)


# On disk


def test_a_saved_forest_is_the_same_forest(tmp_path):
    rows = table(MANY)
    fitted = Forest.fit(trees(), rows)
    forest = replace(
        fitted,
        calibration=ProbabilityCalibration({"fault": ((0.0, 1.0), (0.2, 0.7))}),
        confidence_threshold=0.61,
        costs={"fault": 2.5},
        base_rates=BaseRates([2.0, 5.0], [0.1, 0.3], [0.5, 0.6]),
    )
    forest.save(tmp_path / "new" / "model")
    again = Forest.load_if_present(tmp_path / "new" / "model")
    assert (again.features, again.confidence_threshold, again.costs) == (forest.features, 0.61, {"fault": 2.5})
    assert again.base_rates == forest.base_rates
    assert not forest.probabilities(rows).equals(fitted.probabilities(rows))
    pd.testing.assert_frame_equal(again.probabilities(rows), forest.probabilities(rows))


def test_a_forest_of_an_older_version_is_read(tmp_path):
    replace(Forest.fit(trees(), table(MANY)), confidence_threshold=0.61).save(tmp_path)
    settings = json.loads((tmp_path / "forest.json").read_text())
    settings["least_confidence"] = settings.pop("confidence_threshold")
    del settings["base_rates"]
    (tmp_path / "forest.json").write_text(json.dumps(settings))
    assert Forest.load_if_present(tmp_path).confidence_threshold == 0.61


def test_no_forest_is_none(tmp_path):
    assert Forest.load_if_present(tmp_path) is None
    assert Forest.load_if_present(tmp_path / "missing") is None


class Trap(BaseEstimator, ClassifierMixin):
    """Leaves a mark when it is built from a file."""

    def __setstate__(self, state):
        builtins.trapped = True


@pytest.mark.parametrize("foreign", [Trap(), LogisticRegression, print], ids=["class", "type", "function"])
def test_a_foreign_type_is_refused_before_it_is_built(tmp_path, foreign):
    Forest.fit(LogisticRegression(), table(MANY)).save(tmp_path)
    skops.io.dump({"forest": foreign}, tmp_path / "forest.skops")
    with pytest.raises(InputError, match="it was not loaded"):
        Forest.load_if_present(tmp_path)
    assert not hasattr(builtins, "trapped")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("forest.npz", b""),
        ("forest.npz", b"not a forest"),
        ("forest.json", b"{"),
        ("forest.json", b"{}"),
        ("forest.json", None),
    ],
)
def test_a_damaged_forest_is_reported_in_one_line(tmp_path, name, content):
    Forest.fit(trees(), table(MANY)).save(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot be read") as caught:
        Forest.load_if_present(tmp_path)
    assert "\n" not in str(caught.value)
