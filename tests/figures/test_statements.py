"""Sentences: their numbers, and that they claim only what is established."""

import pandas as pd

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
    assert statements.describe_difference(pd.DataFrame(BY_HAND), "a", "b") == [
        "Particles of a are smaller than those of b by 0.30 nm (95 % 0.10 to 0.51); corrected p < 0.001.",
        "Particles of a have a higher aspect ratio than those of b by 0.05 (95 % 0.01 to 0.12); corrected p = 0.021.",
        "Particles of a against those of b, not established: solidity 0.001 (95 % -0.020 to 0.022).",
    ]


def test_uncertain_particles_are_counted():
    uncut = pd.DataFrame({"micrograph": list("abcdefg"), "class": ["uncertain"] * 3 + ["fault"] * 4})
    lines = statements.describe_sample(uncut.assign(touches_edge=False), uncut)
    assert "Of 3 of them the forest is uncertain: they have no class." in lines
    assert not any(
        "uncertain" in line for line in statements.describe_sample(uncut[3:].assign(touches_edge=False), uncut[3:])
    )


def test_too_few_micrographs_for_any_p_claim_nothing_whatever_the_table_says():
    lines = statements.describe_difference(pd.DataFrame(BY_HAND).assign(micrographs=1), "a", "b")
    assert lines == [
        "a against b: with 1 and 8 micrographs p cannot fall below 1, so that no difference can be claimed."
    ]


def test_excluded_particles_are_counted():
    table = pd.DataFrame(
        {"micrograph": list("aabbb"), "touches_edge": [True, True, False, False, False],
         "class": ["fault", "empty", "agglomerate", "empty", "fault"]}
    )  # fmt: skip
    first, few = statements.describe_sample(table, table[4:])
    assert first.startswith(
        "5 particles in 2 micrographs, 1 of them described; left out: 2 cut by the edge, 2 called agglomerate or empty."
    )
    assert few.startswith("Only 1 micrograph with whole particles")
