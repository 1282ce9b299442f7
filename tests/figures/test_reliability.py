"""Reliability diagrams show what was counted."""

from itertools import pairwise

import numpy as np
import pytest

from hrtem_lab.evaluation import reliability_counts
from hrtem_lab.figures.reliability import plot_reliability
from hrtem_lab.figures.style import save


def plot(log=False, **counts):
    labels = {"items": "pixels", "probability": "probability", "fraction": "fraction"}
    return plot_reliability(counts, dict.fromkeys(counts, "#0072B2"), **labels, log=log)


def test_a_reliability_plot_shows_the_share_of_every_bin_that_was_met():
    """Half of the pixels that were given 0.3 are particles, and all of those that were given 0.9."""
    probability = np.repeat([0.3, 0.9], 100)
    truth = np.concatenate([np.arange(100) % 2 == 0, np.ones(100, dtype=bool)])
    figure = plot(unet=reliability_counts(probability, truth))
    above, below = figure.axes
    np.testing.assert_allclose(above.lines[1].get_xydata(), [[0.3, 0.5], [0.9, 1.0]])
    assert above.get_title() == "Expected calibration error 0.150"
    bars = {round(bar.get_x() + bar.get_width() / 2, 3): bar.get_height() for bar in below.patches}
    assert {place: height for place, height in bars.items() if height} == {0.3: 100, 0.9: 100}


@pytest.mark.parametrize("pixels", [0, 1])
def test_a_reliability_plot_of_next_to_nothing_can_be_saved(pixels, tmp_path):
    counts = reliability_counts(np.full(pixels, 0.5), np.ones(pixels))
    save(plot(log=True, unet=counts), tmp_path / "reliability.png")
    assert (tmp_path / "reliability.png").stat().st_size > 0


def test_several_series_have_bars_side_by_side_and_their_errors_in_the_legend():
    probability = np.repeat([0.3, 0.9], 100)
    truth = np.concatenate([np.arange(100) % 2 == 0, np.ones(100, dtype=bool)])
    counts = reliability_counts(probability, truth)
    figure = plot(one=counts, other=counts)
    above, below = figure.axes
    legend = [text.get_text() for text in above.get_legend().get_texts()]
    assert legend == ["one, calibration error 0.150", "other, calibration error 0.150"]
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in below.patches)
    assert all(right <= left + 1e-9 for (_, right), (left, _) in pairwise(edges))
