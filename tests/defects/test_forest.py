"""The forest: what it learns, what it may not see, and that nothing but a forest is loaded."""

import builtins
import warnings

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from hrtem_lab.defects.forest import Forest, confusion, cross_validate, score
from hrtem_lab.evaluation import wilson_interval
from hrtem_lab.micrograph import CLASSES, InputError


def trees(seed=0):
    return RandomForestClassifier(20, random_state=seed)


def table(counts, groups=6, seed=0):
    """Particles of classes that two features tell apart; `counts` is how many there are of each class."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, count in counts.items():
        centre = np.array([CLASSES.index(name), 2.0 * (CLASSES.index(name) % 2)])
        for _ in range(count):
            rows.append([*(centre + rng.normal(0, 0.1, 2)), name])
    rows = pd.DataFrame(rows, columns=["first", "second", "label"]).sample(frac=1, random_state=seed)
    rows["group"] = [f"specimen_{i % groups}" for i in range(len(rows))]
    rows.index = pd.MultiIndex.from_arrays([rows["group"] + "_0", range(len(rows))], names=["micrograph", "particle"])
    return rows


MANY = {"fault": 12, "no_fault": 18, "no_fringe": 12}


def test_it_learns_what_tells_the_classes_apart():
    forest = Forest.fit(trees(), table(MANY))
    unseen = table(MANY, seed=1)
    assert (forest.probabilities(unseen).idxmax(axis=1) == unseen["label"]).mean() > 0.95
    assert forest.features == ("first", "second")


def test_the_given_classifier_stays_unfitted():
    classifier = trees()
    Forest.fit(classifier, table(MANY))
    assert not hasattr(classifier, "estimators_")


def test_probabilities_sum_to_one_and_a_class_never_met_has_none():
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


def test_what_could_not_be_measured_is_no_hindrance():
    rows = table(MANY)
    rows.iloc[::5, 0] = np.nan
    rows.iloc[1::7, :2] = np.nan
    found = Forest.fit(trees(), rows).probabilities(rows)
    assert np.isfinite(found.to_numpy()).all()
    unmeasured = rows.assign(first=np.nan, second=np.nan)
    np.testing.assert_allclose(Forest.fit(trees(), rows).probabilities(unmeasured).sum(axis=1), 1)


def test_no_particle_no_probability():
    forest = Forest.fit(trees(), table(MANY))
    found = forest.probabilities(table(MANY).iloc[:0])
    assert found.shape == (0, len(CLASSES))
    assert forest.probabilities(pd.DataFrame(columns=["label", "group"])).shape == (0, len(CLASSES))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (table({"no_fault": 5}), r"holds 5 particles of 1 class\(es\) \['no_fault'\]; a forest needs two or more"),
        (table(MANY).iloc[:0], r"holds 0 particles of 0 class\(es\)"),
    ],
)
def test_a_table_that_teaches_nothing_is_refused(rows, message):
    with pytest.raises(InputError, match=message) as caught:
        Forest.fit(trees(), rows)
    assert "\n" not in str(caught.value)


# On disk


def test_a_saved_forest_is_the_same_forest(tmp_path):
    rows = table(MANY)
    forest = Forest.fit(trees(), rows)
    forest.save(tmp_path / "new" / "model")
    again = Forest.load(tmp_path / "new" / "model")
    assert again.features == forest.features
    pd.testing.assert_frame_equal(again.probabilities(rows), forest.probabilities(rows))
    assert again.classifier.get_params() == forest.classifier.get_params()


def test_no_forest_is_none(tmp_path):
    assert Forest.load(tmp_path) is None
    assert Forest.load(tmp_path / "missing") is None


class Trap(BaseEstimator, ClassifierMixin):
    """Tells when it is built from a file."""

    def __setstate__(self, state):
        builtins.trapped = True


@pytest.mark.parametrize("foreign", [Trap(), LogisticRegression, print], ids=["class", "type", "function"])
def test_a_foreign_type_is_refused_unbuilt(tmp_path, foreign):
    Forest.fit(trees(), table(MANY)).save(tmp_path)
    skops.io.dump({"forest": foreign}, tmp_path / "forest.skops")
    with pytest.raises(InputError, match="it was not loaded"):
        Forest.load(tmp_path)
    assert not hasattr(builtins, "trapped")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("forest.skops", b""),
        ("forest.skops", b"not a forest"),
        ("forest.json", b"{"),
        ("forest.json", b"{}"),
        ("forest.json", None),
    ],
)
def test_a_damaged_forest_is_told_in_one_line(tmp_path, name, content):
    Forest.fit(trees(), table(MANY)).save(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot be read") as caught:
        Forest.load(tmp_path)
    assert "\n" not in str(caught.value)


# Cross-validation


class Spy(BaseEstimator, ClassifierMixin):
    """Remembers by their first feature what it was fitted on and what it was asked about."""

    seen: list = []  # noqa: RUF012 - a clone shares it on purpose

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        self.known = set(x[:, 0])
        return self

    def predict_proba(self, x):
        self.seen.append((self.known, set(x[:, 0])))
        return np.full((len(x), len(self.classes_)), 1 / len(self.classes_))


@pytest.fixture
def seen():
    Spy.seen.clear()
    yield Spy.seen
    Spy.seen.clear()


@pytest.mark.parametrize("groups", [2, 3, 5, 12])
@pytest.mark.parametrize("folds", [2, 5, 10])
def test_no_specimen_is_on_two_sides(seen, groups, folds):
    rows = table({"fault": 30, "no_fault": 40, "no_fringe": 3}, groups)
    specimen = dict(zip(rows["first"], rows["group"], strict=True))
    cross_validate(Spy(), rows, folds)
    assert 2 <= len(seen) <= min(folds, groups)
    for known, asked in seen:
        assert not {specimen[v] for v in known} & {specimen[v] for v in asked}
        assert known | asked == set(rows["first"])
    asked = [value for _, values in seen for value in values]
    assert sorted(asked) == sorted(rows["first"])  # each once


def test_every_particle_has_one_prediction():
    rows = table(MANY)
    found = cross_validate(trees(), rows)
    assert found.index.equals(rows.index)
    assert list(found.columns) == list(CLASSES)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.idxmax(axis=1) == rows["label"]).mean() > 0.9


def test_the_seed_decides_the_folds(seen):
    rows = table({"fault": 30, "no_fault": 40}, 12)
    folds = []
    for seed in (0, 0, 1):
        cross_validate(Spy(), rows, 4, seed)
        folds.append(sorted(tuple(sorted(asked)) for _, asked in seen))
        seen.clear()
    assert folds[0] == folds[1]
    assert folds[0] != folds[2]


@given(
    st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 12), min_size=2).filter(lambda c: sum(c.values()) > 9),
    st.integers(3, 8),
    st.integers(2, 6),
)
def test_rare_classes_raise_no_warning(counts, groups, folds):
    """A class with fewer particles than folds cannot be in all of them; that is said nowhere as a fault."""
    rows = table(counts, groups)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = cross_validate(Spy(), rows, folds)
        except InputError as error:  # all of the second class in the fold that is held out
            assert "1 class(es)" in str(error)  # noqa: PT017 - either is right
            assert min(counts.values()) <= len(rows) - max(counts.values())
        else:
            np.testing.assert_allclose(found.sum(axis=1), 1)


def test_frequent_classes_are_spread_evenly(seen):
    rows = table({"fault": 24, "no_fault": 24, "empty": 1}, 12)
    label = dict(zip(rows["first"], rows["label"], strict=True))
    cross_validate(Spy(), rows, 4)
    for _, asked in seen:
        faults = sum(label[v] == "fault" for v in asked)
        assert 3 <= faults <= 9


@pytest.mark.parametrize("rows", [table(MANY, groups=1), table(MANY).iloc[:0]], ids=["one specimen", "none"])
def test_one_specimen_cannot_be_held_out(rows):
    with pytest.raises(InputError, match="two or more specimens"):
        cross_validate(trees(), rows)


# Scores


def probabilities(guesses, index=None):
    """A certain guess for every particle."""
    return pd.DataFrame([[float(name == c) for c in CLASSES] for name in guesses], columns=list(CLASSES), index=index)


TRUTH = ["fault", "fault", "fault", "no_fault", "no_fault", "no_fringe", "no_fringe", "empty"]
GUESS = ["fault", "no_fault", "fault", "fault", "no_fault", "no_fringe", "empty", "empty"]


def test_the_score_is_what_is_counted_by_hand():
    found = score(pd.Series(TRUTH), probabilities(GUESS))
    assert found["particles"] == 8
    assert found["accuracy"] == 5 / 8
    assert found["majority_accuracy"] == 3 / 8
    assert (found["accuracy_low"], found["accuracy_high"]) == wilson_interval(5, 8)
    # two of three faults found, and one that was none
    assert found["fault_precision"] == pytest.approx(2 / 3)
    assert found["fault_recall"] == pytest.approx(2 / 3)
    assert found["fault_f1"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] == pytest.approx(np.mean([2 / 3, 1 / 2, 1 / 2, 1]))
    f1 = [2 * tp / (2 * tp + fp + fn) for tp, fp, fn in ((2, 1, 1), (1, 1, 1), (1, 0, 1), (1, 1, 0))]
    assert found["macro_f1"] == pytest.approx(np.mean(f1))


@given(st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1, max_size=40))
def test_the_score_is_scikit_learns(pairs):
    truth, guesses = zip(*pairs, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(pd.Series(truth), probabilities(guesses))
    present = sorted(set(truth))
    assert found["accuracy"] == accuracy_score(truth, guesses)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's function speaks of guesses that are no true class
        assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, guesses))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, guesses, labels=present, average="macro"))
    assert found["accuracy_low"] <= found["accuracy"] <= found["accuracy_high"]
    assert np.isnan(found["fault_recall"]) == ("fault" not in truth)
    assert np.isnan(found["fault_precision"]) == ("fault" not in guesses)


def test_without_particles_every_ratio_is_undefined():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(pd.Series([], dtype=object), probabilities([]))
    assert found.pop("particles") == 0
    assert all(np.isnan(value) for value in found.values()), found


def test_confusion_counts_true_by_predicted():
    found = confusion(pd.Series(TRUTH), probabilities(GUESS))
    assert list(found.index) == list(found.columns) == list(CLASSES)
    assert (found.index.name, found.columns.name) == ("true", "predicted")
    assert found.loc["fault", "no_fault"] == 1
    assert found.loc["no_fault", "fault"] == 1
    assert found.loc["no_fringe", "empty"] == 1
    assert found.to_numpy().sum() == len(TRUTH)
    assert np.trace(found) == 5


@given(st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), max_size=30))
def test_confusion_counts_every_pair(pairs):
    truth, guesses = zip(*pairs, strict=True) if pairs else ((), ())
    found = confusion(pd.Series(truth, dtype=object), probabilities(guesses))
    for one in CLASSES:
        for other in CLASSES:
            assert found.loc[one, other] == pairs.count((one, other))
