"""What a forest's choices may see, and what cross-validation may not."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier

from hrtem_lab.defects.recipe import Recipe, cross_validate
from hrtem_lab.micrograph import CLASSES, InputError
from tests.defects.scenes import MANY, alone, table, trees

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
    cross_validate(alone(Spy()), rows, folds)
    assert 2 <= len(seen) <= min(folds, groups)
    for known, asked in seen:
        assert not {specimen[v] for v in known} & {specimen[v] for v in asked}
        assert known | asked == set(rows["first"])
    asked = [value for _, values in seen for value in values]
    assert sorted(asked) == sorted(rows["first"])  # each once


def test_every_particle_has_one_prediction():
    rows = table(MANY)
    found = cross_validate(alone(trees()), rows)
    assert found.index.equals(rows.index)
    assert list(found.columns) == list(CLASSES)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.idxmax(axis=1) == rows["label"]).mean() > 0.9


def test_the_seed_decides_the_folds(seen):
    rows = table({"fault": 30, "no_fault": 40}, 12)
    folds = []
    for seed in (0, 0, 1):
        cross_validate(alone(Spy()), rows, 4, seed)
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
            found = cross_validate(alone(Spy()), rows, folds)
        except InputError as error:  # all of the second class in the fold that is held out
            assert "1 class(es)" in str(error)  # noqa: PT017 - either is right
            assert min(counts.values()) <= len(rows) - max(counts.values())
        else:
            np.testing.assert_allclose(found.sum(axis=1), 1)


def test_frequent_classes_are_spread_evenly(seen):
    rows = table({"fault": 24, "no_fault": 24, "empty": 1}, 12)
    label = dict(zip(rows["first"], rows["label"], strict=True))
    cross_validate(alone(Spy()), rows, 4)
    for _, asked in seen:
        faults = sum(label[v] == "fault" for v in asked)
        assert 3 <= faults <= 9


@pytest.mark.parametrize("rows", [table(MANY, groups=1), table(MANY).iloc[:0]], ids=["one specimen", "none"])
def test_one_specimen_cannot_be_held_out(rows):
    with pytest.raises(InputError, match="two or more specimens"):
        cross_validate(alone(trees()), rows)


# Recipes


class Noted(BaseEstimator, ClassifierMixin):
    """Gives the share of every class in training; `worth` blurs it, and what each was fitted on is noted."""

    fitted: list = []  # noqa: RUF012 - a clone shares it on purpose

    def __init__(self, worth=1.0):
        self.worth = worth

    def fit(self, x, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.share = counts / len(y)
        self.fitted.append((self.worth, len(y)))
        return self

    def predict_proba(self, x):
        even = np.full(len(self.classes_), 1 / len(self.classes_))
        return np.tile(self.worth * self.share + (1 - self.worth) * even, (len(x), 1))


@pytest.fixture
def fitted():
    Noted.fitted.clear()
    yield Noted.fitted
    Noted.fitted.clear()


def test_the_candidate_of_the_lowest_log_loss_is_fitted_to_all(fitted):
    rows = table({"fault": 6, "no_fault": 60})
    forest = Recipe(classifier=Noted(), candidates={"worth": [0.0, 1.0]}, folds=3).fit(rows)
    assert forest.classifier.worth == 1.0
    assert fitted[-1] == (1.0, 66)
    tried = fitted[1:-1]
    assert [worth for worth, _ in tried] == [0.0] * 3 + [1.0] * 3
    assert all(count < 66 for _, count in tried)


def test_a_plain_recipe_chooses_nothing(fitted):
    forest = Recipe(classifier=Noted()).fit(table(MANY))
    assert len(fitted) == 1
    assert (dict(forest.calibration.knots), forest.least_confidence) == ({}, 0.0)


def test_choices_are_nested_in_cross_validation(fitted):
    """In every outer fold the candidates are tried on parts of its training particles alone."""
    rows = table({"fault": 30, "no_fault": 30}, groups=9)
    cross_validate(Recipe(classifier=Noted(), candidates={"worth": [0.0, 1.0]}, folds=2).fit, rows, 3)
    whole = [count for _, count in fitted[::6]]
    assert len(fitted) == 18
    assert max(count for _, count in fitted) == max(whole) < 60


def test_a_forest_fitted_to_noise_learns_that_it_knows_nothing():
    rows = table({"fault": 200, "no_fault": 200}, groups=20)
    rows[["first", "second"]] = np.random.default_rng(0).normal(size=(400, 2))
    sure, honest = (
        Recipe(classifier=trees(), calibration=kind, accuracy=0.9, folds=4).fit(rows) for kind in (None, "sigmoid")
    )
    unseen = rows.assign(first=rows["second"], second=rows["first"])
    assert sure.probabilities(unseen).max(axis=1).mean() > 0.65
    assert honest.probabilities(unseen).max(axis=1).mean() < 0.6
    answers = sure.classes(sure.probabilities(unseen))
    assert (answers == "uncertain").mean() > 0.8


def test_what_is_easy_is_answered():
    forest = Recipe(classifier=trees(), calibration="isotonic", accuracy=0.9, folds=3).fit(table(MANY))
    assert not (forest.classes(forest.probabilities(table(MANY, seed=1))) == "uncertain").any()


def test_one_specimen_gives_a_forest_without_choices():
    forest = Recipe(classifier=trees(), calibration="sigmoid", accuracy=0.9).fit(table(MANY, groups=1))
    assert forest.least_confidence == 0


def test_a_class_that_lives_in_one_specimen_is_no_hindrance():
    rows = table(MANY)
    rows.loc[rows["label"] == "fault", "group"] = "specimen_0"
    rows.loc[rows["label"] != "fault", "group"] = "specimen_1"
    assert Recipe(classifier=trees(), calibration="sigmoid", accuracy=0.9).fit(rows).features == ("first", "second")


def test_the_costs_go_with_the_forest():
    settings = {"classifier": trees(), "costs": {"fault": 3.0}}
    for recipe in (
        Recipe(**settings),
        Recipe(**settings, candidates={"min_samples_leaf": [1, 2]}, calibration="sigmoid"),
    ):
        assert recipe.fit(table(MANY)).costs == {"fault": 3.0}


@pytest.mark.parametrize("costs", [{"twin": 1.0}, {"fault": 0.0}, {"fault": float("inf")}])
def test_costs_that_mean_nothing_are_refused(costs):
    with pytest.raises(InputError, match=f"costs has {next(iter(costs))}"):
        Recipe(classifier=trees(), costs=costs)


def test_one_class_is_refused():
    with pytest.raises(InputError, match=r"1 class\(es\)"):
        Recipe(classifier=trees(), calibration="sigmoid").fit(table({"fault": 9}))


def test_the_commonest_class_is_a_reference():
    rows = table(MANY)
    found = cross_validate(Recipe(classifier=DummyClassifier(strategy="prior")).fit, rows)
    assert (found.idxmax(axis=1) == "no_fault").all()


def test_features_without_a_value_are_taken():
    rows = table(MANY).assign(first=np.nan)
    rows.iloc[::3, 1] = np.nan
    found = Recipe(classifier=trees()).fit(rows).probabilities(rows)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert list(found.columns) == list(CLASSES)
