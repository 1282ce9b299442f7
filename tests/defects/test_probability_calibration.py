"""Calibration maps probabilities to observed frequencies."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_lab.defects.probability_calibration import ProbabilityCalibration
from hrtem_lab.defects.scores import score
from hrtem_lab.micrograph import CLASSES, InputError


def overconfident(count=4000, seed=0):
    """Labels drawn from known probabilities, and probabilities with logits twice as large."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet([0.6] * len(CLASSES), count)
    labels = pd.Series([CLASSES[(row.cumsum() > rng.random()).argmax()] for row in true])
    sharp = true**2 / (true**2).sum(axis=1, keepdims=True)
    return labels, pd.DataFrame(sharp, columns=list(CLASSES))


@pytest.mark.parametrize("kind", ["isotonic", "sigmoid"])
def test_calibration_corrects_an_overconfident_forest(kind):
    calibration = ProbabilityCalibration.fit(*overconfident(), kind)
    labels, given_ = overconfident(seed=1)
    before, after = score(labels, given_)["ece"], score(labels, calibration(given_))["ece"]
    assert before > 0.08
    assert after < 0.03


@pytest.mark.parametrize("kind", ["isotonic", "sigmoid"])
@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_rows_sum_to_one_and_stay_probabilities(kind, count, seed):
    labels, given_ = overconfident(count, seed)
    found = ProbabilityCalibration.fit(labels, given_, kind)(given_)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert ((found >= 0) & (found <= 1)).all(axis=None)


def test_without_a_kind_nothing_changes():
    labels, given_ = overconfident(50)
    pd.testing.assert_frame_equal(ProbabilityCalibration.fit(labels, given_, None)(given_), given_)


def test_a_class_missing_in_training_stays_at_zero():
    labels, given_ = overconfident(200)
    given_ = given_.assign(empty=0.0)
    labels = labels.replace("empty", "fault")
    assert (ProbabilityCalibration.fit(labels, given_, "sigmoid")(given_)["empty"] == 0).all()


def test_a_kind_that_is_none_is_refused():
    with pytest.raises(InputError, match="'platt', expected isotonic, sigmoid or null"):
        ProbabilityCalibration.fit(*overconfident(5), "platt")
