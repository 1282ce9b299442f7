"""Pictures that say what their numbers say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hrtem_lab.evaluation import calibration_counts
from hrtem_lab.lab import figures


def test_a_reliability_plot_shows_the_share_of_every_bin_that_was_met():
    """Half of the pixels that were given 0.3 are particles, and all of those that were given 0.9."""
    probability = np.repeat([0.3, 0.9], 100)
    truth = np.concatenate([np.arange(100) % 2 == 0, np.ones(100, dtype=bool)])
    figure = figures.reliability(calibration_counts(probability, truth))
    above, below = figure.axes
    np.testing.assert_allclose(above.lines[1].get_xydata(), [[0.3, 0.5], [0.9, 1.0]])
    assert above.get_title() == "Expected calibration error 0.150"
    bars = {round(bar.get_x() + bar.get_width() / 2, 3): bar.get_height() for bar in below.patches}
    assert {place: height for place, height in bars.items() if height} == {0.3: 100, 0.9: 100}
    plt.close(figure)


@pytest.mark.parametrize("pixels", [0, 1])
def test_a_reliability_plot_of_next_to_nothing_can_be_saved(pixels, tmp_path):
    counts = calibration_counts(np.full(pixels, 0.5), np.ones(pixels))
    figures.save(figures.reliability(counts), tmp_path / "reliability.png")
    assert (tmp_path / "reliability.png").stat().st_size > 0
