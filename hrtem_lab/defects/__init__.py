"""Classification of particles by a random forest: its table, its training and its scores."""

from hrtem_lab.defects.cross_validation import cross_validate
from hrtem_lab.defects.curves import fault_curves, reliability, risk_coverage
from hrtem_lab.defects.decision import Costs, decide
from hrtem_lab.defects.detection_rate import fault_detection_rate
from hrtem_lab.defects.forest import Forest, TooFewClasses
from hrtem_lab.defects.forest_trainer import BaselineClassifier, ForestTrainer
from hrtem_lab.defects.importance import family_importance
from hrtem_lab.defects.scores import SCORE_METRICS, confusion, score
from hrtem_lab.defects.single_features import fault_separation
from hrtem_lab.defects.table import Features, concat_tables, tabulate_micrograph, tabulate_particles

__all__ = [
    "SCORE_METRICS",
    "BaselineClassifier",
    "Costs",
    "Features",
    "Forest",
    "ForestTrainer",
    "TooFewClasses",
    "concat_tables",
    "confusion",
    "cross_validate",
    "decide",
    "family_importance",
    "fault_curves",
    "fault_detection_rate",
    "fault_separation",
    "reliability",
    "risk_coverage",
    "score",
    "tabulate_micrograph",
    "tabulate_particles",
]
