"""One crystal against two, on drawn crystals with and without a planar fault."""

import numpy as np
import pytest

from hrtem_lab.particles.fault_features import fault_features
from hrtem_lab.particles.fault_line import CrystalLines
from hrtem_lab.particles.feature_names import FAULT_FEATURES
from hrtem_lab.particles.fringe_maps import fringe_maps
from tests.particles.scenes import (
    AU_111_NM,
    beyond,
    drawn_spectrum,
    faulted,
    fringes,
    significant_peaks,
    single,
    twinned,
)

CDSE_100_NM, CDSE_002_NM, CDSE_101_NM = 0.372, 0.351, 0.329


def mapped(*waves, **scene):
    spectrum = drawn_spectrum(*waves, **scene)
    peaks = significant_peaks(spectrum)
    return spectrum, peaks, fringe_maps(spectrum, peaks)


def found(*waves, **scene):
    return fault_features(*mapped(*waves, **scene))


def wedge(*waves, azimuth_deg=60.0):
    """The same crystal, four times as thick on one side of the particle as on the other, in even steps."""
    across, down = np.cos(np.deg2rad(azimuth_deg)), np.sin(np.deg2rad(azimuth_deg))
    return [lambda r, c, w=wave: w(r, c) * (1 + 0.24 * (r * down + c * across)) for wave in waves]


def wurtzite(shift=0.0, azimuth_deg=20.0, at_nm=0.0):
    """CdSe along <11-20>: (0002), two {10-11} and (10-10), of which all but the first jump at a basal fault I2.

    Its displacement 1/3 <1-100> moves (10-10) and both {10-11} by a third of a turn.
    """
    far, tilt = beyond(azimuth_deg, at_nm), np.rad2deg(np.arccos(CDSE_101_NM / CDSE_002_NM / 2))

    def moved(sign):
        return lambda r, c: sign * far(r, c) * 2 * np.pi * shift

    return (
        fringes(CDSE_002_NM, azimuth_deg),
        fringes(CDSE_100_NM, azimuth_deg + 90, phase=moved(1)),
        fringes(CDSE_101_NM, azimuth_deg + tilt, phase=moved(1)),
        fringes(CDSE_101_NM, azimuth_deg - tilt, phase=moved(-1)),
    )


def test_all_features_are_given_and_finite():
    values = found(*twinned())
    assert values.keys() == FAULT_FEATURES.keys()
    assert np.isfinite(list(values.values())).all()


@pytest.mark.parametrize("noise", [0.1, 0.4])
@pytest.mark.parametrize("faulty", [twinned(), faulted(), wurtzite(1 / 3)], ids=["twin", "fcc fault", "wurtzite fault"])
def test_two_lattices_explain_a_fault_and_one_explains_a_crystal(faulty, noise):
    perfect = wurtzite() if len(faulty) == 4 else single()
    fault, one = found(*faulty, noise=noise), found(*perfect, noise=noise)
    assert fault["line_gain"] > 3 * one["line_gain"]
    assert fault["line_share"] > 0.1 > 10 * one["line_share"]
    assert fault["line_evidence"] > 0 > one["line_evidence"]


@pytest.mark.parametrize("perfect", [single(), wurtzite()], ids=["fcc", "wurtzite"])
def test_thickness_is_no_fault(perfect):
    """The amplitude of each reflection changes fourfold, but in the same way."""
    steep = found(*wedge(*perfect), noise=0.1)
    assert steep["line_share"] < 0.01
    assert steep["edge_share"] < 0.1


def test_a_displacement_alone_explains_a_stacking_fault_but_no_twin():
    for faulty in (faulted(), wurtzite(1 / 3)):
        fault = found(*faulty, noise=0.1)
        assert fault["line_shift_gain"] > 0.8 * fault["line_gain"]
        assert fault["line_shift_share"] <= fault["line_share"] + 1e-9
    twin = found(*twinned(), noise=0.1)
    assert twin["line_shift_gain"] < 0.3 * twin["line_gain"]


def test_a_fault_within_a_nanometre_of_the_edge():
    """A twin of which 0.8 nm is left beside the edge of a particle of 5 nm, seven per cent of it."""
    far = beyond(20.0, 1.7)
    cap = (
        fringes(AU_111_NM, 20.0),
        fringes(AU_111_NM, 90.53, where=lambda r, c: ~far(r, c)),
        fringes(AU_111_NM, -50.53, where=far),
    )
    edge, one, middle = (found(*waves, noise=0.1) for waves in (cap, single(), twinned()))
    assert edge["edge_gain"] > 3 * one["edge_gain"]
    assert edge["edge_share"] > 0.1 > 4 * one["edge_share"]
    assert edge["line_share"] < 0.3 * middle["line_share"]


@pytest.mark.parametrize("azimuth_deg", [20.0, 77.0, 160.0])
@pytest.mark.parametrize("at_nm", [-1.2, 0.0, 0.7])
@pytest.mark.parametrize("kind", [faulted, lambda azimuth_deg, at_nm: wurtzite(1 / 3, azimuth_deg, at_nm)])
def test_the_line_lies_where_the_fault_was_drawn(kind, azimuth_deg, at_nm):
    crystal = CrystalLines.from_maps(*mapped(*kind(azimuth_deg, at_nm), noise=0.2))
    normal_deg, offset_nm = crystal.lines.normal_deg[crystal.best], crystal.offset_nm[crystal.best]
    turn = np.deg2rad(normal_deg - azimuth_deg)
    assert abs(np.sin(turn)) < np.sin(np.deg2rad(2))
    assert np.sign(np.cos(turn)) * offset_nm == pytest.approx(at_nm, abs=0.15)
