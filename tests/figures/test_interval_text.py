"""Texts of values with intervals."""

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.figures.interval_text import interval_text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((5.123, 5.01, 5.22), "5.12 nm (95 % 5.01 to 5.22)"),
        ((1234.5, 1100.0, 1300.0), "1234 nm (95 % 1100 to 1300)"),
        ((5.123, np.nan, np.nan), "5.12 nm"),
        ((4.0, 4.0, 4.0), "4.00 nm (95 % 4.00 to 4.00)"),
        ((np.nan, np.nan, np.nan), "nan nm"),
    ],
)
def test_digits_follow_the_width_of_the_interval(values, text):
    row = pd.Series(dict(zip(("mean", "mean_low", "mean_high"), values, strict=True)))
    assert interval_text(row, "mean", unit="nm", level="95 % ") == text


def test_digits_of_value_and_bounds_can_be_fixed():
    row = {"dice": 0.9123, "low": 0.8967, "high": 0.925}
    assert interval_text(row, "dice", bounds="", digits=3, bound_digits=2) == "0.912 (0.90 to 0.93)"
    assert interval_text(row, "dice", bounds="", digits=1) == "0.9 (0.9 to 0.9)"


def test_a_row_without_bounds_has_no_interval():
    assert interval_text({"dice": 0.5}, "dice", digits=3) == "0.500"
