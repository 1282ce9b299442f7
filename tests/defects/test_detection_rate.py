"""The detection rate of planar defects, counted by hand."""

import pandas as pd
import pytest

from hrtem_lab.defects.detection_rate import fault_detection_rate
from hrtem_lab.evaluation import wilson_interval


def test_rates_are_those_of_particles_with_a_defect():
    table = pd.DataFrame(
        {
            "true_twins": [1, 0, 2, 0, 1],
            "true_intrinsic": [0, 1, 0, 0, 0],
            "true_extrinsic": [0, 0, 0, 0, 0],
            "true_plane_tilt_deg": [0.0, 2.0, 8.0, float("nan"), 9.0],
            "true_material": ["Au", "Au", "CdSe", "Au", "CdSe"],
        }
    )
    called = pd.Series(["fault", "fault", "fault", "fault", "no_fault"])
    found = fault_detection_rate(table, called, {"true_plane_tilt_deg": (0, 2, 10), "true_material": None})
    found = found.set_index(["condition", "range"])
    assert found.loc[("true_plane_tilt_deg", "0 to 2"), "particles"] == 2
    assert found.loc[("true_plane_tilt_deg", "0 to 2"), "recall"] == 1
    assert found.loc[("true_plane_tilt_deg", "2 to 10"), "recall"] == pytest.approx(0.5)
    assert tuple(found.loc[("true_material", "CdSe"), ["low", "high"]]) == wilson_interval(1, 2)
    assert found["particles"].sum() == 8
