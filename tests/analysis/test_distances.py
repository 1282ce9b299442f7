"""Distances from drawn distributions, and kinds that are told apart."""

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from scipy.stats import chi2
from sklearn.covariance import EmpiricalCovariance, empirical_covariance
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from hrtem_lab.analysis.distances import FLOOR, SHRINKAGE, GaussianReference, KindClassifier, Scaling, to_lists


def test_with_all_directions_the_distance_is_mahalanobis():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4))
    reference = GaussianReference.fit(features, floor=0)
    inverse = np.linalg.inv(np.cov(features.T, ddof=0))
    point = np.array([1.0, -2, 0.5, 3])
    assert reference.distance(point) == pytest.approx(mahalanobis(point, features.mean(axis=0), inverse))


def test_distances_of_a_normal_distribution_are_those_of_chi_square():
    rng = np.random.default_rng(1)
    scale = np.linspace(0.1, 5, 10)
    reference = GaussianReference.fit(rng.normal(size=(4000, 10)) * scale)
    distances = reference.distance(rng.normal(size=(4000, 10)) * scale)
    assert (distances > np.sqrt(chi2(10).ppf(0.99))).mean() == pytest.approx(0.01, abs=0.006)


def test_what_leaves_the_directions_of_the_reference_is_far():
    rng = np.random.default_rng(2)
    plane = np.zeros((50, 100))
    plane[:, :3] = rng.normal(size=(50, 3))
    plane += rng.normal(0, 0.01, plane.shape)
    reference = GaussianReference.fit(plane, max_directions=3, floor=0)
    beside = plane.mean(axis=0).copy()
    beside[50] += 1
    assert reference.distance(beside) > 5 * reference.distance(plane).max()


def test_scaled_features_are_centred_and_outliers_are_tamed():
    features = np.random.default_rng(3).normal([5, -1], [2, 0.1], (5000, 2))
    scaled = Scaling.fit(features)(features)
    assert np.median(scaled, axis=0) == pytest.approx([0, 0], abs=0.02)
    assert Scaling.fit(features)(np.array([1e6, 0]))[0] < 20


class Regularised(EmpiricalCovariance):
    """A tenth of the covariances is left out, and the floor is added."""

    def fit(self, X, y=None):
        covariance = empirical_covariance(X)
        variances = np.diag(np.diag(covariance))
        self.covariance_ = (1 - SHRINKAGE) * covariance + SHRINKAGE * variances + FLOOR * np.eye(len(covariance))
        return self


def test_the_classifier_is_that_of_scikit_learn():
    rng = np.random.default_rng(4)
    labels = np.repeat(["good", "blur", "drift"], 60)
    features = rng.normal(size=(180, 3)) + np.repeat([[0, 0, 0], [2, 0, 0], [0, 2, 1]], 60, axis=0)
    ours = KindClassifier.fit(features, labels.tolist(), ["good", "blur", "drift"])
    theirs = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Regularised()).fit(features, labels)
    expected = theirs.predict_proba(features)[:, [theirs.classes_.tolist().index(kind) for kind in ours.kinds]]
    assert ours.probabilities(features) == pytest.approx(expected, abs=1e-6)


def test_numbers_are_saved_with_few_digits():
    assert to_lists({"a": 1}) == {"a": 1}
    assert to_lists(np.array([[1 / 3, 2e-7]])) == [[0.33333, 2e-7]]
