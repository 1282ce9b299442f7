"""Lines of faults in images of drawn crystals, where they were drawn."""

import numpy as np
import pytest

from hrtem_lab.particles import find_fault_lines, tabulate_fault_lines
from tests.particles.scenes import faulted, particle, single, twinned

PIXEL_NM = 0.05


def find(*waves, corner=(0, 0), **scene):
    """Line of a particle, 5 nm wide, whose crop begins at a corner of a larger image; and the particle's centre."""
    image, instances = particle(*waves, pixel_size_nm=PIXEL_NM, noise=0.2, **scene)
    padding = [(first, 0) for first in corner]
    image, instances = np.pad(image, padding, mode="reflect"), 7 * np.pad(instances, padding)
    centre = np.argwhere(instances == 7).mean(axis=0)
    return find_fault_lines(image, instances, [7], PIXEL_NM).get(7), centre


@pytest.mark.parametrize("azimuth_deg", [0.0, 20.0, 110.0, 160.0])
@pytest.mark.parametrize("at_nm", [-0.9, 0.4])
@pytest.mark.parametrize("corner", [(0, 0), (13, 40)])
def test_a_stacking_fault_is_where_it_was_drawn(azimuth_deg, at_nm, corner):
    line, centre = find(*faulted(azimuth_deg, at_nm), corner=corner)
    angle = np.deg2rad(azimuth_deg)
    normal = np.array([np.sin(angle), np.cos(angle)])
    assert line.kind == "stacking fault"
    assert abs(np.sin(np.deg2rad(line.normal_deg - azimuth_deg))) < np.sin(np.deg2rad(2))
    place_nm = (np.array([line.row_px, line.column_px]) - centre) @ normal * PIXEL_NM
    assert place_nm == pytest.approx(at_nm, abs=0.15)
    assert line.distance_nm == pytest.approx(abs(at_nm), abs=0.15)
    assert line.length_nm == pytest.approx(2 * np.sqrt(2.5**2 - at_nm**2), abs=0.25)
    assert {spot.side for spot in line.spots} == {"both"}


@pytest.mark.parametrize("azimuth_deg", [20.0, 95.0])
def test_the_two_lattices_of_a_twin_are_on_their_sides(azimuth_deg):
    """What `twinned` draws beyond the line lies where the line's normal points, or away from it if it is opposite."""
    line, _ = find(*twinned(azimuth_deg))
    assert line.kind == "twin"
    beyond, before = ("right", "left") if np.cos(np.deg2rad(line.normal_deg - azimuth_deg)) > 0 else ("left", "right")
    for turn_deg, side in ((0.0, "both"), (70.53, beyond), (-70.53, before)):
        angles = [np.rad2deg(np.arctan2(spot.row_per_nm, spot.column_per_nm)) for spot in line.spots]
        nearest = np.abs((np.array(angles) - azimuth_deg - turn_deg + 90) % 180 - 90).argmin()
        assert line.spots[nearest].side == side


def test_the_ends_of_a_line_lie_on_the_outline_along_its_angle():
    line, centre = find(*twinned(20.0))
    start, end = (np.array(point) for point in line.ends_px(PIXEL_NM))
    assert np.hypot(*(end - start)) * PIXEL_NM == pytest.approx(line.length_nm)
    for point in (start, end):
        assert np.hypot(*(point - centre)) * PIXEL_NM == pytest.approx(2.5, abs=0.15)
    # rows run downwards, so that a line with its normal 20 degrees below the horizontal rises 70 degrees to the right
    assert line.angle_deg == pytest.approx(70.0, abs=2)
    assert (start - end)[0] / (end - start)[1] == pytest.approx(np.tan(np.deg2rad(line.angle_deg)), rel=0.01)


def test_a_crystal_without_a_fault_has_no_line():
    assert find(*single())[0] is None
    assert find()[0] is None


def test_a_table_of_lines_has_the_same_columns_with_and_without_any():
    line, _ = find(*twinned(20.0))
    table, empty = tabulate_fault_lines({7: line}, PIXEL_NM), tabulate_fault_lines({}, PIXEL_NM)
    assert table.index.tolist() == [7]
    assert table.loc[7, "row_nm"] == pytest.approx(line.row_px * PIXEL_NM)
    assert list(empty.columns) == list(table.columns)
    assert (empty.dtypes == table.dtypes).all()
