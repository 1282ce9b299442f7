"""Agreement of annotators on discs whose sizes are known."""

import numpy as np
import pytest

from hrtem_lab.evaluation.agreement import annotator_agreement


def disc(radius_px: float) -> np.ndarray:
    row, column = np.mgrid[:120, :120]
    return (np.hypot(row - 60, column - 60) < radius_px).astype(np.int32)


def test_who_draws_larger_is_told_by_how_much() -> None:
    table = annotator_agreement({"a": disc(30), "b": disc(34), "c": disc(30)}, pixel_size_nm=0.05).set_index(
        ["first", "second"]
    )
    assert list(table.index) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert table.loc[("a", "c"), ["dice", "size_difference_nm"]].tolist() == [1, 0]
    assert table.at[("a", "b"), "size_difference_nm"] == pytest.approx(8 * 0.05, abs=0.01)
    assert table.at[("a", "b"), "boundary_signed_nm"] == pytest.approx(4 * 0.05, abs=0.02)
    assert table.at[("a", "b"), "dice"] == pytest.approx(2 * 30**2 / (30**2 + 34**2), abs=0.01)
    assert table.at[("b", "c"), "size_difference_nm"] == -table.at[("a", "b"), "size_difference_nm"]


def test_one_who_found_nothing_has_no_size() -> None:
    table = annotator_agreement({"a": disc(30), "b": disc(0)}, pixel_size_nm=0.05)
    assert table["dice"].tolist() == [0]
    assert table["size_difference_nm"].isna().all()
