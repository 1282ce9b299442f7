"""The comparison over seeds, as it is drawn."""

import pandas as pd

from hrtem_lab.figures.sweeps import plot_seed_comparison
from hrtem_lab.search.seed_comparison import compare_over_seeds


def trials(*rows: tuple[str, int, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["net", "seed", "dice"]).assign(state="complete")


def test_every_seed_is_drawn():
    table = trials(("a", 0, 0.5), ("b", 0, 0.6), ("a", 1, 0.7), ("b", 1, 0.9), ("a", 2, 0.6), ("c", 0, 0.99))
    figure = plot_seed_comparison(table, "dice", compare_over_seeds(table, "dice", ["net"]), ["net"])
    axes, _ = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["b", "a"]
    rings = [line.get_xdata() for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert [sorted(x) for x in rings] == [[0.6, 0.9], [0.5, 0.6, 0.7]]


def test_settings_without_a_value_are_drawn_too():
    table = trials(("a", 0, 0.5), ("a", 1, 0.6), ("a", 0, 0.1), ("a", 1, 0.2)).assign(ema=[None, None, "x", "x"])
    comparison = compare_over_seeds(table, "dice", ["net", "ema"])
    figure = plot_seed_comparison(table, "dice", comparison, ["net", "ema"])
    rings = [list(x.get_xdata()) for x in figure.axes[0].lines if x.get_markerfacecolor() == "none"]
    assert rings == [[0.5, 0.6], [0.1, 0.2]]
