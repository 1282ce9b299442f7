"""Features stay what they were when the shipped forest learned them, whatever is made faster."""

import pandas as pd

from hrtem_lab.particles import features, lattice_features
from hrtem_lab.particles.feature_names import IMAGE_FEATURES
from tests.particles.scenes import field_of_kinds
from tests.particles.store_features import STORED


def test_features_are_those_stored() -> None:
    stored = pd.read_csv(STORED, index_col="particle", dtype=float)
    found = lattice_features(*field_of_kinds(), 0.05)[list(IMAGE_FEATURES)]
    pd.testing.assert_frame_equal(found, stored, rtol=1e-4, atol=1e-4, check_index_type=False)


def test_processes_give_the_same(monkeypatch) -> None:
    image, instances = field_of_kinds()
    alone = lattice_features(image, instances, 0.05)
    monkeypatch.setattr(features, "PARTICLES_PER_PROCESS", 5)
    monkeypatch.setattr(features, "count_threads", lambda: 2)
    together = lattice_features(image, instances, 0.05)
    pd.testing.assert_frame_equal(together, alone, rtol=1e-9)
