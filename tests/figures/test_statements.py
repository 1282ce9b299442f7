"""Sentences that say their numbers, and claim only what is established."""

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.figures import statements

BY_HAND = {
    "quantity": ["equivalent_diameter_nm", "aspect_ratio", "solidity"],
    "difference": [-0.301, 0.0512, 0.001],
    "difference_low": [-0.512, 0.008, -0.02],
    "difference_high": [-0.098, 0.118, 0.022],
    "micrographs": 7,
    "micrographs_other": 8,
    "p_adjusted": [0.0004, 0.021, 0.8],
}


def test_what_is_established_is_claimed_with_its_direction_and_the_rest_is_left_open():
    assert statements.of_two(pd.DataFrame(BY_HAND), "a", "b") == [
        "Particles of a are smaller than those of b by 0.30 nm (95 % 0.10 to 0.51); corrected p < 0.001.",
        "Particles of a have a higher aspect ratio than those of b by 0.05 (95 % 0.01 to 0.12); corrected p = 0.021.",
        "Particles of a against those of b, not established: solidity 0.001 (95 % -0.020 to 0.022).",
    ]


def test_how_many_the_forest_does_not_judge_is_said():
    whole = pd.DataFrame({"micrograph": list("abcdefg"), "class": ["uncertain"] * 3 + ["fault"] * 4})
    said = statements.counted(whole.assign(touches_edge=False), whole)
    assert "Of 3 of them the forest is uncertain: they count for sizes and shapes, not for faults." in said
    assert not any("uncertain" in line for line in statements.counted(whole[3:].assign(touches_edge=False), whole[3:]))


def test_too_few_micrographs_for_any_p_claim_nothing_whatever_the_table_says():
    said = statements.of_two(pd.DataFrame(BY_HAND).assign(micrographs=1), "a", "b")
    assert said == [
        "a against b: with 1 and 8 micrographs p cannot fall below 1, so that no difference can be claimed."
    ]


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
def test_a_number_has_as_many_digits_as_its_interval_bears(values, text):
    row = pd.Series(dict(zip(("mean", "mean_low", "mean_high"), values, strict=True)))
    assert statements.interval(row, "mean", "nm") == text


def test_what_was_left_out_is_counted():
    table = pd.DataFrame(
        {"micrograph": list("aabbb"), "touches_edge": [True, True, False, False, False],
         "class": ["fault", "empty", "agglomerate", "empty", "fault"]}
    )  # fmt: skip
    first, few = statements.counted(table, table[4:])
    assert first.startswith(
        "5 particles in 2 micrographs, 1 of them described; left out: 2 cut by the edge, 2 called agglomerate or empty."
    )
    assert few.startswith("Only 1 micrograph with whole particles")
