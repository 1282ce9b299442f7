"""Cross-validation keeps the particles of a specimen together."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin

from hrtem_lab.defects.cross_validation import cross_validate
from hrtem_lab.micrograph import CLASSES, InputError
from tests.defects.scenes import MANY, alone, table, trees


class Spy(BaseEstimator, ClassifierMixin):
    """Records the particles, by their first feature, that it was fitted on and predicted."""

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
def test_no_specimen_is_on_two_sides_of_the_split(seen, groups, folds):
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
    """A class with fewer particles than folds cannot be in all of them, which is no reason for a warning."""
    rows = table(counts, groups)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = cross_validate(alone(Spy()), rows, folds)
        except InputError as error:  # all of the second class in the fold that is held out
            assert "of the classes [" in str(error)  # noqa: PT017 - either is right
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
