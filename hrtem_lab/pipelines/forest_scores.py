"""Predictions of a forest and its baselines, and how they are scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from omegaconf import DictConfig

from hrtem_lab.defects import Costs, Forest, ForestTrainer, cross_validate, decide, score
from hrtem_lab.defects.decision import FAULT
from hrtem_lab.evaluation import bootstrap_interval, paired_test
from hrtem_lab.evaluation.counts import divide
from hrtem_lab.micrograph import UNCERTAIN
from hrtem_lab.pipelines.particle_tables import TRUE_MASKS

BASELINE_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "fault_f1", "ece", "brier", "aurc")
MATERIAL_METRICS = (
    "particles",
    *(f"{name}{end}" for name in ("accuracy", "balanced_accuracy", "fault_f1") for end in ("", "_low", "_high")),
    *("fault_precision", "fault_recall"),
)
LEAD_SUFFIXES = {"difference": "", "low": "_low", "high": "_high", "p": "_p"}
"""Result of `paired_test` -> suffix of its metric."""
F1_SUFFIXES = {key: suffix for key, suffix in LEAD_SUFFIXES.items() if key != "p"}


@dataclass(frozen=True)
class Predictions:
    """Particles and the probabilities that a classifier predicts for them.

    Attributes:
        table: Particles, as from `hrtem_lab.defects.tabulate_particles`.
        probabilities: Probabilities of the classes, (particles, classes).
        costs: Costs of missing a class at which the classifier decides.
    """

    table: pd.DataFrame
    probabilities: pd.DataFrame
    costs: Costs

    @property
    def labels(self) -> pd.Series:
        """True classes."""
        return self.table["label"]

    def accuracy_by_specimen(self) -> npt.NDArray[np.float64]:
        """Fraction of right classes of each specimen, (specimens,)."""
        right = decide(self.probabilities, self.costs)["class"].to_numpy() == self.labels.to_numpy()
        return pd.Series(right.astype(float)).groupby(self.table["group"].to_numpy()).mean().to_numpy()


def fit_and_predict(
    trainer: ForestTrainer, train: pd.DataFrame, test: pd.DataFrame, config: DictConfig
) -> tuple[Forest, dict[str, Predictions]]:
    """Fit a classifier, and predict the particles of other specimens.

    Args:
        trainer: Fits the classifier.
        train: Particles to train on.
        test: Particles of other specimens.
        config: Configuration with `folds` and `seed` of the cross-validation.

    Returns:
        The classifier, and predictions: `cv` of the particles to train on, by cross-validation, and `test`.
    """
    cv_probabilities = cross_validate(trainer.fit, train, config.folds, config.seed)
    classifier = trainer.fit(train)
    test_probabilities = classifier.probabilities(test)
    return classifier, {
        "cv": Predictions(train, cv_probabilities, trainer.costs),
        "test": Predictions(test, test_probabilities, trainer.costs),
    }


def score_forest(
    forest: Forest, predictions: dict[str, Predictions], true_particles: pd.DataFrame, classes: pd.Series
) -> dict[str, float]:
    """Score a forest.

    Args:
        forest: Fitted forest.
        predictions: The forest's predictions of the stages `cv` and `test`.
        true_particles: Particles of the test micrographs as if all had been found with their true outlines.
        classes: Class of every test particle, some of which are `uncertain`.

    Returns:
        Scores of `hrtem_lab.defects.score` with `cv/`, `test/`, `true_masks/` or, for test particles that get a class,
        `answered/` before each; `test/coverage`, those of `value_of_uncertain`, `confidence_threshold` and
        `oob_accuracy`.
    """
    test, accepted = predictions["test"], classes != UNCERTAIN
    parts = {
        **predictions,
        TRUE_MASKS: Predictions(true_particles, forest.probabilities(true_particles), forest.costs),
        "answered": Predictions(test.table[accepted], test.probabilities[accepted], forest.costs),
    }
    metrics: dict[str, float] = {}
    for stage, part in parts.items():
        values = score(part.labels, part.probabilities, part.table["group"], part.costs)
        metrics |= {f"{stage}/{name}": value for name, value in values.items()}
    metrics |= {"test/coverage": float(accepted.mean()), "confidence_threshold": forest.confidence_threshold}
    metrics |= value_of_uncertain(test, accepted.to_numpy())
    return metrics | {"oob_accuracy": forest.oob_accuracy}


def value_of_uncertain(predictions: Predictions, accepted: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Value of leaving particles without a class.

    Args:
        predictions: Particles and their probabilities.
        accepted: Whether a particle gets a class, (particles,).

    Returns:
        `uncertain/particles`, the number that gets none; `uncertain/accuracy`, the fraction of them that would have got
        the right one; and `uncertain/gain`, by how much the accuracy of the others exceeds that of all, with a 95 %
        bootstrap interval over specimens.
    """
    right = decide(predictions.probabilities, predictions.costs)["class"].to_numpy() == predictions.labels.to_numpy()
    rows = np.column_stack([right, accepted]).astype(np.float64)
    low, high = bootstrap_interval(_gain, rows, groups=predictions.table["group"].to_numpy())
    return {
        "uncertain/particles": float(np.sum(~accepted)),
        "uncertain/accuracy": float(divide(np.sum(right & ~accepted), np.sum(~accepted))),
        "uncertain/gain": _gain(rows),
        "uncertain/gain_low": float(low),
        "uncertain/gain_high": float(high),
    }


def _gain(rows: npt.NDArray[np.float64]) -> float:
    """Fraction of right answers among the accepted ones less that among all, of columns right and accepted."""
    right, accepted = rows.T
    return float(divide(np.sum(right * accepted), np.sum(accepted)) - divide(np.sum(right), len(rows)))


def compare_with_baseline(
    name: str, baseline: dict[str, Predictions], forest: dict[str, Predictions]
) -> dict[str, float]:
    """Score a baseline, and the forest's lead over it in accuracy and in the F1 of a fault, paired by specimen.

    Args:
        name: Name of the baseline.
        baseline: The baseline's predictions of the stages `cv` and `test`.
        forest: The forest's predictions of the same particles.

    Returns:
        Metrics, with the stage before each.
    """
    metrics: dict[str, float] = {}
    for stage, part in baseline.items():
        values = score(part.labels, part.probabilities, costs=part.costs)
        metrics |= {f"{stage}/{name}/{key}": value for key, value in values.items() if key in BASELINE_METRICS}
        lead = paired_test(forest[stage].accuracy_by_specimen(), part.accuracy_by_specimen())
        metrics |= {f"{stage}/lead_over_{name}{suffix}": lead[key] for key, suffix in LEAD_SUFFIXES.items()}
        f1_lead = _fault_f1_lead(forest[stage], part)
        metrics |= {f"{stage}/fault_f1_lead_over_{name}{suffix}": f1_lead[key] for key, suffix in F1_SUFFIXES.items()}
    return metrics


def tabulate_classifiers(metrics: Mapping[str, float], baselines: Iterable[str]) -> pd.DataFrame:
    """Arrange the test scores of the forest and of its baselines, and its leads over them, a row for each.

    Args:
        metrics: Metrics of `score_forest` and of `compare_with_baseline`.
        baselines: Names of the baselines.
    """
    rows: dict[str, dict[str, float]] = {"forest": {key: metrics[f"test/{key}"] for key in BASELINE_METRICS}}
    for name in baselines:
        scores = {key: metrics[f"test/{name}/{key}"] for key in BASELINE_METRICS}
        leads = {f"lead{suffix}": metrics[f"test/lead_over_{name}{suffix}"] for suffix in LEAD_SUFFIXES.values()}
        f1_leads = {
            f"fault_f1_lead{suffix}": metrics[f"test/fault_f1_lead_over_{name}{suffix}"]
            for suffix in F1_SUFFIXES.values()
        }
        rows[name] = scores | leads | f1_leads
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("classifier").reset_index()


def tabulate_materials(test: Predictions, classes: pd.Series) -> pd.DataFrame:
    """Score the test particles of each material, all of them and those that get a class, a row for each.

    Outlines without a particle count for the material of their specimen.

    Args:
        test: Predictions of the test particles.
        classes: Class of each, some of which are `uncertain`.
    """
    material = test.table["group"].map(test.table.groupby("group")["true_material"].first())
    rows = []
    for name, part in test.table.groupby(material):
        for answers, chosen in (("all", part.index), ("answered", part.index[classes[part.index] != UNCERTAIN])):
            values = score(part["label"][chosen], test.probabilities.loc[chosen], part["group"][chosen], test.costs)
            rows.append({"material": name, "answers": answers, **{key: values[key] for key in MATERIAL_METRICS}})
    return pd.DataFrame(rows)


def _fault_f1_lead(forest: Predictions, baseline: Predictions) -> dict[str, float]:
    """Difference of the F1 scores of a fault, with its interval by drawing specimens."""
    classes = [decide(part.probabilities, part.costs)["class"].to_numpy() == FAULT for part in (forest, baseline)]
    rows = np.column_stack([forest.labels.to_numpy() == FAULT, *classes])

    def lead(part: npt.NDArray[np.bool_]) -> float:
        first, second = (
            divide(2 * (part[:, 0] & part[:, i]).sum(), part[:, 0].sum() + part[:, i].sum()) for i in (1, 2)
        )
        return float(first - second)

    low, high = bootstrap_interval(lead, rows, groups=forest.table["group"].to_numpy())
    return {"difference": lead(rows), "low": low, "high": high}
