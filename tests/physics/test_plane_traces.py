"""Lines of planar defects in projection, by the atoms that they divide."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hrtem_lab.physics import Crystal, Plane
from hrtem_lab.physics.plane_traces import plane_traces
from tests.physics.scenes import AU, EDGE_ON, WURTZITE, placed


@pytest.mark.parametrize("spin_deg", [0, 37, 200])
def test_a_plane_is_seen_along_its_normal_at_its_height(spin_deg):
    crystal = Crystal(AU, 4.0, planes=(Plane("intrinsic", 0.6),))
    particle = placed(crystal, Rotation.from_euler("z", spin_deg, degrees=True) * EDGE_ON)
    (trace,) = plane_traces(particle)
    assert trace.kind == "intrinsic"
    assert trace.distance_nm == pytest.approx(0.6, abs=AU.d_spacing_nm / 2)
    assert trace.tilt_deg == pytest.approx(0, abs=0.01)
    # a point of the plane, as far from the centre as the plane, lies on the line
    point = particle.rotation @ [0.3, -0.8, trace.distance_nm]
    angle = np.radians(trace.normal_deg)
    assert point[:2] @ [np.sin(angle), np.cos(angle)] == pytest.approx(trace.distance_nm)


@pytest.mark.parametrize("material", [AU, WURTZITE])
@pytest.mark.parametrize("kind", ["twin", "intrinsic", "extrinsic"])
def test_the_middle_of_a_fault_is_that_of_its_stacking(material, kind):
    """The planes of a perfect stack and of the faulty one differ beyond the fault alone, shifted or mirrored there."""
    crystal = Crystal(material, 6.0, planes=(Plane(kind, 0.1),))
    (trace,) = plane_traces(placed(crystal, EDGE_ON))
    heights, letters = crystal.stacking_sequence()
    steps = np.diff(letters) % 3
    perfect = np.diff(Crystal(material, 6.0).stacking_sequence()[1]) % 3
    middles = (heights[:-1] + heights[1:]) / 2
    wrong = middles[steps != perfect]
    first = wrong[wrong > -0.2].min() - material.d_spacing_nm / 2
    expected = {
        "twin": first,
        "intrinsic": first + material.d_spacing_nm / 2,
        "extrinsic": first + material.d_spacing_nm,
    }
    assert trace.distance_nm == pytest.approx(expected[kind], abs=1e-6)


def test_a_tilted_plane_draws_no_line():
    crystal = Crystal(AU, 4.0, planes=(Plane("twin", 0.1),))
    assert plane_traces(placed(crystal, Rotation.identity())) == []


def test_a_decahedron_along_its_axis_shows_five_lines_through_its_middle():
    traces = plane_traces(placed(Crystal(AU, 4.0, "decahedron"), EDGE_ON))
    assert len(traces) == 5
    assert {trace.distance_nm for trace in traces} == {0.0}
    assert np.diff(sorted(trace.normal_deg % 180 for trace in traces)) == pytest.approx(36, abs=0.1)
