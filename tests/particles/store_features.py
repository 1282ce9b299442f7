"""Write what `test_stored_features.py` compares with: the features of a drawn field, as they are now.

Run it with: PYTHONPATH=. python tests/particles/store_features.py
"""

from pathlib import Path

from hrtem_lab.particles import lattice_features
from hrtem_lab.particles.feature_names import IMAGE_FEATURES
from tests.particles.scenes import field_of_kinds

STORED = Path(__file__).with_name("stored_features.csv")

if __name__ == "__main__":
    lattice_features(*field_of_kinds(), 0.05)[list(IMAGE_FEATURES)].to_csv(STORED, float_format="%.9g")
