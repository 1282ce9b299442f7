"""Does this particle hold a fault: the table, the forest, and its score."""

from hrtem_lab.defects.chance import fault_chance
from hrtem_lab.defects.forest import Forest
from hrtem_lab.defects.importance import family_importance
from hrtem_lab.defects.recipe import Recipe, Reference, cross_validate
from hrtem_lab.defects.scores import (
    Costs,
    confidence_error,
    confusion,
    decide,
    fault_curves,
    reliability,
    risk_coverage,
    score,
)
from hrtem_lab.defects.table import Features, particle_rows, particle_table, stacked

__all__ = [
    "Costs",
    "Features",
    "Forest",
    "Recipe",
    "Reference",
    "confidence_error",
    "confusion",
    "cross_validate",
    "decide",
    "family_importance",
    "fault_chance",
    "fault_curves",
    "particle_rows",
    "particle_table",
    "reliability",
    "risk_coverage",
    "score",
    "stacked",
]
