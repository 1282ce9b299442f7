"""Does this particle hold a fault: the table, the forest, and its score."""

from hrtem_lab.defects.forest import Forest, confusion, cross_validate, score
from hrtem_lab.defects.labelling import labels
from hrtem_lab.defects.table import Features, particle_table

__all__ = ["Features", "Forest", "confusion", "cross_validate", "labels", "particle_table", "score"]
