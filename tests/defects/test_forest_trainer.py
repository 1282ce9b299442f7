"""A trainer chooses on specimens that are held out."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier

from hrtem_lab.defects.cross_validation import cross_validate
from hrtem_lab.defects.forest_trainer import ForestTrainer
from hrtem_lab.micrograph import CLASSES, InputError
from tests.defects.scenes import MANY, table, trees


class Noted(BaseEstimator, ClassifierMixin):
    """Predicts the fraction of every class in training, blurred by `worth`; records what it was fitted on."""

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
    forest = ForestTrainer(classifier=Noted(), candidates={"worth": [0.0, 1.0]}, folds=3).fit(rows)
    assert forest.classifier.worth == 1.0
    assert fitted[-1] == (1.0, 66)
    tried = fitted[:-1]
    assert [worth for worth, _ in tried] == [0.0] * 3 + [1.0] * 3
    assert all(count < 66 for _, count in tried)


def test_a_trainer_without_choices_makes_none(fitted):
    forest = ForestTrainer(classifier=Noted()).fit(table(MANY))
    assert len(fitted) == 1
    assert (dict(forest.calibration.knots), forest.confidence_threshold) == ({}, 0.0)


def test_choices_are_nested_in_cross_validation(fitted):
    """In every outer fold, candidates are fitted to parts of its training particles alone."""
    rows = table({"fault": 30, "no_fault": 30}, groups=9)
    cross_validate(ForestTrainer(classifier=Noted(), candidates={"worth": [0.0, 1.0]}, folds=2).fit, rows, 3)
    whole = [count for _, count in fitted[4::5]]
    assert len(fitted) == 15
    assert max(count for _, count in fitted) == max(whole) < 60


def test_a_calibrated_forest_fitted_to_noise_has_low_confidence():
    rows = table({"fault": 200, "no_fault": 200}, groups=20)
    rows[["first", "second"]] = np.random.default_rng(0).normal(size=(400, 2))
    sure, honest = (
        ForestTrainer(classifier=trees(), calibration=kind, target_accuracy=0.9, folds=4).fit(rows)
        for kind in (None, "sigmoid")
    )
    unseen = rows.assign(first=rows["second"], second=rows["first"])
    assert sure.probabilities(unseen).max(axis=1).mean() > 0.65
    assert honest.probabilities(unseen).max(axis=1).mean() < 0.6
    answers = sure.classes(sure.probabilities(unseen))
    assert (answers == "uncertain").mean() > 0.8


def test_easy_particles_are_not_uncertain():
    forest = ForestTrainer(classifier=trees(), calibration="isotonic", target_accuracy=0.9, folds=3).fit(table(MANY))
    assert not (forest.classes(forest.probabilities(table(MANY, seed=1))) == "uncertain").any()


def test_one_specimen_gives_a_forest_without_choices():
    forest = ForestTrainer(classifier=trees(), calibration="sigmoid", target_accuracy=0.9).fit(table(MANY, groups=1))
    assert forest.confidence_threshold == 0


def test_a_class_in_a_single_specimen_is_accepted():
    rows = table(MANY)
    rows.loc[rows["label"] == "fault", "group"] = "specimen_0"
    rows.loc[rows["label"] != "fault", "group"] = "specimen_1"
    assert ForestTrainer(classifier=trees(), calibration="sigmoid", target_accuracy=0.9).fit(rows).features == (
        "first",
        "second",
    )


def test_the_costs_go_with_the_forest():
    settings = {"classifier": trees(), "costs": {"fault": 3.0}}
    for recipe in (
        ForestTrainer(**settings),
        ForestTrainer(**settings, candidates={"min_samples_leaf": [1, 2]}, calibration="sigmoid"),
    ):
        assert recipe.fit(table(MANY)).costs == {"fault": 3.0}


@pytest.mark.parametrize("costs", [{"twin": 1.0}, {"fault": 0.0}, {"fault": float("inf")}])
def test_meaningless_costs_are_refused(costs):
    with pytest.raises(InputError, match=f"costs has {next(iter(costs))}"):
        ForestTrainer(classifier=trees(), costs=costs)


def test_one_class_is_refused():
    with pytest.raises(InputError, match=r"of the classes \['fault'\]; a forest needs two"):
        ForestTrainer(classifier=trees(), calibration="sigmoid").fit(table({"fault": 9}))


def test_the_most_common_class_is_a_baseline():
    rows = table(MANY)
    found = cross_validate(ForestTrainer(classifier=DummyClassifier(strategy="prior")).fit, rows)
    assert (found.idxmax(axis=1) == "no_fault").all()


def test_features_without_a_value_are_taken():
    rows = table(MANY).assign(first=np.nan)
    rows.iloc[::3, 1] = np.nan
    found = ForestTrainer(classifier=trees()).fit(rows).probabilities(rows)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert list(found.columns) == list(CLASSES)


def test_base_rates_are_those_of_the_particles_that_a_population_counts():
    """Outlines that the forest calls no single particle are left out, whatever they are."""
    rows = table({"fault": 40, "no_fault": 120, "empty": 120}, groups=8)
    rows["equivalent_diameter_nm"] = np.linspace(2, 5, len(rows))
    rates = ForestTrainer(classifier=trees(), calibration="sigmoid", folds=3).fit(rows).base_rates
    shares = rates(3.0)
    assert shares[:, 0].mean() == pytest.approx(0.25, abs=0.08)
    assert shares[:, 2].mean() < 0.1
    assert ForestTrainer(classifier=trees(), calibration="sigmoid").fit(table(MANY)).base_rates is None
